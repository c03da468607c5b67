""" "Mm-hmm" over a reply: it goes on. "Stop": it does not. Whole sessions, virtual time."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.telemetry import Telemetry
from parley.testing import open_session, silence, speech

Clock = trio.testing.MockClock

REPLY = ["This is a reply. ", "It is a long one. ", "It goes on. ", "And on. ", "And here it ends."]


class Cast:
    def __init__(self, said: str, *, asked: bool = False, **settings: Any) -> None:
        self.transcriber = ScriptedTranscriber(["tell me", said, "more"], word_ms=100, asked=asked)
        self.responder = ScriptedResponder([REPLY], then=["Fine."])
        self.synthesizer = ScriptedSynthesizer(ms_per_char=60)
        self.telemetry = Telemetry()
        self.engines = Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: self.transcriber,
            responder=self.responder,
            synthesizer=self.synthesizer,
        )
        self.settings = Settings.defaults(
            **({"stream_backchannels": True, "stream_turn_take_back_ms": 0} | settings)
        )

    async def over_the_reply(self, ms: int) -> tuple[InMemoryClient, list[tuple[str, str]]]:
        """What the client got, and what the memory holds, when somebody spoke over the reply."""
        async with open_session(self.engines, settings=self.settings, telemetry=self.telemetry) as (
            session,
            client,
        ):
            await client.start()
            await client.speak(speech(1000) + silence(1000), chunk_ms=20)
            await client.wait_for("tts_chunk")
            await client.speak(silence(500) + speech(ms) + silence(3000), chunk_ms=20)
            await trio.sleep(15)
            return client, session.parts.items.exchanges()

    @property
    def backchannels(self) -> float | None:
        return self.telemetry.registry.get_sample_value("parley_backchannels_total")


@pytest.mark.parametrize("said", ["mm-hmm", "yeah", "okay right", "i see", "uh huh yeah"])
@pytest.mark.parametrize("asked", [False, True])
async def test_a_listeners_word_leaves_the_reply_alone(
    said: str, asked: bool, autojump_clock: Clock
) -> None:
    cast = Cast(said, asked=asked)
    client, memory = await cast.over_the_reply(500)
    assert client.of("barge_in", "error") == []
    assert [m["text"] for m in client.of("final_transcript")] == ["tell me", said]
    assert len(client.of("tts_phrase_done")) == len(REPLY)
    assert memory == [("tell me", "".join(REPLY))]
    assert len(cast.responder.conversations) == 1
    assert cast.backchannels == 1


@pytest.mark.parametrize("said", ["stop", "wait", "no", "yeah but", "what about tomorrow"])
async def test_who_wants_to_speak_interrupts(said: str, autojump_clock: Clock) -> None:
    cast = Cast(said)
    client, memory = await cast.over_the_reply(600)
    assert len(client.of("barge_in")) == 1
    assert cast.responder.conversations[-1][-1].text == said
    assert len(memory) == 2
    assert cast.backchannels == 0


async def test_a_stop_is_heard_as_soon_as_it_is_certainly_speech(autojump_clock: Clock) -> None:
    took = {}
    for on in (True, False):
        cast = Cast("stop it now please", stream_backchannels=on)
        client, _ = await cast.over_the_reply(800)
        took[on] = client.when("barge_in") - client.when("tts_chunk")
    assert took[True] == pytest.approx(took[False], abs=0.03)


async def test_who_talks_for_long_wants_to_speak(autojump_clock: Clock) -> None:
    cast = Cast("yeah yeah yeah yeah")
    client, _ = await cast.over_the_reply(2500)
    assert len(client.of("barge_in")) == 1


async def test_a_language_without_a_table_has_no_backchannels(autojump_clock: Clock) -> None:
    client, _ = await Cast("yeah", stream_language="fi").over_the_reply(500)
    assert len(client.of("barge_in")) == 1


async def test_unless_it_is_asked_for_whoever_speaks_interrupts(autojump_clock: Clock) -> None:
    client, _ = await Cast("yeah", stream_backchannels=False).over_the_reply(500)
    assert len(client.of("barge_in")) == 1


async def test_the_reply_waits_only_until_the_word_is_known(autojump_clock: Clock) -> None:
    """From the first sound to the confirmation, and not to the final."""
    lasted = {}
    for said, ms in (("yeah", 500), ("", 0)):
        client, _ = await Cast(said or "none").over_the_reply(ms)
        lasted[ms] = client.when("tts_complete") - client.when("tts_chunk")
    assert lasted[500] - lasted[0] < 0.5
