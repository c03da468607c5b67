"""The LLMActor on every shape that a real HTTP server sends: what the client is told, and by which
code. Time is real, and bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import openai.resources.chat  # noqa: F401 (the seconds this may take are not a test's)
import pytest
import trio

from parley.actors.llm import Asked, LLMActor
from parley.actors.messages import Aside, EndOfReply, EndOfRound, Report, TextPiece
from parley.conversation.attempts import Attempts
from parley.conversation.record import TurnRecord
from parley.conversation.writing import LLMDeadlines
from parley.engines.llm.openai import OpenAIResponder, open_openai
from parley.protocol.chat import ChatMessage
from parley.protocol.codes import Code
from parley.protocol.events import Failure, Info, Token
from parley.telemetry import Telemetry
from support import llm_server as wire
from support.channels import drain, open_outbox
from support.llm_server import LLMServer, open_llm_server
from support.llm_shapes import RIGHT, STOP, WRONG

LIMIT_S = 8.0
DEADLINES = LLMDeadlines(first_token_s=5, gap_s=4, total_s=30, first_word_s=60)


@dataclass
class Told:
    tokens: list[str] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)
    messages: str = ""
    text: str = ""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
async def server() -> AsyncIterator[LLMServer]:
    with trio.fail_after(LIMIT_S):
        async with open_llm_server() as server:
            yield server


@pytest.fixture
async def responder(server: LLMServer) -> AsyncIterator[OpenAIResponder]:
    async with open_openai(model="m", max_tokens=7, base_url=server.base_url) as responder:
        yield responder


async def told(responder: OpenAIResponder, deadlines: LLMDeadlines = DEADLINES) -> Told:
    pieces, _read_pieces = trio.open_memory_channel[TextPiece | Aside | EndOfRound | EndOfReply](
        1000
    )
    reports, _read_reports = trio.open_memory_channel[Report](10)
    outbox, out = open_outbox()
    record = TurnRecord(
        turn=1, user_text="hi", first_sample_s=0.0, first_partial_s=None, final_s=0.0
    )
    attempts: Attempts[TurnRecord] = Attempts(max_attempts=1)
    await LLMActor(
        asked=Asked([ChatMessage(role="user", text="hi")], responder),
        pieces=pieces,
        reports=reports,
        outbox=outbox,
        record=record,
        attempts=attempts,
        deadlines=deadlines,
        telemetry=Telemetry(),
    ).run()
    events = drain(out)
    failures = [event for event in events if isinstance(event, Failure)]
    return Told(
        tokens=[event.text for event in events if isinstance(event, Token)],
        codes=[failure.code for failure in failures],
        infos=[event.message for event in events if isinstance(event, Info)],
        messages="; ".join(failure.message for failure in failures),
        text=record.text,
    )


@pytest.mark.few(8)
@pytest.mark.parametrize("shape", RIGHT)
async def test_a_shape_is_told_as_its_text(
    server: LLMServer, responder: OpenAIResponder, shape: str
) -> None:
    behaviour, text = RIGHT[shape]
    server.script(behaviour)
    found = await told(responder)
    assert (found.text, "".join(found.tokens), found.codes) == (text, text, [])


@pytest.mark.parametrize("shape", WRONG)
async def test_what_went_wrong_has_a_code_and_words(
    server: LLMServer, responder: OpenAIResponder, shape: str
) -> None:
    behaviour, _, what = WRONG[shape]
    server.script(behaviour)
    found = await told(responder)
    assert found.codes == [Code.LLM_FAIL]
    assert what in found.messages
    assert found.text in ("", "So")


async def test_a_model_that_stalls_in_its_thoughts_is_a_timeout(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    thought = wire.chunk(wire.delta(reasoning_content="hm"))
    server.script((wire.STREAM_HEAD, thought, wire.Wire.STALL))
    found = await told(
        responder, LLMDeadlines(first_token_s=3, gap_s=0.3, total_s=5, first_word_s=5)
    )
    assert found.codes == [Code.LLM_TIMEOUT]
    assert found.messages == "the language model took longer than 0.3 s"


def thinking(*thoughts: bytes) -> wire.Behaviour:
    """Twenty times as fast as the twenty seconds that a model may think by default."""
    paced = [step for thought in thoughts for step in (0.05, wire.chunk(thought))]
    said = [wire.chunk(wire.delta("Yes.")), wire.chunk(STOP), wire.LAST_CHUNK]
    return (wire.STREAM_HEAD, *paced, *said)


SHAPES: dict[str, Sequence[bytes]] = {
    "reasoning_content": [wire.delta(reasoning_content="hm")] * 20,
    "reasoning": [wire.delta(reasoning="hm")] * 20,
    "a tag": [wire.delta("<think>"), *[wire.delta("hm")] * 18, wire.delta("</think>\n\n")],
    "a channel": [
        wire.delta("<|channel|>analysis<|message|>"),
        *[wire.delta("hm")] * 18,
        wire.delta("<|end|><|start|>assistant<|channel|>final<|message|>"),
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_thoughts_last_as_long_as_they_come(
    server: LLMServer, responder: OpenAIResponder, shape: str
) -> None:
    server.script(thinking(*SHAPES[shape]))
    short = LLMDeadlines(first_token_s=0.7, gap_s=0.6, total_s=0.8, first_word_s=5)
    found = await told(responder, short)
    assert (found.tokens, found.codes, found.text) == (["Yes."], [], "Yes.")


@pytest.mark.parametrize("finish", ["length", "content_filter"])
async def test_a_reply_that_was_cut_short_is_whole_and_remarked_on(
    server: LLMServer, responder: OpenAIResponder, finish: str
) -> None:
    server.script(wire.tell("So", " far", finish=finish))
    found = await told(responder)
    assert (found.text, found.codes, len(found.infos)) == ("So far", [], 1)


async def test_a_service_that_says_when_is_asked_again_then(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    body = b"{}"
    head = b"HTTP/1.1 429 No\r\nContent-Length: 2\r\nRetry-After: 30\r\n\r\n"
    server.script((head + body,))
    found = await told(responder)
    assert found.codes == [Code.LLM_FAIL]
    assert "asked too often (429)" in found.messages
    assert "again in 30 s" in found.messages
