"""Yesterday's input to today's engines: what came in goes in again, what comes out is new."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.recording.compare import Summary, summary_of
from parley.recording.relive import relive
from parley.recording.relive_report import table_of
from parley.testing.performing import perform
from parley.testing.scenes import REPLY, SCENES

Clock = trio.testing.MockClock


def engines(*words: str) -> Engines:
    return Engines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(words, delays_s={"finish": 0.06}),
        responder=ScriptedResponder(then=REPLY),
        synthesizer=ScriptedSynthesizer(delay_s=0.08, ms_per_char=40, rate_hz=8000),
    )


async def relived(name: str, *words: str, **settings: Any) -> tuple[Summary, Summary]:
    recording = (await perform(SCENES[name])).recording()
    entries = await relive(
        recording.entries,
        dialect=SCENES[name].dialect,
        settings=Settings.defaults(**settings),
        engines=engines(*words),
        session_id="again",
    )
    return summary_of(recording.entries), summary_of(entries)


async def test_the_same_engines_hear_and_answer_the_same(autojump_clock: Clock) -> None:
    before, now = await relived("barge-in", "turn the light off", "stop that now")
    assert now.finals == before.finals == ["turn the light off", "stop that now"]
    assert now.interruptions == before.interruptions == 1
    assert now.turns == before.turns


async def test_other_engines_are_seen_in_the_words(autojump_clock: Clock) -> None:
    before, now = await relived("io-speech", "burn the night off")
    assert before.finals == ["turn the light off"]
    assert now.finals == ["burn the night off"]


@pytest.mark.parametrize("silence_ms", [300, 700])
async def test_a_shorter_window_of_silence_answers_sooner(
    silence_ms: int, autojump_clock: Clock
) -> None:
    _, now = await relived("false-alarm", "yes", stream_vad_silence_ms=silence_ms)
    (first_audio_ms,) = now.first_audio_ms
    assert silence_ms < first_audio_ms < silence_ms + 700


async def test_the_table_shows_what_changed(autojump_clock: Clock) -> None:
    from rich.console import Console

    before, now = await relived("io-speech", "burn the night off")
    console = Console(record=True, width=120)
    console.print(table_of([("a.mcap", before, now)]))
    text = console.export_text()
    assert "0 of 1" in text
    assert "burn the night off" in text
