"""Every shape in which servers send a reply, each by a real HTTP server: the right text, or the
right words about what the server did. Time is real, and bounded."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import openai.resources.chat  # noqa: F401 (the seconds this may take are not a test's)
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.writing import visible_text
from parley.engines.failures import EngineFailure
from parley.engines.llm.interface import Alive, Remark, ReplyPart, Responder
from parley.engines.llm.openai import OpenAIResponder, open_openai
from parley.engines.llm.openai_events import BodyDecoder
from parley.engines.llm.openai_shapes import Halves, read_event
from parley.protocol.chat import ChatMessage
from support import llm_server as wire
from support.llm_server import LLMServer, open_llm_server
from support.llm_shapes import AZURE, RIGHT, STOP, USAGE, WRONG, parts, tools

LIMIT_S = 5.0
ASKED = (
    ChatMessage(role="system", text="Be brief."),
    ChatMessage(role="user", text="Hello?"),
)
JSON = "application/json"


@dataclass
class Heard:
    parts: list[ReplyPart] = field(default_factory=list)
    failure: EngineFailure | None = None

    @property
    def text(self) -> str:
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def remarks(self) -> str:
        return "; ".join(part.text for part in self.parts if isinstance(part, Remark))

    @property
    def signs(self) -> int:
        return sum(isinstance(part, Alive) for part in self.parts)


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
    async with open_openai(
        model="m-1", max_tokens=7, temperature=0.5, base_url=server.base_url
    ) as responder:
        yield responder


async def hear(responder: Responder, asked: Sequence[ChatMessage] = ASKED) -> Heard:
    heard = Heard()
    try:
        async with responder.reply(asked) as parts:
            async for part in parts:
                heard.parts.append(part)
    except EngineFailure as failure:
        heard.failure = failure
    return heard


@pytest.mark.parametrize("shape", RIGHT)
async def test_a_shape_gives_its_text(
    server: LLMServer, responder: OpenAIResponder, shape: str
) -> None:
    behaviour, text = RIGHT[shape]
    server.script(behaviour)
    heard = await hear(responder)
    assert (heard.text, heard.failure, heard.remarks) == (text, None, "")
    assert (await hear(responder)).text == "Hello there."


@pytest.mark.parametrize("shape", WRONG)
async def test_what_went_wrong_is_said_as_it_was(
    server: LLMServer, responder: OpenAIResponder, shape: str
) -> None:
    behaviour, retryable, what = WRONG[shape]
    server.script(behaviour)
    failure = (await hear(responder)).failure
    assert failure is not None
    assert what in str(failure)
    assert failure.retryable is retryable
    assert (await hear(responder)).text == "Hello there."


@pytest.mark.parametrize(
    ("finish", "what"), [("length", "OPENAI_MAX_TOKENS"), ("content_filter", "content filter at")]
)
async def test_a_reply_that_was_cut_short_stands_and_is_remarked_on(
    server: LLMServer, responder: OpenAIResponder, finish: str, what: str
) -> None:
    server.script(wire.tell("So far", finish=finish))
    heard = await hear(responder)
    assert (heard.text, heard.failure) == ("So far", None)
    assert what in heard.remarks


@pytest.mark.parametrize(
    "thought",
    [
        wire.delta(reasoning_content="hm"),
        wire.delta(reasoning="hm"),
        wire.delta(reasoning_content=[{"type": "text", "text": "hm"}]),
        wire.delta(reasoning_details=[{"type": "reasoning.text", "text": "hm"}]),
        parts({"type": "thinking", "thinking": "hm"}),
        tools(),
    ],
)
async def test_a_thought_is_a_sign_of_life_and_no_text(
    server: LLMServer, responder: OpenAIResponder, thought: bytes
) -> None:
    server.script(
        wire.stream(wire.delta("", role="assistant"), *[thought] * 3, wire.delta("Hi"), STOP)
    )
    heard = await hear(responder)
    assert (heard.text, heard.signs, heard.failure) == ("Hi", 3, None)


@pytest.mark.parametrize(
    "quiet", [wire.delta("", role="assistant"), b": ping\n\n", AZURE[0], USAGE]
)
async def test_what_shows_no_work_is_no_sign_of_life(
    server: LLMServer, responder: OpenAIResponder, quiet: bytes
) -> None:
    server.script(wire.stream(quiet, wire.delta("Hi"), STOP))
    assert (await hear(responder)).parts == ["Hi"]


async def test_a_thought_in_the_text_is_the_readers_to_take_out(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.tell("<th", "ink>hm</thi", "nk>\n\nHi."))
    assert visible_text((await hear(responder)).text) == "Hi."


# How a server wants to be asked


def refusal(status: int, message: str, **more: object) -> wire.Behaviour:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error"} | more})
    head = f"HTTP/1.1 {status} No\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head.encode() + body.encode(),)


OLD_NAME = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
    "'max_completion_tokens' instead."
)
TEMPERATURE = (
    "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) "
    "value is supported."
)
FOLDED = [{"role": "user", "content": "Be brief.\n\nHello?"}]


async def test_a_parameters_other_name_is_tried_and_remembered(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(refusal(400, OLD_NAME, param="max_tokens", code="unsupported_parameter"))
    for _ in range(2):
        assert (await hear(responder)).text == "Hello there."
    limits = [{key: r.body[key] for key in r.body if "max" in key} for r in server.requests]
    assert limits == [{"max_tokens": 7}, *[{"max_completion_tokens": 7}] * 2]


async def test_it_goes_the_other_way_round_too(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    detail = [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"]}]
    body = json.dumps({"detail": detail}).encode()
    head = f"HTTP/1.1 422 No\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
    server.script(refusal(400, OLD_NAME), wire.tell("Hi"), (head.encode() + body,))
    assert [(await hear(responder)).text for _ in range(2)] == ["Hi", "Hello there."]
    assert "max_tokens" in server.requests[-1].body


async def test_a_temperature_that_a_model_refuses_is_left_out(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(refusal(400, OLD_NAME), refusal(400, TEMPERATURE, param="temperature"))
    for _ in range(2):
        assert (await hear(responder)).text == "Hello there."
    assert ["temperature" in request.body for request in server.requests] == [
        *(True, True),
        *(False, False),
    ]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "System role not supported"),
        (400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
        (500, "Jinja Exception: System role not supported at row 1"),
    ],
)
async def test_a_server_without_a_system_role_gets_the_prompt_with_the_first_words(
    server: LLMServer, responder: OpenAIResponder, status: int, message: str
) -> None:
    server.script(refusal(status, message))
    for _ in range(2):
        assert (await hear(responder)).text == "Hello there."
    assert [r.body["messages"] for r in server.requests][1:] == [FOLDED, FOLDED]


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens is too large: 7. This model allows at most 5 completion tokens",
        "This model's maximum context length is 4096 tokens",
        "The system is overloaded",
    ],
)
async def test_other_refusals_are_no_question_of_manners(
    server: LLMServer, responder: OpenAIResponder, message: str
) -> None:
    server.script(refusal(400, message))
    failure = (await hear(responder)).failure
    assert message in str(failure)
    assert len(server.requests) == 1


async def test_a_server_that_refuses_everything_is_asked_a_few_times_only(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.default = refusal(400, f"{OLD_NAME} max_completion_tokens: {TEMPERATURE} System role")
    assert (await hear(responder)).failure is not None
    assert len(server.requests) <= 8


async def test_a_blank_system_prompt_is_none(server: LLMServer, responder: OpenAIResponder) -> None:
    await hear(responder, [ChatMessage(role="system", text=" "), ASKED[1]])
    assert server.requests[0].body["messages"] == [{"role": "user", "content": "Hello?"}]


# When to ask again


def busy(status: int, *headers: str) -> wire.Behaviour:
    told = "".join(f"{header}\r\n" for header in headers)
    body = b'{"error":{"message":"slow down"}}'
    head = f"HTTP/1.1 {status} No\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n{told}"
    return (head.encode() + b"\r\n" + body,)


NOW = "Date: Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (("Retry-After: 2",), 2.0),
        (("Retry-After: 1.5",), 1.5),
        (("retry-after-ms: 300", "Retry-After: 1"), 0.3),
        ((NOW, "Retry-After: Sun, 06 Nov 1994 08:49:47 GMT"), 10.0),
        (("Retry-After: Sun, 06 Nov 1994 08:49:47 GMT",), 0.0),
        (("Retry-After: -3",), 0.0),
        (("Retry-After: 1e99",), 86_400.0),
        (("Retry-After: inf",), None),
        (("Retry-After: soon",), None),
        ((), None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_service_says_when_it_is_to_be_asked_again(
    server: LLMServer,
    responder: OpenAIResponder,
    status: int,
    headers: tuple[str, ...],
    seconds: float | None,
) -> None:
    server.script(busy(status, *headers))
    failure = (await hear(responder)).failure
    assert failure is not None
    assert failure.retryable
    assert failure.retry_after_s == seconds
    assert ("asked again in" in str(failure)) is (seconds is not None)


async def test_twenty_seconds_of_thoughts_in_real_shapes_are_a_second_here(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    """The deadlines of it are the LLMActor's; here it is that each chunk is a sign of life."""
    thoughts = [step for _ in range(20) for step in (0.02, wire.chunk(wire.delta(reasoning="hm")))]
    rest = [wire.chunk(wire.delta("Hi")), wire.chunk(STOP), wire.LAST_CHUNK]
    server.script((wire.STREAM_HEAD, *thoughts, *rest))
    longest_s, text = 0.0, ""
    async with responder.reply(ASKED) as reply:
        before_s = trio.current_time()
        async for part in reply:
            longest_s = max(longest_s, trio.current_time() - before_s)
            before_s = trio.current_time()
            text += part if isinstance(part, str) else ""
    assert text == "Hi"
    assert longest_s < 0.3


# The plain parts


DOCUMENT = b'\xef\xbb\xbf \r\n{"choices": [{"message": {"content": "Hi"}}]}'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_document_is_known_however_it_is_cut(size: int) -> None:
    body = BodyDecoder()
    for at in range(0, len(DOCUMENT), size):
        assert body.feed(DOCUMENT[at : at + size]) == []
    assert body.whole
    assert [read_event(event).text for event in body.end()] == ["Hi"]
    assert body.began == DOCUMENT[:120]


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=9))
def test_a_body_gives_the_same_events_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    lines = data.replace(b"\x00", b"\ndata: ").replace(b"\x01", b"\r\n").replace(b"\x02", b"\n\n")

    def events(*chunks: bytes) -> list[bytes]:
        body = BodyDecoder()
        return [event for chunk in chunks for event in body.feed(chunk)] + body.end()

    ends = [0, *sorted(min(cut, len(lines)) for cut in cuts), len(lines)]
    assert events(*(lines[a:b] for a, b in pairwise(ends))) == events(lines)


def test_white_space_without_end_costs_no_time() -> None:
    body = BodyDecoder()
    for _ in range(100_000):
        assert body.feed(b" \n") == []
    assert not body.whole


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["choices", "delta", "content", "text", "type", "error", "message"]
                ),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_whatever_an_event_holds_it_is_read_or_refused(data: object) -> None:
    try:
        piece = read_event(json.dumps(data).encode())
    except ValueError:
        return
    assert isinstance(piece.text, str)


@given(text=st.text(alphabet=st.characters(exclude_categories=())), at=st.integers(0, 50))
def test_halves_are_put_together_and_what_is_told_can_be_encoded(text: str, at: int) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    pieces = [units[: 2 * at], units[2 * at :]]
    halves = Halves()
    told = "".join(halves.push(piece.decode("utf-16-le", "surrogatepass")) for piece in pieces)
    told += halves.finish()
    told.encode()
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        assert told == text
