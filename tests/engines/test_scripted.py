"""The scripted transcriber and synthesizer are exact, in what they say and in when."""

from __future__ import annotations

import math

import pytest
import trio
from trio.testing import MockClock

from parley.engines.asr.interface import Transcriber, Transcript
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import EngineFailure, EngineTimeout
from parley.engines.tts.interface import Synthesizer
from parley.engines.tts.scripted import ScriptedSynthesizer

MS_100 = b"\x00\x10" * 1600
"""Loud enough to be sound: silence would be a noise without words."""
SECOND = MS_100 * 10


async def test_words_are_heard_as_their_audio_is_fed() -> None:
    transcriber: Transcriber = ScriptedTranscriber(["turn it off"], shortest_ms=0, word_ms=300)
    await transcriber.begin()
    heard = [await transcriber.feed(MS_100) for _ in range(10)]
    assert heard == ["", "", *["turn"] * 3, *["turn it"] * 3, *["turn it off"] * 2]
    assert await transcriber.finish() == Transcript(
        text="turn it off", decode_ms=0.0, audio_ms=1000.0, runs=11
    )


async def test_hypotheses_may_be_spelled_out_and_the_last_is_final() -> None:
    transcriber = ScriptedTranscriber(
        [["ten", "turn it", "turn it off"]], word_ms=100, shortest_ms=0
    )
    await transcriber.begin()
    assert [await transcriber.feed(MS_100) for _ in range(2)] == ["ten", "turn it"]
    assert (await transcriber.finish()).text == "turn it off"


async def test_the_script_moves_on_when_an_utterance_is_finished() -> None:
    transcriber = ScriptedTranscriber(["one", "two"], shortest_ms=0)
    for expected in ("one", "two"):
        await transcriber.begin()
        await transcriber.feed(SECOND)
        await transcriber.abandon()
        await transcriber.begin()
        await transcriber.begin()
        await transcriber.feed(SECOND)
        assert (await transcriber.finish()).text == expected
    await transcriber.abandon()
    assert transcriber.calls == {"begin": 6, "feed": 4, "finish": 2, "abandon": 4}
    assert [len(audio) for audio in transcriber.heard] == [32_000, 0, 32_000] * 2
    await transcriber.begin()
    with pytest.raises(LookupError, match="more utterances"):
        await transcriber.feed(SECOND)


async def test_an_utterance_without_audio_has_no_text() -> None:
    transcriber = ScriptedTranscriber(["one"], shortest_ms=0)
    await transcriber.begin()
    assert (await transcriber.finish()).text == ""


async def test_an_empty_entry_is_never_a_word() -> None:
    transcriber = ScriptedTranscriber(["", []], shortest_ms=0)
    for _ in range(2):
        await transcriber.begin()
        assert await transcriber.feed(SECOND) == ""
        assert (await transcriber.finish()).text == ""


async def test_calls_take_their_time_exactly(autojump_clock: MockClock) -> None:
    transcriber = ScriptedTranscriber(
        ["one"], shortest_ms=0, delays_s={"feed": 0.25, ("feed", 2): 1.5, "finish": 0.125}
    )
    began_s = trio.current_time()
    await transcriber.begin()
    await transcriber.feed(SECOND)
    assert trio.current_time() - began_s == 0.25
    await transcriber.feed(SECOND)
    transcript = await transcriber.finish()
    assert trio.current_time() - began_s == 1.875
    assert (transcript.decode_ms, transcript.runs) == (1875.0, 3)


async def test_a_call_fails_where_the_script_says_so_and_loses_the_utterance() -> None:
    failure = EngineFailure("gone")
    transcriber = ScriptedTranscriber(["one"], shortest_ms=0, fail_on={("feed", 2): failure})
    await transcriber.begin()
    await transcriber.feed(SECOND)
    with pytest.raises(EngineFailure) as caught:
        await transcriber.feed(SECOND)
    assert caught.value is failure
    with pytest.raises(RuntimeError, match="finish without an open utterance"):
        await transcriber.finish()
    await transcriber.begin()
    await transcriber.feed(SECOND)
    assert (await transcriber.finish()).text == "one"


async def test_a_cancelled_call_loses_the_utterance(autojump_clock: MockClock) -> None:
    transcriber = ScriptedTranscriber(["one"], shortest_ms=0, delays_s={("feed", 1): math.inf})
    await transcriber.begin()
    with trio.move_on_after(3) as scope:
        await transcriber.feed(SECOND)
    assert scope.cancelled_caught
    assert not transcriber.open


async def test_speech_tells_its_text_and_lasts_by_its_length() -> None:
    synthesizer = ScriptedSynthesizer(ms_per_char=50)
    one: Synthesizer = synthesizer
    speech = await one.speak("Grüß dich.")
    assert (speech.rate_hz, speech.duration_s) == (16_000, 0.5)
    assert synthesizer.read_back(speech.pcm16) == "Grüß dich."
    assert synthesizer.read_back(speech.pcm16[: 2 * 800 * 3]) == "Grü"
    assert (await one.speak("  ")).pcm16 == b""
    assert synthesizer.texts == ["Grüß dich.", "  "]


async def test_speech_takes_its_time_and_fails_by_the_script(autojump_clock: MockClock) -> None:
    synthesizer = ScriptedSynthesizer(
        delay_s=0.5, delays_s={2: 2.0, 3: math.inf}, failures={2: EngineTimeout("slow")}
    )
    began_s = trio.current_time()
    await synthesizer.speak("a")
    assert trio.current_time() - began_s == 0.5
    with pytest.raises(EngineTimeout):
        await synthesizer.speak("b")
    assert trio.current_time() - began_s == 2.5
    with trio.move_on_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(synthesizer.speak, "c")
            await trio.testing.wait_all_tasks_blocked()
            assert synthesizer.active == 1
    assert synthesizer.active == 0
