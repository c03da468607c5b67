"""Calls of tools in every shape in which servers send them, each by a real HTTP server. Time is
real, and bounded."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

import openai.resources.chat  # noqa: F401 (the seconds this may take are not a test's)
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from parley.engines.failures import EngineFailure
from parley.engines.llm import openai_calls
from parley.engines.llm.interface import Alive, Remark, ReplyPart, Responder, ToolCall, ToolOffer
from parley.engines.llm.openai import OpenAIResponder, open_openai
from parley.engines.llm.openai_calls import CallPiece, Calls, made_id, read_calls
from parley.engines.llm.openai_shapes import read_event
from parley.engines.llm.written_calls import WrittenCalls
from parley.protocol.chat import ChatMessage
from support import llm_server as wire
from support.llm_calls import CALLED, CALLS, PARIS, WRITTEN, call, calls
from support.llm_server import LLMServer, open_llm_server
from support.llm_shapes import STOP

LIMIT_S = 5.0
ASKED = (ChatMessage(role="user", text="How is the weather?"),)
WEATHER = ToolOffer(
    name="get_weather",
    description="The weather in a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
)
NOW = ToolOffer(name="now", description="The time.")
TOOLS = (WEATHER, NOW)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
async def server() -> AsyncIterator[LLMServer]:
    with trio.fail_after(LIMIT_S):
        async with open_llm_server() as server:
            yield server


@pytest.fixture
async def bare(server: LLMServer) -> AsyncIterator[OpenAIResponder]:
    """Without tools."""
    async with open_openai(model="m-1", max_tokens=7, base_url=server.base_url) as responder:
        yield responder


@pytest.fixture
async def responder(bare: OpenAIResponder) -> OpenAIResponder:
    return bare.with_tools(TOOLS)


async def hear(
    responder: Responder, asked: Sequence[ChatMessage] = ASKED
) -> tuple[list[ReplyPart], EngineFailure | None]:
    heard: list[ReplyPart] = []
    try:
        async with responder.reply(asked) as parts:
            async for part in parts:
                heard.append(part)
    except EngineFailure as failure:
        return heard, failure
    return heard, None


def told(parts: Sequence[ReplyPart]) -> tuple[str, list[tuple[str, str]]]:
    """The text, and the name and the arguments of each call."""
    called = [part for part in parts if isinstance(part, ToolCall)]
    text = "".join(part for part in parts if isinstance(part, str))
    return text, [(one.name, one.arguments) for one in called]


# What is answered


@pytest.mark.parametrize("shape", CALLED)
async def test_a_shape_gives_its_text_and_its_calls(
    server: LLMServer, responder: OpenAIResponder, shape: str
) -> None:
    behaviour, text, called = CALLED[shape]
    server.script(behaviour)
    parts, failure = await hear(responder)
    assert failure is None
    assert told(parts) == (text, [*called])
    assert all(isinstance(part, ToolCall) for part in parts[len(parts) - len(called) :])
    ids = [part.id for part in parts if isinstance(part, ToolCall)]
    assert len({*ids}) == len(ids)
    assert all(ids)


async def test_ids_stay_the_servers(server: LLMServer, responder: OpenAIResponder) -> None:
    server.script(CALLED["OpenAI"][0])
    parts, _ = await hear(responder)
    assert [part.id for part in parts if isinstance(part, ToolCall)] == ["call_a1", "call_b2"]


async def test_missing_ids_are_nine_letters_and_digits(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(*[CALLED["Gemini, without ids"][0]] * 2)
    parts, _ = await hear(responder)
    ids = [part.id for part in parts if isinstance(part, ToolCall)]
    assert ids == ["getwea001", "getwea002"]
    assert all(re.fullmatch("[A-Za-z0-9]{9}", one) for one in ids)
    assert (await hear(responder))[0] == parts


async def test_each_piece_of_a_call_is_a_sign_of_life(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    nameless = calls(call(3, "x", None, "{}"))
    server.script(wire.stream(*[calls(call(0, "a", "now", ""))] * 3, nameless, CALLS))
    parts, _ = await hear(responder)
    assert parts == [*[Alive()] * 4, ToolCall(id="a", name="now", arguments="{}")]


async def test_calls_come_behind_the_text_and_before_a_remark(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(
        wire.stream(
            calls(call(0, "a", "now", "{}"), text="Hm."), wire.delta(" So.", finish="length")
        )
    )
    parts, _ = await hear(responder)
    assert parts[:3] == ["Hm.", " So.", ToolCall(id="a", name="now", arguments="{}")]
    assert isinstance(parts[3], Remark)


@pytest.mark.parametrize("behave", [wire.cut, wire.unfinished])
async def test_a_call_in_a_reply_that_breaks_is_none(
    server: LLMServer, responder: OpenAIResponder, behave: Any
) -> None:
    begun, *ends = behave("Hm.")[:-1], behave("Hm.")[-1]
    server.script((*begun, wire.chunk(calls(call(0, "a", "now", "{}"))), *ends))
    parts, failure = await hear(responder)
    assert failure is not None
    assert told(parts) == ("Hm.", [])


async def test_a_call_without_a_name_and_nothing_else_is_a_failure(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.stream(calls(call(0, "a", None, PARIS)), CALLS))
    _, failure = await hear(responder)
    assert str(failure) == "'m-1' called a tool (no name) and said nothing"


async def test_where_no_tools_are_offered_a_call_is_a_failure_or_nothing(
    server: LLMServer, bare: OpenAIResponder
) -> None:
    server.script(CALLED["OpenAI"][0], CALLED["text before the call"][0])
    _, failure = await hear(bare)
    assert "called a tool (get_weather) and said nothing, and Parley offers no tools" in str(
        failure
    )
    assert [part for part in (await hear(bare))[0] if part != Alive()] == ["Let me look."]


@pytest.mark.parametrize("index", [None, 7])
async def test_calls_without_end_are_a_failure(
    server: LLMServer, responder: OpenAIResponder, index: int | None
) -> None:
    entries = [call(index, f"c{n}", "now", "{}") for n in range(openai_calls.MAX_CALLS)]
    server.script(
        wire.stream(calls(*entries), STOP),
        wire.stream(calls(*entries), calls(call(index, "one more", "now")), wire.delta("Hi"), STOP),
    )
    parts, failure = await hear(responder)
    assert (len(told(parts)[1]), failure) == (openai_calls.MAX_CALLS, None)
    parts, failure = await hear(responder)
    assert "more than 64 tools" in str(failure)
    assert told(parts) == ("", [])
    assert failure is not None
    assert not failure.retryable


async def test_arguments_without_end_are_a_failure(
    server: LLMServer, responder: OpenAIResponder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_calls, "MAX_CALL_CHARS", 1000)
    more = calls(call(0, arguments="x" * 100))
    server.script((*wire.stream(calls(call(0, "a", "now")), *[more] * 10)[:-1], wire.Wire.STALL))
    _, failure = await hear(responder)
    assert "more than 1000 characters" in str(failure)


# Calls that are written into the text


@pytest.mark.few(8)
@pytest.mark.parametrize("shape", WRITTEN)
@pytest.mark.parametrize("size", [1, 5, 1000])
async def test_a_call_in_the_text_counts_where_tools_are_offered(
    server: LLMServer, responder: OpenAIResponder, bare: OpenAIResponder, shape: str, size: int
) -> None:
    text, called = WRITTEN[shape]
    server.default = wire.tell(*(text[at : at + size] for at in range(0, len(text), size)))
    parts, failure = await hear(responder)
    assert (told(parts), failure) == ((text, [*called]), None)
    assert told((await hear(bare))[0]) == (text, [])


async def test_what_the_server_has_read_out_is_not_called_again(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    text, _ = WRITTEN["Hermes"]
    server.script(wire.stream(wire.delta(text), calls(call(0, "a", "get_weather", PARIS)), CALLS))
    assert told((await hear(responder))[0])[1] == [("get_weather", PARIS)]


async def test_written_calls_without_end_are_a_failure(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.tell(*[WRITTEN["a function without arguments"][0]] * 65))
    assert "more than 64 tools" in str((await hear(responder))[1])


@pytest.mark.parametrize("text", ["<tool_call>" + "[" * 100_000, '<tool_call>{"a":' * 50_000])
def test_text_without_sense_costs_no_time(text: str) -> None:
    watcher = WrittenCalls({"now"})
    watcher.push(text)
    assert watcher.finish() == []


# The plain parts


pieces_of_calls = st.builds(
    CallPiece,
    index=st.none() | st.integers(-1, 3),
    id=st.sampled_from(["", "a", "b", "nowxxx001", "\ud800"]),
    name=st.sampled_from(["", "now", "get_weather", "ö"]),
    arguments=st.sampled_from(["", "{}", "{", "}", '"a": ', "null", "\ud83d", "\ude00"]),
)


@given(pieces=st.lists(pieces_of_calls, max_size=40))
def test_whatever_the_pieces_calls_have_a_name_and_an_id_of_their_own(
    pieces: list[CallPiece],
) -> None:
    gathering = Calls()
    gathering.take(pieces)
    found = gathering.finish()
    assert len({one.id for one in found}) == len(found)
    for one in found:
        assert one.name in {piece.name for piece in pieces}
        assert one.id
        assert one.arguments
        f"{one.id}{one.name}{one.arguments}".encode()
    assert gathering.finish() == found


@given(
    called=st.lists(
        st.tuples(
            st.sampled_from(["now", "get_weather"]),
            st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers(), max_size=3),
        ),
        max_size=5,
    ),
    cuts=st.lists(st.integers(0, 60), max_size=5),
    indexed=st.booleans(),
)
def test_calls_are_the_same_however_their_arguments_are_cut(
    called: list[tuple[str, dict[str, Any]]], cuts: list[int], indexed: bool
) -> None:
    gathering = Calls()
    wanted = []
    for number, (name, arguments) in enumerate(called):
        text = json.dumps(arguments, ensure_ascii=False)
        ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
        index = number if indexed else None
        gathering.take([CallPiece(index=index, id=f"c{number}", name=name)])
        gathering.take(CallPiece(index=index, arguments=text[a:b]) for a, b in pairwise(ends))
        wanted.append(ToolCall(id=f"c{number}", name=name, arguments=text))
    assert gathering.finish() == wanted


@pytest.mark.parametrize(
    ("name", "number", "made"),
    [("now", 1, "nowxxx001"), ("get_weather", 12, "getwea012"), ("Öl", 3, "lxxxxx003")],
)
def test_a_made_id_tells_its_tool(name: str, number: int, made: str) -> None:
    assert made_id(name, number) == made


def test_a_made_id_is_none_that_the_server_has_sent() -> None:
    gathering = Calls()
    gathering.take([CallPiece(index=0, name="now"), CallPiece(index=1, id="nowxxx001", name="now")])
    assert [one.id for one in gathering.finish()] == ["nowxxx002", "nowxxx001"]


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["index", "id", "function", "name", "arguments", "parameters"]),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_whatever_stands_for_calls_is_read(value: Any) -> None:
    for piece in read_calls(value, value):
        assert isinstance(piece.arguments, str)
        assert isinstance(piece.name, str)


def test_arguments_nested_without_sense_are_read_or_refused() -> None:
    for depth in range(100, 3000, 100):
        deep = '{"a":' * depth + "1" + "}" * depth
        data = (
            f'{{"choices":[{{"delta":{{"tool_calls":[{{"function":{{"arguments":{deep}}}}}]}}}}]}}'
        )
        try:
            [piece] = read_event(data.encode()).calls
        except ValueError:
            continue
        assert len(piece.arguments) in (0, len(deep) + depth)
