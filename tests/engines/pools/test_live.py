"""Pools of real HTTP servers on loopback, some of which are dead or slow. Time is real, and
bounded."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import openai.resources.audio
import openai.resources.chat  # noqa: F401 (the seconds this may take are not a test's)
import pytest
import trio

from parley.audio.wav import wav_bytes
from parley.config import Settings
from parley.engines.asr.open import open_recognizer
from parley.engines.failures import EngineFailure, EngineUnavailable, ServiceBusy
from parley.engines.kit import SessionInfo
from parley.engines.llm.interface import CallsTools, Warms
from parley.engines.llm.open import open_responder
from parley.engines.pools.opening import names_of, pools_of
from parley.engines.pools.pool import Pool
from parley.engines.pools.standing import PlaceState
from parley.engines.tts.interface import ManyVoices, Streams
from parley.engines.tts.open import open_voice
from parley.protocol.chat import ChatMessage, ToolOffer
from support import llm_server as wire
from support.llm_server import Behaviour, LLMServer, Wire, open_llm_server
from support.whole_answers import answer, tell_json

LIMIT_S = 10.0
ASKED = [ChatMessage(role="user", text="Hello?")]
SECOND = bytes(range(1, 201)) * 160
SOUND = answer(wav_bytes(SECOND[:4800], 24_000), "audio/wav")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@dataclass(slots=True)
class Opened:
    pool: Pool[Any]
    use: Callable[[], Awaitable[str]]
    engine: object
    servers: list[LLMServer] = field(default_factory=list)


GOOD: dict[str, Behaviour] = {
    "asr": tell_json({"text": "heard"}),
    "llm": wire.tell("Said."),
    "tts": SOUND,
}
"""What a server of each kind answers that is well."""


async def open_kind(stack: AsyncExitStack, kind: str, urls: str, **more: Any) -> Opened:
    variable = {"asr": "openai_asr", "llm": "openai", "tts": "openai_tts"}[kind]
    named = {f"{kind}_engine": "openai" for kind in ("stream_asr", "stream_llm", "stream_tts")}
    named |= {"stream_language": "en", f"{variable}_base_url": urls}
    settings = Settings.defaults(**named, **more)
    if kind == "asr":
        recognizer = await stack.enter_async_context(open_recognizer(settings))
        transcriber = recognizer.make(SessionInfo.outside("test", settings.hearing))

        async def hear() -> str:
            await transcriber.begin()
            await transcriber.feed(SECOND)
            return (await transcriber.finish()).text

        return Opened(recognizer.pools[0], hear, transcriber)
    if kind == "llm":
        responder = await stack.enter_async_context(open_responder(settings))

        async def reply() -> str:
            async with responder.reply(ASKED) as parts:
                return "".join([part async for part in parts if isinstance(part, str)])

        return Opened(pools_of(responder)[0], reply, responder)
    voice = await stack.enter_async_context(open_voice(settings))
    synthesizer = voice.synthesizer

    async def speak() -> str:
        speech = await synthesizer.speak("Hello.")
        return f"{len(speech.pcm16)} bytes"

    return Opened(voice.pools[0], speak, synthesizer)


@asynccontextmanager
async def opened(kind: str, *behaviours: Behaviour | None, **more: Any) -> AsyncIterator[Opened]:
    """A pool with a server for each behaviour; None: nobody listens there."""
    with trio.fail_after(LIMIT_S):
        async with AsyncExitStack() as stack:
            servers, urls = [], []
            for behaviour in behaviours:
                if behaviour is None:
                    urls.append(f"http://127.0.0.1:{closed_port()}/v1")
                    continue
                server = await stack.enter_async_context(open_llm_server())
                server.default = behaviour
                servers.append(server)
                urls.append(server.base_url)
            pool = await open_kind(stack, kind, ",".join(urls), **more)
            yield replace(pool, servers=servers)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask_first(pool: Pool[Any]) -> None:
    """Have the first place asked, if it is well: the others seem to have more in hand."""
    for place in pool.places[1:]:
        place.in_hand += 3


KINDS = pytest.mark.parametrize("kind", ["asr", "llm", "tts"])
DEAD: dict[str, Behaviour | None] = {
    "refuses": None,
    "500": wire.refuse(500),
    "503": wire.refuse(503),
    "garbage": wire.plain(b"<html>It works!</html>", "text/html"),
    "no HTTP": (b"\x00\x01\x02 220 ready\r\n", Wire.FIN),
    "hangs up": (Wire.FIN,),
    "empty": wire.plain(b""),
    "wrong key": wire.refuse(401),
    "no such model": wire.refuse(404, code="model_not_found"),
}


@pytest.mark.few(8)
@KINDS
@pytest.mark.parametrize("dead", DEAD)
async def test_the_caller_notices_nothing_of_a_dead_place(kind: str, dead: str) -> None:
    async with opened(kind, DEAD[dead], GOOD[kind]) as it:
        ask_first(it.pool)
        said = await it.use()
        place = it.pool.places[0]
        assert place.asked == 1
        assert place.state is PlaceState.RESTING
        assert await it.use() == said
        assert place.asked == 1, "it rests"
        assert [place.in_hand for place in it.pool.places] == [0, 3]


@KINDS
async def test_a_place_that_accepts_and_never_answers_costs_the_patience(kind: str) -> None:
    async with opened(kind, wire.stall_before_headers(), GOOD[kind]) as it:
        ask_first(it.pool)
        began_s = trio.current_time()
        await it.use()
        assert 0.7 < trio.current_time() - began_s < 2.0
        with trio.fail_after(2):
            await it.servers[0].all_closed()


@KINDS
async def test_a_busy_place_rests_as_long_as_it_wants(kind: str) -> None:
    busy = (
        b"HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}",
        Wire.FIN,
    )
    async with opened(kind, busy, GOOD[kind]) as it:
        ask_first(it.pool)
        await it.use()
        place = it.pool.places[0]
        assert place.state is PlaceState.BUSY
        assert 6 < place.standing.pause_s <= 7
        assert (place.failed, place.failures, place.busy) == (0, 0, 1)


@KINDS
async def test_where_all_are_dead_it_is_one_failure_that_names_each(kind: str) -> None:
    async with opened(kind, None, wire.refuse(503, "overloaded"), None) as it:
        with pytest.raises(EngineFailure) as caught:
            await it.use()
    assert caught.value.retryable
    assert "overloaded" in str(caught.value)
    assert str(caught.value).count("the connection to 127.0.0.1:") == 2


@KINDS
async def test_a_request_that_nobody_takes_has_nobody_rest(kind: str) -> None:
    async with opened(kind, *[wire.refuse(400, "too long")] * 3) as it:
        with pytest.raises(EngineFailure, match="too long") as caught:
            await it.use()
        assert not caught.value.retryable
        assert {place.state for place in it.pool.places} == {PlaceState.WELL}
        assert sum(len(server.requests) for server in it.servers) == 2


async def test_after_the_first_words_a_failure_is_the_replys() -> None:
    async with opened("llm", wire.cut("Once", " upon"), GOOD["llm"]) as it:
        ask_first(it.pool)
        with pytest.raises(EngineFailure):
            await it.use()
        assert it.servers[1].requests == []
        assert it.pool.places[0].state is PlaceState.RESTING
        assert it.pool.places[0].in_hand == 0
        assert await it.use() == "Said."


async def test_before_the_first_words_a_broken_stream_is_another_places() -> None:
    async with opened("llm", wire.cut(), GOOD["llm"]) as it:
        ask_first(it.pool)
        assert await it.use() == "Said."


async def test_after_the_first_sound_a_failure_is_the_phrases() -> None:
    whole = wav_bytes(SECOND, 24_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: {len(whole)}\r\n\r\n"
    half = (head.encode() + whole[: len(whole) // 2], 0.05, Wire.RST)
    async with opened("tts", half, SOUND) as it:
        ask_first(it.pool)
        with pytest.raises(EngineFailure):
            await it.use()
        assert it.servers[1].requests == []


async def test_a_reply_that_is_left_ends_its_request() -> None:
    async with opened("llm", wire.stall_after("Once"), wire.stall_after("Once")) as it:
        responder = it.engine
        assert isinstance(responder, CallsTools)
        async with responder.with_tools(()).reply(ASKED) as parts:
            assert await anext(parts) == "Once"
            assert sum(place.in_hand for place in it.pool.places) == 1
        assert sum(place.in_hand for place in it.pool.places) == 0
        for server in it.servers:
            await server.all_closed()


async def test_tools_are_offered_to_each_place_as_it_takes_them() -> None:
    tool = ToolOffer(name="look_up", description="", parameters={"type": "object"})
    async with opened("llm", wire.refuse(400, "tools are not supported"), None) as it:
        [server] = it.servers
        server.script(wire.refuse(400, "tools are not supported"), GOOD["llm"])
        ask_first(it.pool)
        assert isinstance(it.engine, CallsTools)
        async with it.engine.with_tools([tool]).reply(ASKED) as parts:
            assert await anext(parts) == "Said."
    assert ["tools" in request.body for request in server.requests] == [True, False]


async def test_connections_are_kept_open_and_warmed_at_each_place() -> None:
    async with opened("llm", GOOD["llm"], GOOD["llm"]) as it:
        assert isinstance(it.engine, Warms)
        await it.engine.warm()
        assert [len(server.touches) for server in it.servers] == [1, 1]
        for _ in range(10):
            await it.use()
        assert all(server.requests for server in it.servers)
        assert [server.accepted for server in it.servers] == [1, 1]


async def test_a_pooled_voice_streams_and_changes_its_voice() -> None:
    async with opened("tts", SOUND, SOUND) as it:
        assert isinstance(it.engine, Streams)
        assert isinstance(it.engine, ManyVoices)
        await it.engine.with_voice("nova").speak("Hello.")
        [request] = [one for server in it.servers for one in server.requests]
        assert request.body["voice"] == "nova"
        assert (await it.engine.speak("…")).pcm16 == b""
        assert sum(place.asked for place in it.pool.places) == 1


@KINDS
async def test_a_look_is_a_small_request(kind: str) -> None:
    async with opened(kind, GOOD[kind], None) as it:
        there, gone = it.pool.places
        await there.look()
        assert it.servers[0].requests == []
        with pytest.raises(EngineFailure):
            await gone.look()
        it.servers[0].listed = wire.refuse(404)
        await there.look()
        it.servers[0].listed = wire.refuse(503)
        with pytest.raises(EngineFailure):
            await there.look()


async def test_signs_of_life_are_nothing_of_an_answer() -> None:
    thinks = (
        wire.STREAM_HEAD,
        wire.chunk(wire.delta(reasoning_content="Hm.")),
        0.02,
        Wire.RST,
    )
    async with opened("llm", thinks, GOOD["llm"]) as it:
        ask_first(it.pool)
        assert await it.use() == "Said."
        assert it.pool.places[0].state is PlaceState.RESTING
        assert [place.in_hand for place in it.pool.places] == [0, 3]
    async with opened("llm", thinks, None, thinks) as it:
        with pytest.raises(EngineFailure):
            await it.use()
        assert sum(place.asked for place in it.pool.places) == 3


# Keys and names


async def test_each_place_has_its_own_key_or_all_have_one() -> None:
    async with opened("llm", GOOD["llm"], GOOD["llm"], openai_api_key="sk-1,sk-2") as it:
        for _ in range(20):
            await it.use()
        for server, key in zip(it.servers, ("sk-1", "sk-2"), strict=True):
            assert {one.headers["authorization"] for one in server.requests} == {f"Bearer {key}"}
    async with opened("llm", GOOD["llm"], GOOD["llm"], openai_api_key="sk-1") as it:
        await it.use()
        [request] = [one for server in it.servers for one in server.requests]
        assert request.headers["authorization"] == "Bearer sk-1"


async def test_more_keys_than_places_are_no_pool() -> None:
    with pytest.raises(EngineUnavailable, match="3 keys for 2 URLs"):
        async with opened("llm", None, None, openai_api_key="a,b,c"):
            pass


async def test_one_url_is_no_pool() -> None:
    async with AsyncExitStack() as stack:
        settings = Settings.defaults(openai_base_url="http://127.0.0.1:9/v1,")
        responder = await stack.enter_async_context(open_responder(settings))
        assert pools_of(responder) == ()


def test_places_have_names_that_tell_them_apart() -> None:
    urls = [
        "http://gpu-1.example.org:8000/v1",
        "http://user:secret@gpu-2.example.org:8000/v1/",
        "https://gate.example.org/a/v1",
        "https://gate.example.org/b/v1",
        "http://both.example.org/v1",
        "https://both.example.org/v1",
    ]
    assert names_of(urls) == [
        "gpu-1.example.org:8000",
        "gpu-2.example.org:8000",
        "gate.example.org/a/v1",
        "gate.example.org/b/v1",
        "http://both.example.org",
        "https://both.example.org",
    ]


async def test_a_service_that_is_busy_is_no_broken_one() -> None:
    async with opened("llm", *[wire.refuse(429)] * 2) as it:
        with pytest.raises(ServiceBusy):
            await it.use()
