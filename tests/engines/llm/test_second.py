"""A second model behind the first one: when it is opened, what it is sent, what is said of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai.resources.chat  # noqa: F401 (the seconds this may take are not a test's)
import pytest
import trio

from parley.config import Settings
from parley.engines.failures import EngineFailure, EngineUnavailable
from parley.engines.llm import servers
from parley.engines.llm.interface import Responder, second_of
from parley.engines.llm.local import LocalResponder
from parley.engines.llm.open import open_responder
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.llm.second import WithSecond
from parley.engines.room import open_engine_room
from parley.protocol.chat import ChatMessage
from support import llm_server as wire
from support.llm_server import LLMServer, open_llm_server

LIMIT_S = 10.0
ASKED = [ChatMessage(role="user", text="Hello?")]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
async def first() -> AsyncIterator[LLMServer]:
    with trio.fail_after(LIMIT_S):
        async with open_llm_server() as server:
            yield server


@pytest.fixture
async def other() -> AsyncIterator[LLMServer]:
    async with open_llm_server() as server:
        yield server


def settings(**values: Any) -> Settings:
    return Settings.defaults(**values)


async def said(responder: Responder | None) -> str:
    assert responder is not None
    async with responder.reply(ASKED) as parts:
        return "".join([part async for part in parts if isinstance(part, str)])


def place(server: LLMServer) -> str:
    return server.base_url.removeprefix("http://").removesuffix("/v1")


async def test_another_server_is_asked_with_its_own_key_and_model(
    first: LLMServer, other: LLMServer
) -> None:
    first.default = wire.refuse(500)
    other.default = wire.tell("Other.")
    named = settings(
        openai_base_url=first.base_url,
        openai_api_key="sk-first",
        openai_fallback_base_url=other.base_url,
        openai_fallback_api_key="sk-other",
        openai_fallback_model="m-2",
    )
    async with open_responder(named) as responder:
        with pytest.raises(EngineFailure):
            await said(responder)
        assert await said(second_of(responder)) == "Other."
    assert first.requests[0].headers["authorization"] == "Bearer sk-first"
    assert other.requests[0].headers["authorization"] == "Bearer sk-other"
    assert other.requests[0].body["model"] == "m-2"


async def test_a_server_of_its_own_gets_no_other_key(first: LLMServer, other: LLMServer) -> None:
    named = settings(
        openai_base_url=first.base_url,
        openai_api_key="sk-first",
        openai_model="m-1",
        openai_fallback_base_url=other.base_url,
    )
    async with open_responder(named) as responder:
        await said(second_of(responder))
    assert "sk-first" not in str(other.requests[0].headers)
    assert other.requests[0].body["model"] == "m-1"


async def test_another_model_of_the_same_server_has_its_key(first: LLMServer) -> None:
    named = settings(
        openai_base_url=first.base_url, openai_api_key="sk-first", openai_fallback_model="m-2"
    )
    async with open_responder(named) as responder:
        await said(second_of(responder))
    assert first.requests[0].headers["authorization"] == "Bearer sk-first"
    assert first.requests[0].body["model"] == "m-2"


async def test_without_one_there_is_none(first: LLMServer) -> None:
    async with open_responder(settings(openai_base_url=first.base_url)) as responder:
        assert second_of(responder) is None


async def test_rules_need_no_second() -> None:
    named = settings(stream_llm_engine="local", openai_fallback_model="m")
    async with open_responder(named) as responder:
        assert isinstance(responder, LocalResponder)


async def test_a_second_that_cannot_work_is_refused_at_the_start(first: LLMServer) -> None:
    named = settings(
        openai_base_url=first.base_url, openai_fallback_base_url="https://api.openai.com/v1"
    )
    with pytest.raises(EngineUnavailable, match="OPENAI_FALLBACK_API_KEY"):
        async with open_responder(named):
            pass  # pragma: no cover


async def test_its_failures_name_its_own_settings(first: LLMServer, other: LLMServer) -> None:
    other.default = wire.refuse(401)
    named = settings(openai_base_url=first.base_url, openai_fallback_base_url=other.base_url)
    async with open_responder(named) as responder:
        with pytest.raises(EngineFailure, match="check OPENAI_FALLBACK_API_KEY"):
            await said(second_of(responder))


async def test_it_is_told_which_one_answers(first: LLMServer, other: LLMServer) -> None:
    named = settings(
        openai_base_url=first.base_url, openai_model="a", openai_fallback_base_url=other.base_url
    )
    async with open_engine_room(named) as room:
        one, two = f"a at {place(first)}", f"a at {place(other)}"
        responder = room.engines.responder
        assert room.who()["answers"] == f"{one}; where that fails, {two}"
        await said(second_of(responder))
        assert room.who()["answers"] == f"{two}, since this failed: {one}"
        await said(responder)
        assert room.who()["answers"] == f"{one}; where that fails, {two}"


async def test_behind_a_server_that_is_looked_for_it_answers_meanwhile(
    other: LLMServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "SERVERS", ())
    other.default = wire.tell("Other.")
    named = settings(openai_fallback_base_url=other.base_url, openai_fallback_model="m-2")
    async with open_responder(named) as responder, trio.open_nursery() as nursery:
        assert isinstance(responder, WithSecond)
        await nursery.start(responder.run)
        assert await said(responder) == "Other."
        assert "m-2" in responder.described()
        assert responder.advice() is None
        nursery.cancel_scope.cancel()


async def test_a_model_file_that_cannot_be_loaded_leaves_the_second(
    other: LLMServer, tmp_path: Any
) -> None:
    path = tmp_path / "no.gguf"
    path.write_bytes(b"nothing")
    named = settings(stream_gguf_model=str(path), openai_fallback_base_url=other.base_url)
    async with open_responder(named) as responder, trio.open_nursery() as nursery:
        assert isinstance(responder, WithSecond)
        assert [responder.ready] == [False]
        await nursery.start(responder.run)
        while not responder.ready:
            await trio.sleep(0.02)
        assert "no GGUF file" in str(responder.advice())
        with pytest.raises(EngineFailure, match="no GGUF file"):
            await said(responder)
        assert await said(responder.second) == "Hello there."
        nursery.cancel_scope.cancel()


async def test_what_the_first_one_cannot_do_is_done_by_nobody() -> None:
    both = WithSecond(ScriptedResponder([["One."]]), ScriptedResponder([["Two."]]))
    async with trio.open_nursery() as nursery:
        await nursery.start(both.run)
    await both.warm()
    assert both.ready
    assert both.load_error is None
    assert both.advice() is None
    assert both.described() == "ScriptedResponder; where that fails, ScriptedResponder"
    assert [await said(both), await said(both.second)] == ["One.", "Two."]
