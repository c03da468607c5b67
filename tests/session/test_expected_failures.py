"""Engines that fail again and again: each failure is told, and the session goes on.

However many phrases, utterances or replies in a row an engine fails on, nothing is restarted for
it, and so no session ends for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing

from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import (
    EngineBusy,
    EngineFailure,
    EngineTimeout,
    EngineUnavailable,
    LaneLost,
)
from parley.engines.kit import Engines
from parley.engines.llm.scripted import ENTERED, ScriptedResponder, Step
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.telemetry import Telemetry
from parley.testing import open_session, silence, speech

Clock = trio.testing.MockClock

FAILURES = {
    "failed": EngineFailure("it failed"),
    "refused": EngineFailure("it refused", retryable=False),
    "timed out": EngineTimeout("it took too long"),
    "lost": LaneLost("the lane is gone"),
    "busy": EngineBusy("there is no room"),
    "unavailable": EngineUnavailable("there is none"),
}

ASKED_TWICE = {"voice": ("failed", "lost"), "recognizer": ("failed", "lost", "timed out")}

every_failure = pytest.mark.parametrize("name", FAILURES)


class Cast:
    """Engines of which one fails, and what is counted of them."""

    def __init__(
        self,
        *,
        transcriber: ScriptedTranscriber | None = None,
        replies: Sequence[Sequence[Step]] = (),
        voice_failures: dict[int, Exception] | None = None,
    ) -> None:
        self.transcriber = transcriber or ScriptedTranscriber(["hello there"] * 30)
        self.responder = ScriptedResponder(replies, then=["Fine."])
        self.synthesizer = ScriptedSynthesizer(ms_per_char=10, failures=voice_failures or {})
        self.telemetry = Telemetry()

    def session(self) -> Any:
        engines = Engines(
            detector=lambda hearing: ScriptedDetector(),
            transcriber=lambda session_id: self.transcriber,
            responder=self.responder,
            synthesizer=self.synthesizer,
        )
        return open_session(engines, settings=Settings.defaults(), telemetry=self.telemetry)

    def failures(self, engine: str, failure: Exception) -> float | None:
        labels = {"engine": engine, "failure": type(failure).__name__}
        return self.telemetry.registry.get_sample_value("parley_engine_failures_total", labels)

    def restarts(self) -> float:
        return sum(
            sample.value
            for metric in self.telemetry.registry.collect()
            for sample in metric.samples
            if sample.name == "parley_restarts_total"
        )


async def say(client: InMemoryClient) -> None:
    """An utterance that comes in faster than it was said: there is no time between failures."""
    await client.transport.send(speech(600))
    for _ in range(8):
        await client.transport.send(silence(100))


def codes(client: InMemoryClient) -> list[str]:
    return [error["code"] for error in client.of("error")]


@every_failure
@pytest.mark.parametrize("phrases", [7, 20, 100])
async def test_a_voice_that_fails_on_every_phrase_of_a_reply_costs_no_more_than_the_sound(
    autojump_clock: Clock, name: str, phrases: int
) -> None:
    failure = FAILURES[name]
    attempts = 2 if name in ASKED_TWICE["voice"] else 1
    words = [f" Sentence {number}." for number in range(phrases)]
    cast = Cast(
        replies=[words],
        voice_failures=dict.fromkeys(range(1, attempts * phrases + 1), failure),
    )
    async with cast.session() as (session, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
        await trio.sleep(1)
        code = "MODEL_LOAD_FAIL" if name == "unavailable" else "TTS_FAIL"
        assert codes(client) == [code] * phrases
        assert [m["text"] for m in client.of("llm_token")] == [*words, ""]
        assert session.parts.items.exchanges() == [("hello there", "".join(words).strip())]
        await say(client)
        await client.wait_for("tts_chunk")
        await client.wait_for("tts_complete", count=2)
        assert codes(client) == [code] * phrases
        assert client.closed is None
    assert cast.failures("tts", failure) == attempts * phrases
    assert cast.restarts() == 0


@pytest.mark.few(6)
@pytest.mark.parametrize("name", [name for name in FAILURES if name != "unavailable"])
@pytest.mark.parametrize("utterances", [7, 20])
@pytest.mark.parametrize("call", ["begin", "feed", "finish"])
async def test_a_recognizer_that_fails_on_every_utterance_costs_these_and_no_more(
    autojump_clock: Clock, name: str, utterances: int, call: str
) -> None:
    failure = FAILURES[name]
    attempts = 2 if name in ASKED_TWICE["recognizer"] else 1
    fail_on = {(call, number): failure for number in range(1, attempts * utterances + 1)}
    cast = Cast(transcriber=ScriptedTranscriber(["hello there"], fail_on=fail_on))
    async with cast.session() as (_, client):
        await client.start()
        for _ in range(utterances):
            await say(client)
        await trio.sleep(1)
        code = {"timed out": "ASR_TIMEOUT", "busy": "BACKPRESSURE"}.get(name, "ASR_FAIL")
        assert codes(client) == [code] * utterances
        await say(client)
        await client.wait_for("tts_complete")
        assert [m["text"] for m in client.of("final_transcript")] == ["hello there"]
        assert client.closed is None
    assert cast.failures("asr", failure) == attempts * utterances
    assert cast.restarts() == 0


@pytest.mark.few(6)
@every_failure
@pytest.mark.parametrize("replies", [7, 20])
@pytest.mark.parametrize("entering", [True, False])
async def test_a_language_model_that_fails_on_every_reply_costs_these_and_no_more(
    autojump_clock: Clock, name: str, replies: int, entering: bool
) -> None:
    failure = FAILURES[name]
    attempts = 2 if name in ("failed", "lost") else 1
    reply: list[Step] = [failure, ENTERED] if entering else [failure]
    cast = Cast(replies=[reply] * attempts * replies)
    async with cast.session() as (_, client):
        await client.start()
        for number in range(1, replies + 1):
            await say(client)
            await client.wait_for("tts_complete", count=number)
        code = "LLM_TIMEOUT" if name == "timed out" else "LLM_FAIL"
        assert codes(client) == [code] * replies
        await say(client)
        await client.wait_for("tts_chunk")
        assert client.closed is None
    assert cast.failures("llm", failure) == attempts * replies
    assert cast.restarts() == 0
