"""pyttsx3 in a lane: whole phrases, whatever is in the text."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import trio

from parley.engines.failures import EngineFailure, EngineUnavailable
from parley.engines.lanes.lane import Lane
from parley.engines.lanes.pool import LanePool
from parley.engines.tts import pyttsx3_worker as worker
from parley.engines.tts.interface import Synthesizer
from parley.engines.tts.pyttsx3 import SILENT_RATE_HZ, Pyttsx3Synthesizer, loader
from parley.engines.tts.text import speakable, speakable_at


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


@pytest.mark.parametrize(
    ("text", "begins"), [("Hi.", 0), ("  Hi.  ", 2), ("\0\n Hi\x07.", 3), (" ... ", 0), ("", 0)]
)
def test_each_of_its_characters_stands_for_one_of_the_text(text: str, begins: int) -> None:
    spoken, at = speakable_at(text)
    assert at == begins
    assert spoken == speakable(text)
    for offset, character in enumerate(spoken):
        assert character in (text[at + offset], " ")


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
async def test_each_word_has_its_time_in_the_text_that_was_given() -> None:
    said = "It costs $1,250,000.50 at the end of May, naïve 😀 Grüße | say I.e. so."
    text = " \n\0 " + said.replace(" at", " — at").replace("end ", "end\x07") + "\n"
    async with a_lane(Lane("tts", loader())) as lane:
        speech = await Pyttsx3Synthesizer(LanePool([lane])).speak(text)
    words = speech.words
    assert [text[word.start : word.end] for word in words] == said.split()
    assert words[0].start_s == 0
    assert words[-1].end_s == pytest.approx(speech.duration_s, abs=1e-4)
    assert all(one.end_s == other.start_s for one, other in pairwise(words))
    lengths_s = {text[word.start : word.end]: word.end_s - word.start_s for word in words}
    assert lengths_s["$1,250,000.50"] > 2
    assert 0.05 < lengths_s["the"] < 0.4
    # Behind the pause at its beginning the last word sounds.
    samples = np.abs(np.frombuffer(speech.pcm16, "<i2").astype(int))
    begin = int(words[-1].start_s * speech.rate_hz)
    assert samples[begin : begin + 4000].max() > 3000


@pytest.mark.slow
async def test_signs_that_espeak_says_nothing_of_are_a_pause_and_a_letter_is_a_failure() -> None:
    async with a_lane(Lane("tts", loader())) as lane:
        synthesizer = Pyttsx3Synthesizer(LanePool([lane]))
        assert (await synthesizer.speak("|")).pcm16 == b""
        with pytest.raises(EngineFailure, match="no sound of this phrase"):
            await synthesizer.speak("\u0967")  # a digit that this voice does not know
        assert (await synthesizer.speak("Still here.")).pcm16
        assert lane.generation == 1


class Espeak:
    """pyttsx3's door to the library, with what it is made to tell."""

    EVENT_LIST_TERMINATED, EVENT_WORD, EE_OK, ENDPAUSE, CHARS_UTF8 = 0, 1, 0, 0x1000, 1

    def __init__(self, told: Sequence[tuple[int, Sequence[object]]], result: int = 0) -> None:
        self._told = told
        self._result = result

    def SetSynthCallback(self, callback: Callable[..., int]) -> None:  # noqa: N802
        self._callback = callback

    def Synth(self, text: bytes, *, flags: int) -> int:  # noqa: N802
        for samples, events in self._told:
            wav = (ctypes.c_short * max(1, samples))(*[1000] * samples)
            self._callback(wav, samples, [*events, event(0)])
        return self._result


def event(kind: int, position: int = 0, sample: int = 0, number: int = 0) -> object:
    named = SimpleNamespace(number=number)
    return SimpleNamespace(type=kind, text_position=position, sample=sample, id=named)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has the worker speak through an Espeak, with an engine that needs no setting."""

    def tell(*said: tuple[int, Sequence[object]], result: int = 0) -> None:
        espeak = Espeak(said, result)
        engine = SimpleNamespace(proxy=SimpleNamespace(_driver=None))
        monkeypatch.setattr(worker, "_espeak", lambda: espeak)
        monkeypatch.setattr(worker, "_engine", engine)
        for name in ("_own_voice", "_voice_now"):
            monkeypatch.setattr(worker, name, None)

    return tell


def test_the_rate_is_the_one_that_espeak_tells(told: Callable[..., None]) -> None:
    told((8000, [event(8, number=16_000), event(1, 1, 0), event(1, 5, 4000)]), (8000, []))
    speech = worker.speak("one two")
    assert (speech.rate_hz, speech.duration_s) == (16_000, 1.0)
    assert [word.start_s for word in speech.words] == [0.0, 0.25]


def test_words_that_come_late_or_behind_the_sound_do_no_harm(told: Callable[..., None]) -> None:
    events = [event(1, 9, 200), event(1, 1, 0), event(1, 5, 100), event(1, 999, 300)]
    told((600, events))
    moments = [word.start_s for word in worker.speak("one two three").words]
    assert moments == [round(sample / worker.RATE_HZ, 4) for sample in (0, 100, 200)]


@pytest.mark.parametrize(
    ("said", "result", "words"),
    [
        ([(500, [event(1, 1, 0), event(5, 8, 900)])], 0, "500 samples of a phrase of 900"),
        ([(500, [event(1, 1, 0)])], -1, "error -1"),
        ([], 1, "error 1"),
        ([], 0, "no sound of this phrase"),
        ([(0, [event(1, 1, 0)])], 0, "no sound of this phrase"),
    ],
)
def test_half_a_phrase_or_none_is_a_failure(
    told: Callable[..., None], said: Any, result: int, words: str
) -> None:
    told(*said, result=result)
    with pytest.raises(EngineFailure, match=words):
        worker.speak("one two")


def test_espeak_is_begun_anew_after_half_a_phrase(told: Callable[..., None]) -> None:
    told((500, [event(5, 8, 900)]))
    with pytest.raises(EngineFailure):
        worker.speak("one two")
    assert worker._engine is None


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


@pytest.mark.few(2)
@pytest.mark.slow
@pytest.mark.parametrize(
    "voice",
    ["de", "EN-US", "English (America)", "gmw/en-us", "en-us+f3", "en-gb", "fr-fr", "en-GB+m1"],
)
async def test_a_voice_may_be_named_by_language_name_identifier_or_variant(voice: str) -> None:
    async with a_lane(Lane("tts", loader(voice=voice))) as lane:
        assert (await Pyttsx3Synthesizer(LanePool([lane])).speak("hello")).pcm16


@pytest.mark.few(1)
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
