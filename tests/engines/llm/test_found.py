"""A model server on this machine is found, used, lost and found again; over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import structlog.testing
import trio

from parley.config import Settings
from parley.engines.failures import EngineFailure
from parley.engines.llm import found, servers
from parley.engines.llm.found import FoundResponder, opened
from parley.engines.llm.interface import ToolCall, ToolOffer, offering
from parley.engines.llm.open import chosen_name, open_responder
from parley.engines.llm.rules.table import NO_MODEL
from parley.engines.llm.servers import ModelServer, Seen, look_at, look_at_all
from parley.protocol.chat import ChatMessage
from support import llm_server as wire
from support.llm_calls import CALLED
from support.llm_server import LLMServer, open_llm_server

LIMIT_S = 10.0
ASKED = [ChatMessage(role="user", text="what is love")]


@pytest.fixture
async def server() -> AsyncIterator[LLMServer]:
    async with open_llm_server() as server:
        yield server


def place_of(server: LLMServer, program: str = "Ollama") -> ModelServer:
    return ModelServer(program, urlsplit(server.base_url).port or 0, "`ollama pull llama3.2`")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "LOOK_EVERY_S", 0.03)
    monkeypatch.setattr(found, "AGAIN_S", 0.1)
    monkeypatch.setattr(servers, "LOOK_S", 0.2)


def responder(monkeypatch: pytest.MonkeyPatch, *places: ModelServer, wanted: str | None = None) -> (
    FoundResponder
):  # fmt: skip
    monkeypatch.setattr(servers, "SERVERS", places)
    return FoundResponder(wanted=wanted, max_tokens=20, temperature=None)


async def said(responder: FoundResponder) -> str:
    async with responder.reply(ASKED) as tokens:
        return "".join([token async for token in tokens if isinstance(token, str)])


async def until_described(responder: FoundResponder, words: str) -> None:
    with trio.fail_after(LIMIT_S):
        while words not in responder.described() or "loading" in responder.described():
            await trio.sleep(0.01)


async def seen(server: LLMServer, wanted: str | None = None) -> Seen | None:
    return await look_at(place_of(server), wanted)


# A look.


@pytest.mark.parametrize(
    ("listed", "wanted", "model"),
    [
        (["llama3.2:latest"], None, "llama3.2:latest"),
        (["nomic-embed-text", "whisper-large", "qwen2.5:7b", "gemma3"], None, "qwen2.5:7b"),
        (["gemma3:1b", "llama3.2:latest"], "llama3.2", "llama3.2:latest"),
        (["gemma3:1b", "llama3.2"], "llama3.2", "llama3.2"),
        (["gemma3:1b"], "llama3.2", None),
        (["nomic-embed-text"], None, None),
        ([], None, None),
    ],
)
async def test_the_model_is_the_named_one_or_the_first_that_talks(
    server: LLMServer, listed: list[str], wanted: str | None, model: str | None
) -> None:
    server.listed = wire.models(*listed)
    found_ = await seen(server, wanted)
    assert found_ is not None
    assert found_.model == model
    assert bool(found_.problem) == (model is None or wanted is not None)


@pytest.mark.parametrize(
    "listed",
    [
        wire.plain(b"<html>It works!</html>", "text/html"),
        wire.plain(b'{"data": "yes"}'),
        wire.plain(b'{"data": [{"name": "x"}]}'),
        wire.plain(b'{"data": [{"id": "parley-chat", "owned_by": "parley"}]}'),
        wire.plain(b"[" * 100_000),
        wire.plain(b'{"data": [' + b'{"id": "m"},' * 200_000),
        wire.refuse(404),
        wire.refuse(500),
        (b"SSH-2.0-OpenSSH_9.2\r\n",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", wire.Wire.FIN),
        (wire.Wire.RST,),
        (wire.Wire.FIN,),
    ],
    ids=[
        "html",
        "shape",
        "no id",
        "Parley",
        "deep",
        "endless",
        "404",
        "500",
        "ssh",
        "half",
        "reset",
        "end",
    ],
)
async def test_a_stranger_on_the_port_is_no_model_server(
    server: LLMServer, listed: wire.Behaviour
) -> None:
    server.listed = listed
    found_ = await seen(server)
    assert found_ is not None
    assert (found_.model, found_.for_people) == (None, False)


@pytest.mark.parametrize(
    "listed",
    [(wire.Wire.STALL,), (wire.STREAM_HEAD, wire.Wire.STALL)],
    ids=["silent", "stops within"],
)
async def test_one_that_hangs_costs_half_a_second(
    server: LLMServer, listed: wire.Behaviour
) -> None:
    server.listed = listed
    with trio.fail_after(LIMIT_S):
        found_ = await seen(server)
    assert found_ is not None
    assert (found_.model, found_.problem) == (None, "it does not answer")


async def test_where_nothing_listens_nothing_is_seen_and_usable_ones_come_first(
    server: LLMServer,
) -> None:
    async with open_llm_server() as second:
        nobody = place_of(second)
    async with open_llm_server() as empty:
        empty.listed = wire.models()
        places = [nobody, place_of(empty, "Ollama"), place_of(server, "vLLM")]
        found_ = await look_at_all(places, None)
    assert [one.server.program for one in found_] == ["vLLM", "Ollama"]
    assert found_[1].for_people


# Used, lost, found again.


async def test_rules_answer_until_a_server_is_there_and_again_when_it_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with trio.open_nursery() as nursery:
        async with open_llm_server() as server:
            port = place_of(server)
            found_ = responder(monkeypatch, port)
            server.listed = wire.models()  # it runs, and has no model yet
            await nursery.start(found_.run)
            assert "no language model is connected" in found_.described()
            assert await said(found_) == NO_MODEL
            assert found_.advice() is not None
            server.listed = wire.models("llama3.2:latest")
            await until_described(found_, "llama3.2:latest by Ollama (port ")
            server.script(wire.tell("Love", " is", " all."))
            assert await said(found_) == "Love is all."
            assert found_.advice() is None
            assert server.requests[-1].body["model"] == "llama3.2:latest"
        assert await said(found_) == NO_MODEL  # the connection failed, and nobody had to hear that
        await until_described(found_, "no language model is connected")
        nursery.cancel_scope.cancel()


async def test_whoever_answers_offers_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    tool = ToolOffer(name="love", description="What it is.")
    async with trio.open_nursery() as nursery, open_llm_server() as server:
        found_ = responder(monkeypatch, place_of(server))
        offers = offering(found_, [tool])
        async with offers.reply(ASKED) as parts:
            assert [part async for part in parts] == [
                ToolCall(id="lovexx001", name="love", arguments="{}")
            ]
        await nursery.start(found_.run)
        await until_described(found_, "test by Ollama (port ")
        server.script(CALLED["arguments 'missing'"][0])
        async with offers.reply(ASKED) as parts:
            called = [part async for part in parts if isinstance(part, ToolCall)]
        assert [one.name for one in called] == ["now"]
        assert server.requests[-1].body["tools"][0]["function"]["name"] == "love"
        await said(found_)
        assert "tools" not in server.requests[-1].body
        nursery.cancel_scope.cancel()


async def test_a_model_that_loads_is_told_of_and_rules_answer_meanwhile(
    server: LLMServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found_ = responder(monkeypatch, place_of(server))
    server.script((wire.STREAM_HEAD, 0.3, *wire.tell("Hello")[1:]))
    async with trio.open_nursery() as nursery:
        await nursery.start(found_.run)
        assert "test by Ollama" in found_.described()
        assert "is loading" in found_.described()
        assert await said(found_) == NO_MODEL
        await until_described(found_, "test by Ollama (port ")
        assert await said(found_) == "Hello there."
        nursery.cancel_scope.cancel()


async def test_a_server_that_lists_a_model_and_cannot_talk_is_told_once(
    server: LLMServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.default = wire.refuse(500, "out of memory")
    found_ = responder(monkeypatch, place_of(server))
    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            await nursery.start(found_.run)
            with trio.fail_after(LIMIT_S):
                while len(server.requests) < 3:  # it is tried again, in peace
                    await trio.sleep(0.01)
            assert await said(found_) == NO_MODEL
            nursery.cancel_scope.cancel()
    told = [line for line in logs if line["event"] == "model_server_not_usable"]
    assert len(told) == 1
    assert "out of memory" in told[0]["error"]


async def test_one_without_a_model_is_told_with_what_to_do(
    server: LLMServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.listed = wire.models()
    found_ = responder(monkeypatch, place_of(server))
    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            await nursery.start(found_.run)
            await trio.sleep(0.15)
            nursery.cancel_scope.cancel()
    told = [line["error"] for line in logs if line["event"] == "model_server_not_usable"]
    assert told == ["it has no model: `ollama pull llama3.2`"]
    assert found_.advice() == "Ollama runs, and it has no model: `ollama pull llama3.2`"


async def test_a_refusal_of_the_model_is_a_failure_like_any_other(
    server: LLMServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found_ = responder(monkeypatch, place_of(server))
    async with trio.open_nursery() as nursery:
        await nursery.start(found_.run)
        await until_described(found_, "test by Ollama (port ")
        server.script(wire.refuse(429, "slow down"))
        with pytest.raises(EngineFailure, match="slow down"):
            await said(found_)
        assert await said(found_) == "Hello there."
        nursery.cancel_scope.cancel()


async def test_a_model_that_was_idle_for_long_is_asked_for_a_word_when_speech_begins(
    server: LLMServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found_ = responder(monkeypatch, place_of(server))
    async with trio.open_nursery() as nursery:
        await nursery.start(found_.run)
        await until_described(found_, "test by Ollama (port ")
        asked = len(server.requests)
        await found_.warm()
        assert len(server.requests) == asked
        monkeypatch.setattr(found, "KEEP_LOADED_S", 0.0)
        await found_.warm()
        assert len(server.requests) == asked + 1
        nursery.cancel_scope.cancel()


async def test_with_nowhere_to_look_it_ends_and_rules_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found_ = responder(monkeypatch)
    async with trio.open_nursery() as nursery:
        await nursery.start(found_.run)
    assert await said(found_) == NO_MODEL


# Chosen.


async def test_auto_looks_where_no_service_is_set_and_never_at_its_own_port(
    server: LLMServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.defaults(parley_port=place_of(server).port)
    assert settings.llm_engine == "found"
    assert chosen_name(settings).startswith("found (auto: a model server on this machine")
    found_ = opened(settings.answering)
    monkeypatch.setattr(servers, "SERVERS", (place_of(server),))
    with trio.fail_after(LIMIT_S):
        await found_.run()  # there is nowhere else to look
    assert settings.answering.named_model is None
    named = Settings.defaults(openai_model="llama3.2")
    assert named.answering.named_model == "llama3.2"
    async with open_responder(named) as responder_:
        assert isinstance(responder_, FoundResponder)
