"""OpenAIResponder against a real HTTP server that misbehaves. Time is real, and bounded.

The suite turns warnings into errors, so a generator or socket left to the garbage collector fails
the test that left it.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import openai.resources.chat  # the seconds this may take are not a test's
import pytest
import trio

from parley.engines.failures import EngineFailure, EngineTimeout, EngineUnavailable
from parley.engines.llm import openai_events
from parley.engines.llm.interface import Responder
from parley.engines.llm.openai import OpenAIResponder, open_openai
from parley.engines.llm.openai_events import EventDecoder
from parley.engines.services import openai_client
from parley.engines.services.openai_client import PLACEHOLDER_KEY, Blame
from parley.protocol.chat import ChatMessage
from support import llm_server as wire
from support.llm_server import LLMServer, open_llm_server

KEY = "sk-secret-7351"
LIMIT_S = 3.0
NESTED = b'data: {"error": ' + b"[" * 10_000 + b"]" * 10_000 + b"}\n\n"
ASKED = (
    ChatMessage(role="system", text="Be brief."),
    ChatMessage(role="user", text="Grüße?"),
)


@pytest.fixture(autouse=True)
def swept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No proxy of the machine comes between; what leaks is to leak within its own test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield
    gc.collect()


@pytest.fixture
async def server() -> AsyncIterator[LLMServer]:
    """For LIMIT_S and no longer: a test that hangs fails."""
    with trio.fail_after(LIMIT_S):
        async with open_llm_server() as server:
            yield server


def opened(server: LLMServer, **more: Any) -> AbstractAsyncContextManager[OpenAIResponder]:
    wanted: dict[str, Any] = {"model": "m-1", "max_tokens": 7, "temperature": 0.5, "api_key": KEY}
    return open_openai(**(wanted | {"base_url": server.base_url} | more))


@pytest.fixture
async def responder(server: LLMServer) -> AsyncIterator[OpenAIResponder]:
    async with opened(server) as responder:
        yield responder


async def gather(
    responder: Responder, conversation: Sequence[ChatMessage] = ASKED
) -> tuple[list[str], EngineFailure | None]:
    """Every token, and the failure that ended them."""
    tokens: list[str] = []
    try:
        with trio.fail_after(LIMIT_S):
            async with responder.reply(conversation) as reply:
                async for token in reply:
                    if isinstance(token, str):
                        tokens.append(token)
    except EngineFailure as failure:
        return tokens, failure
    return tokens, None


# What is right.


@pytest.mark.parametrize("behave", [wire.tell, wire.one_segment, wire.drip])
async def test_tokens_come_as_they_were_sent_however_the_bytes_are_cut(
    server: LLMServer, responder: OpenAIResponder, behave: Any
) -> None:
    server.script(behave("Hi", ",", " Zoë", " 👋", "."))
    assert await gather(responder) == (["Hi", ",", " Zoë", " 👋", "."], None)


async def test_letters_split_between_chunks_are_put_together(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.split_inside_letters("Grüß", " 👋🏽", " ok"))
    assert await gather(responder) == (["Grüß", " 👋🏽", " ok"], None)


async def test_the_request_holds_the_conversation_the_settings_and_the_key(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    await gather(responder)
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "model": "m-1",
        "max_tokens": 7,
        "temperature": 0.5,
        "stream": True,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Grüße?"},
        ],
    }


async def test_without_a_key_or_a_temperature_a_server_of_ones_own_gets_neither(
    server: LLMServer,
) -> None:
    async with opened(server, api_key=None, temperature=None) as responder:
        await gather(responder)
    [request] = server.requests
    assert request.headers["authorization"] == f"Bearer {PLACEHOLDER_KEY}"
    assert "temperature" not in request.body


async def test_openai_itself_is_told_the_limit_under_its_new_name() -> None:
    async with open_openai(model="m-1", max_tokens=7, api_key=KEY) as responder:
        assert responder.quirks.options(7, None) == {"max_completion_tokens": 7}
        assert KEY not in repr(responder)


async def test_a_connection_is_used_again(server: LLMServer, responder: OpenAIResponder) -> None:
    for _ in range(3):
        assert await gather(responder) == (["Hello", " there", "."], None)
    assert (len(server.requests), server.accepted) == (3, 1)


async def test_replies_run_side_by_side(server: LLMServer, responder: OpenAIResponder) -> None:
    server.default = wire.tell("a", "b", interval_s=0.02)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(gather, responder)
        while server.open_connections < 5:
            await trio.sleep(0.005)


async def test_a_refusal_is_spoken_and_what_is_not_text_is_skipped(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    usage = wire.event({"choices": [], "usage": {"total_tokens": 3}, "error": None})
    server.script(
        wire.stream(
            b": a comment\n\n",
            b"event: ping\nid: 1\n\n",
            wire.delta("", role="assistant"),
            wire.event({"choices": [{"delta": None}]}),
            wire.delta(refusal="I would rather not."),
            wire.delta(finish="stop"),
            usage,
            wire.DONE,
        )
    )
    assert await gather(responder) == (["I would rather not."], None)


@pytest.mark.parametrize("ending", [wire.delta(finish="length"), wire.DONE])
async def test_either_sign_of_the_end_is_enough(
    server: LLMServer, responder: OpenAIResponder, ending: bytes
) -> None:
    server.script(wire.stream(wire.delta("Yes"), ending))
    assert await gather(responder) == (["Yes"], None)


@pytest.mark.parametrize(
    "after",
    [
        (wire.Wire.STALL,),
        (wire.Wire.FIN,),
        (wire.chunk(wire.event({"error": {"message": "late"}})), wire.LAST_CHUNK),
    ],
)
async def test_what_goes_wrong_after_the_end_spoils_nothing(
    server: LLMServer, responder: OpenAIResponder, after: wire.Behaviour
) -> None:
    whole = wire.stream(wire.delta("Yes"), wire.delta(finish="stop"))[:-1]
    server.script((*whole, *after))
    assert await gather(responder) == (["Yes"], None)
    assert await gather(responder) == (["Hello", " there", "."], None)


# What the server says is wrong.


@pytest.mark.parametrize(
    ("status", "code", "retryable", "advice"),
    [
        (401, "invalid_api_key", False, "check OPENAI_API_KEY"),
        (403, None, False, "check OPENAI_API_KEY"),
        (403, "model_not_found", False, "check OPENAI_MODEL"),
        (404, "model_not_found", False, "'m-1'"),
        (404, None, False, "check OPENAI_MODEL"),
        (400, "context_length_exceeded", False, "the server's words"),
        (402, None, False, "the server's words"),
        (408, None, True, "408"),
        (409, None, True, "409"),
        (429, "rate_limit_exceeded", True, "asked too often"),
        (429, "insufficient_quota", False, "billing"),
        (500, None, True, "500"),
        (503, None, True, "503"),
    ],
)
async def test_a_status_tells_whether_to_try_again_and_what_to_do(
    server: LLMServer,
    responder: OpenAIResponder,
    status: int,
    code: str | None,
    retryable: bool,
    advice: str,
) -> None:
    server.script(wire.refuse(status, f"the server's words, and {KEY}", code=code))
    tokens, failure = await gather(responder)
    assert tokens == []
    assert failure is not None
    assert failure.retryable is retryable
    assert advice in str(failure)
    assert KEY not in str(failure)
    assert len(server.requests) == 1


async def test_an_error_whose_text_is_cut_off_is_a_lost_connection(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.refuse(503, truncated=True))
    _, failure = await gather(responder)
    assert failure is not None
    assert failure.retryable
    assert "RemoteProtocolError" in str(failure)


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        ("server_error", True),
        (None, True),
        (502, True),
        ("insufficient_quota", False),
        (400, False),
    ],
)
async def test_an_error_within_the_stream_ends_the_reply(
    server: LLMServer, responder: OpenAIResponder, code: object, retryable: bool
) -> None:
    server.script(wire.error_event("So", " far", code=code, message="out of luck"))
    tokens, failure = await gather(responder)
    assert tokens == ["So", " far"]
    assert failure is not None
    assert failure.retryable is retryable
    await server.all_closed()


async def test_an_error_that_is_only_a_text_is_passed_on(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.stream(wire.event({"error": "no memory left"})))
    _, failure = await gather(responder)
    assert "no memory left" in str(failure)


# What breaks.


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (wire.cut("So", " far"), "RemoteProtocolError"),
        (wire.half_event("So", " far"), "mid-reply"),
        (wire.unfinished("So", " far"), "mid-reply"),
        (wire.garbage("So", " far"), "no JSON"),
        (wire.stream(wire.delta("So"), wire.delta(" far"), b"data: 5\n\n"), "no JSON"),
        (wire.stream(wire.delta("So"), wire.delta(" far"), b"data: \xff\n\n"), "no JSON"),
        (wire.stream(wire.delta("So"), wire.delta(" far"), NESTED), "no JSON"),
    ],
)
async def test_a_stream_that_breaks_keeps_its_tokens_and_may_be_tried_again(
    server: LLMServer, responder: OpenAIResponder, behaviour: wire.Behaviour, reason: str
) -> None:
    server.script(behaviour)
    tokens, failure = await gather(responder)
    assert tokens == ["So", " far"]
    assert failure is not None
    assert failure.retryable
    assert reason in str(failure)
    assert await gather(responder) == (["Hello", " there", "."], None)


async def test_half_a_character_in_the_conversation_is_sent_as_a_question_mark(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    tokens, failure = await gather(responder, [ChatMessage(role="user", text="a\ud800b")])
    assert (tokens, failure) == (["Hello", " there", "."], None)
    assert server.requests[0].body["messages"][0]["content"] == "a?b"


async def test_a_reset_in_mid_stream_may_be_tried_again(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.cut("So", " far", reset=True))
    tokens, failure = await gather(responder)
    assert tokens == ["So", " far"][: len(tokens)]  # a reset may overtake what was sent before it
    assert failure is not None
    assert failure.retryable
    assert "ReadError" in str(failure)


@pytest.mark.parametrize("end", [wire.Wire.FIN, wire.Wire.RST])
async def test_a_connection_closed_without_an_answer_may_be_tried_again(
    server: LLMServer, responder: OpenAIResponder, end: wire.Wire
) -> None:
    server.script((end,), (end,))
    _, failure = await gather(responder)
    assert failure is not None
    assert failure.retryable


async def test_who_hangs_up_before_a_word_of_the_answer_is_asked_once_more_at_once(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    """llama.cpp's server closes a connection behind each reply, and says that it keeps it."""
    server.script((wire.Wire.FIN,), wire.stream(wire.delta("Hello"), wire.delta(finish="stop")))
    tokens, failure = await gather(responder)
    assert (tokens, failure, len(server.requests)) == (["Hello"], None, 2)


async def test_a_server_that_is_not_there_may_be_tried_again_and_credentials_stay_secret() -> None:
    async with open_llm_server() as server:
        address = server.base_url.replace("http://", "http://user:hunter2@")
    async with opened(server, base_url=address) as responder:
        _, failure = await gather(responder)
    assert failure is not None
    assert failure.retryable
    assert "127.0.0.1" in str(failure)
    assert "hunter2" not in str(failure)


async def test_a_server_without_tls_may_be_tried_again(server: LLMServer) -> None:
    async with opened(server, base_url=server.base_url.replace("http", "https")) as responder:
        _, failure = await gather(responder)
    assert failure is not None
    assert failure.retryable


async def test_an_endless_event_fills_no_memory(
    server: LLMServer, responder: OpenAIResponder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_events, "MAX_EVENT_BYTES", 10_000)
    server.script((wire.STREAM_HEAD, wire.chunk(b"data: " + b"x" * 20_000), wire.Wire.STALL))
    _, failure = await gather(responder)
    assert "without an end" in str(failure)
    await server.all_closed()


@pytest.mark.parametrize(("finish", "advice"), [("length", "OPENAI_MAX_TOKENS"), ("stop", "stop")])
async def test_a_reply_without_a_word_is_a_failure(
    server: LLMServer, responder: OpenAIResponder, finish: str, advice: str
) -> None:
    server.script(wire.tell(finish=finish))
    _, failure = await gather(responder)
    assert failure is not None
    assert not failure.retryable
    assert advice in str(failure)


async def test_the_backstop_is_a_timeout(
    server: LLMServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_client, "BACKSTOP_S", 0.1)
    server.script(wire.stall_before_headers(), wire.stall_after("So"))
    async with opened(server) as responder:
        assert isinstance((await gather(responder))[1], EngineTimeout)
        tokens, failure = await gather(responder)
    assert tokens == ["So"]
    assert isinstance(failure, EngineTimeout)


async def test_a_reply_that_failed_is_over(server: LLMServer, responder: OpenAIResponder) -> None:
    server.script(wire.garbage())
    async with responder.reply(ASKED) as reply:
        with pytest.raises(EngineFailure):
            await anext(reply)
        with pytest.raises(StopAsyncIteration):
            await anext(reply)


# What the caller ends.


@pytest.mark.parametrize(
    ("behaviour", "heard"),
    [
        (wire.stall_before_headers(), []),
        (wire.stall_before_tokens(), []),
        (wire.stall_after("So", " far"), ["So", " far"]),
    ],
)
async def test_a_stall_ends_when_the_caller_says_so_and_closes_the_connection(
    server: LLMServer, responder: OpenAIResponder, behaviour: wire.Behaviour, heard: list[str]
) -> None:
    server.script(behaviour)
    tokens: list[object] = []
    with trio.move_on_after(0.2) as scope:
        async with responder.reply(ASKED) as reply:
            async for token in reply:
                tokens.append(token)
    assert scope.cancelled_caught
    assert tokens == heard
    await server.all_closed()
    assert await gather(responder) == (["Hello", " there", "."], None)


async def test_leaving_between_two_tokens_closes_the_connection(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.stall_after("So", " far"))
    async with responder.reply(ASKED) as reply:
        assert await anext(reply) == "So"
    await server.all_closed()


async def test_leaving_before_the_first_token_closes_the_connection(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.stall_after("So", " far"))
    async with responder.reply(ASKED):
        pass
    await server.all_closed()


async def test_a_failure_of_the_listener_passes_through_even_under_cancellation(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.stall_after("So", " far"))
    with pytest.raises(ZeroDivisionError), trio.CancelScope() as scope:
        async with responder.reply(ASKED) as reply:
            await anext(reply)
            scope.cancel()
            raise ZeroDivisionError
    await server.all_closed()


async def test_cancelling_while_the_listener_is_busy_closes_the_connection(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.stall_after("So", " far"))
    with trio.move_on_after(0.1):
        async with responder.reply(ASKED) as reply:
            await anext(reply)
            await trio.sleep_forever()
    await server.all_closed()


async def test_a_burst_of_tokens_can_be_cancelled_in_its_middle(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.one_segment(*"abcdefgh"))
    tokens: list[object] = []
    with trio.CancelScope() as scope:
        async with responder.reply(ASKED) as reply:
            async for token in reply:
                tokens.append(token)
                if token == "c":
                    scope.cancel()
    assert tokens == ["a", "b", "c"]


async def test_closing_the_responder_closes_its_connections(server: LLMServer) -> None:
    async with opened(server) as responder:
        await gather(responder)
        assert server.open_connections == 1
    await server.all_closed()


async def test_a_cancelled_server_closes_the_responder_too(server: LLMServer) -> None:
    with trio.CancelScope() as scope:
        async with opened(server) as responder:
            await gather(responder)
            scope.cancel()
            await trio.lowlevel.checkpoint()
    await server.all_closed()


# Opening.


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({}, "OPENAI_API_KEY"),
        ({"api_key": "  "}, "OPENAI_API_KEY"),
        ({"api_key": "sk-a\nb"}, "copy it again"),
        ({"api_key": "sk-ключ"}, "copy it again"),
        ({"base_url": "https://api.openai.com/v2"}, "OPENAI_API_KEY"),
        ({"base_url": "localhost:8000/v1"}, "OPENAI_BASE_URL"),
        ({"base_url": "ftp://a/b"}, "OPENAI_BASE_URL"),
        ({"base_url": "http://"}, "OPENAI_BASE_URL"),
        ({"base_url": "http://u:pass@host:port/"}, "OPENAI_BASE_URL"),
    ],
)
async def test_settings_that_cannot_work_are_refused_at_once(
    settings: dict[str, Any], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    with pytest.raises(EngineUnavailable, match=advice) as caught:
        async with open_openai(model="m", max_tokens=1, **settings):
            pass  # pragma: no cover
    assert "pass" not in str(caught.value)


def test_importing_the_module_does_not_import_the_sdk() -> None:
    code = (
        "import sys, parley.engines.llm.openai as m; print({'openai', 'httpx2'} & {*sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


# The plain parts.


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_come_out_however_the_bytes_are_cut(newline: bytes, size: int) -> None:
    text = b"data: one\n\n: note\nevent: x\ndata:two\ndata: three\n\n\n\ndata: half"
    data = text.replace(b"\n", newline)
    decoder = EventDecoder()
    events = [e for at in range(0, len(data), size) for e in decoder.feed(data[at : at + size])]
    assert events == [b"one", b"two\nthree"]


def test_what_the_sdk_refuses_itself_is_not_tried_again() -> None:
    failure = Blame(model="m", place="h", key=KEY).for_error(openai.OpenAIError(f"{KEY} is odd"))
    assert not failure.retryable
    assert str(failure) == "the request to h failed (OpenAIError: [key] is odd)"


def test_a_message_is_kept_short_and_free_of_credentials() -> None:
    blame = Blame(model="m", place="h", key=KEY)
    message = str(blame.for_status(500, {"message": f"see http://u:p@h/x?k={KEY} " + "y" * 900}))
    assert len(message) < 260
    assert "u:p@" not in message
    assert KEY not in message
    assert KEY not in repr(blame)
