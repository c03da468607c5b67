"""pyttsx3 in a lane: whole phrases, whatever is in the text."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
import trio

from parley.engines.failures import EngineFailure, EngineUnavailable
from parley.engines.lanes.lane import Lane
from parley.engines.lanes.pool import LanePool
from parley.engines.tts import pyttsx3_worker as worker
from parley.engines.tts.interface import Synthesizer
from parley.engines.tts.pyttsx3 import SILENT_RATE_HZ, Pyttsx3Synthesizer, loader
from parley.engines.tts.text import speakable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello.", "Hello."),
        (" \n", ""),
        ("... ?!", ""),
        ("\u200b", ""),
        ("a\0b\ud800c\x1b", "a b c"),
        ("\ud83d\ude00", ""),
        ("100 %", "100 %"),
        ("€", "€"),
        ("%", "%"),
        ("日本", "日本"),
    ],
)
def test_text_is_cleaned_and_the_unpronounceable_is_empty(text: str, expected: str) -> None:
    assert speakable(text) == expected


async def test_nothing_to_say_needs_no_engine() -> None:
    lane = Lane("tts", worker.load)  # nobody runs it
    synthesizer: Synthesizer = Pyttsx3Synthesizer(LanePool([lane]))
    for text in ("", "  ", "...", "\0"):
        speech = await synthesizer.speak(text)
        assert (speech.pcm16, speech.rate_hz) == (b"", SILENT_RATE_HZ)


@asynccontextmanager
async def a_lane(lane: Lane) -> AsyncIterator[Lane]:
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(lane.run)
            yield lane
            nursery.cancel_scope.cancel()


@pytest.mark.slow
async def test_a_lane_speaks_whatever_comes(capfd: pytest.CaptureFixture[str]) -> None:
    async with a_lane(Lane("tts", loader())) as lane:
        synthesizer = Pyttsx3Synthesizer(LanePool([lane]))
        speech = await synthesizer.speak("This is a phrase of two seconds, more or less.")
        samples = np.frombuffer(speech.pcm16, "<i2")
        assert speech.rate_hz == 22_050
        assert 1.5 < speech.duration_s < 4
        assert abs(samples).max() > 3000

        # The same again is as long; a longer one is longer.
        again = await synthesizer.speak("This is a phrase of two seconds, more or less.")
        assert again.duration_s == pytest.approx(speech.duration_s, abs=0.05)
        longer = await synthesizer.speak("This is a phrase of two seconds, more or less. And more.")
        assert longer.duration_s > speech.duration_s

        for text in ("a\0b", "x\ud800y", "日本", "😀", "<speak>", "%", "a" * 2000):
            assert (await synthesizer.speak(text)).pcm16

        # A failure inside leaves pyttsx3 working.
        for _ in range(2):
            with pytest.raises(EngineFailure, match="UnicodeEncodeError"):
                await lane.call(worker.speak, "\ud800")
            again = await synthesizer.speak("This is a phrase of two seconds, more or less.")
            assert again.duration_s == pytest.approx(speech.duration_s, abs=0.05)
        assert lane.generation == 1
    assert capfd.readouterr().out == ""


@pytest.mark.slow
async def test_rate_voice_and_volume_can_be_set() -> None:
    text = "This is a phrase of two seconds, more or less."
    heard = []
    for init in (loader(), loader(rate_wpm=100, volume=0.3, voice="en-us")):
        async with a_lane(Lane("tts", init)) as lane:
            heard.append(await Pyttsx3Synthesizer(LanePool([lane])).speak(text))
    plain, slow_and_low = heard
    assert slow_and_low.duration_s > 1.4 * plain.duration_s
    assert (
        abs(np.frombuffer(slow_and_low.pcm16, "<i2")).max()
        < abs(np.frombuffer(plain.pcm16, "<i2")).max()
    )


@pytest.mark.slow
async def test_a_phrase_has_its_length_however_busy_the_machine_is() -> None:
    """pyttsx3's own loop lost phrases, and settings, to a thread that had no time to begin."""
    burn = [sys.executable, "-c", "while True: pass"]
    async with trio.open_nursery() as burners:
        for _ in range(3 * (os.cpu_count() or 1)):
            burners.start_soon(trio.run_process, burn)
        async with a_lane(Lane("tts", loader())) as lane:
            voice = Pyttsx3Synthesizer(LanePool([lane]))
            lengths = [(await voice.speak("hello world")).duration_s for _ in range(30)]
        burners.cancel_scope.cancel()
    assert max(lengths) - min(lengths) < 0.01
    assert min(lengths) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    "voice",
    ["de", "EN-US", "English (America)", "gmw/en-us", "en-us+f3", "en-gb", "fr-fr", "en-GB+m1"],
)
async def test_a_voice_may_be_named_by_language_name_identifier_or_variant(voice: str) -> None:
    async with a_lane(Lane("tts", loader(voice=voice))) as lane:
        assert (await Pyttsx3Synthesizer(LanePool([lane])).speak("hello")).pcm16


@pytest.mark.slow
@pytest.mark.parametrize(
    ("voice", "words"),
    [
        ("nobody", "no voice 'nobody'; it has .*en-us, en-gb"),
        ("en_us", "it has en-us"),
        ("en+nobody", "no variant 'nobody' of 'en'; it has m1"),
        ("en+", "no variant ''"),
    ],
)
async def test_a_voice_that_does_not_exist_is_told_with_some_that_do(
    voice: str, words: str
) -> None:
    async with a_lane(Lane("tts", loader(voice=voice))) as lane:
        with pytest.raises(EngineUnavailable, match=words):
            await Pyttsx3Synthesizer(LanePool([lane])).speak("hello")


@pytest.mark.slow
async def test_sessions_with_voices_of_their_own_share_a_lane() -> None:
    text = "This is a phrase of two seconds, more or less."
    async with a_lane(Lane("tts", loader(rate_wpm=150, voice="en-us"))) as lane:
        shared = Pyttsx3Synthesizer(LanePool([lane]))
        german = shared.with_voice("de")
        alone_s = [(await voice.speak(text)).duration_s for voice in (shared, german)]
        assert alone_s[1] > 1.1 * alone_s[0]
        for voice in ("nobody", "en+nobody"):
            with pytest.raises(EngineUnavailable, match="espeak has no v"):
                await shared.with_voice(voice).speak(text)
            again_s = [(await voice.speak(text)).duration_s for voice in (shared, german)]
            assert again_s == pytest.approx(alone_s, abs=0.02)
        assert (lane.ready, lane.generation, lane.load_error) == (True, 1, None)
