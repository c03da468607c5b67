"""What a session does with what models send: thoughts, remarks, failures, a second model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing

from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import EngineFailure
from parley.engines.kit import Engines
from parley.engines.llm.interface import Alive, Remark, Responder
from parley.engines.llm.scripted import HANG, ScriptedResponder, Step
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.dialects import DIALECTS
from parley.testing import open_session, silence, speech

Clock = trio.testing.MockClock


class Cast:
    def __init__(self, *replies: Sequence[Step], second: Responder | None = None) -> None:
        self.responder = ScriptedResponder(replies, then=["Fine."], second=second)
        self.synthesizer = ScriptedSynthesizer(ms_per_char=10)

    def session(self, dialect: str = "prompt-voice", **settings: Any) -> Any:
        engines = Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: ScriptedTranscriber(["hello there"] * 9),
            responder=self.responder,
            synthesizer=self.synthesizer,
        )
        [spoken] = [one for one in DIALECTS if one.profile.name == dialect]
        return open_session(engines, settings=Settings.defaults(**settings), dialect=spoken)


async def say(client: InMemoryClient) -> None:
    await client.speak(speech(600) + silence(900), chunk_ms=100)


def words(client: InMemoryClient) -> list[str]:
    return [message["text"] for message in client.of("llm_token")]


@pytest.mark.parametrize(
    "thoughts",
    [
        ["<think>", *["hm "] * 20, "</think>\n\n"],
        [Alive(), *[1.0, Alive()] * 20],
        ["<|channel|>analysis<|message|>", *[1.0, "hm"] * 20, "<|end|>"],
    ],
)
async def test_thoughts_are_neither_shown_nor_said_nor_remembered(
    autojump_clock: Clock, thoughts: list[Step]
) -> None:
    cast = Cast([*thoughts, "Hello ", "you."])
    async with cast.session() as (session, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
        assert words(client) == ["Hello ", "you.", ""]
        assert client.of("error") == []
        assert cast.synthesizer.texts == ["Hello you."]
        assert session.parts.items.exchanges() == [("hello there", "Hello you.")]


async def test_a_reply_that_was_cut_short_is_remarked_on_and_remembered(
    autojump_clock: Clock,
) -> None:
    cast = Cast(["So far.", Remark(text="cut at its longest length")])
    async with cast.session() as (session, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
        assert [m["message"] for m in client.of("info")][1:] == ["cut at its longest length"]
        assert client.of("error") == []
        assert words(client)[-1] == ""
        assert session.parts.items.exchanges() == [("hello there", "So far.")]


async def test_a_second_model_answers_for_the_first(autojump_clock: Clock) -> None:
    second = ScriptedResponder(then=["Second."])
    cast = Cast([EngineFailure("down", retryable=False)], [HANG], second=second)
    async with cast.session() as (session, client):
        await client.start()
        for count in (1, 2, 3):
            await say(client)
            await client.wait_for("tts_complete", count=count)
        assert client.of("error") == []
        assert [text for text in words(client) if text] == ["Second.", "Second.", "Fine."]
        assert len(second.conversations) == 2
        assert session.parts.items.exchanges()[-1] == ("hello there", "Fine.")


async def test_where_both_fail_it_is_told_once(autojump_clock: Clock) -> None:
    down = EngineFailure("down", retryable=False)
    cast = Cast([down], second=ScriptedResponder([[down]]))
    async with cast.session() as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("error")
        await say(client)
        await client.wait_for("tts_complete")
        assert [m["message"] for m in client.of("error")] == ["down; before it: down"]


@pytest.mark.parametrize("reply", [["..."], ["<think>hm"], [" "]])
async def test_a_reply_without_a_word_is_told_as_a_failure(
    autojump_clock: Clock, reply: list[Step]
) -> None:
    async with Cast(reply).session() as (session, client):
        await client.start()
        await say(client)
        await client.wait_for("error")
        await trio.sleep(1)
        assert [m["code"] for m in client.of("error")] == ["LLM_FAIL"]
        assert words(client) == []
        assert session.parts.items.exchanges() == [("hello there", "")]


async def test_an_empty_system_prompt_is_none(autojump_clock: Clock) -> None:
    cast = Cast()
    async with cast.session(stream_system_prompt="") as (_, client):
        await client.start()
        await say(client)
        await client.wait_for("tts_complete")
    [asked] = cast.responder.conversations
    assert [message.role for message in asked] == ["user"]
