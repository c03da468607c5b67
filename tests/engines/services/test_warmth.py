"""Connections that are open before they are needed: the rule alone, and over real sockets."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import openai.resources.chat  # noqa: F401  the seconds this may take are not a test's
import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from parley.config import Settings
from parley.engines.failures import EngineFailure
from parley.engines.kit import OwnEngines
from parley.engines.llm.interface import Responder, Warms, warm
from parley.engines.llm.local import LocalResponder
from parley.engines.llm.openai import OpenAIResponder, open_openai
from parley.engines.room import open_engine_room
from parley.engines.services import openai_client
from parley.engines.services.warmth import FRESH_S, WARM_S, IdleConnections, Warmer
from parley.protocol.chat import ChatMessage
from parley.recording.tap import Tap, TappedResponder
from parley.recording.tape import MemoryTape
from parley.turnstile import Turnstile
from support import llm_server as wire
from support.llm_server import LLMServer, open_llm_server

Clock = trio.testing.MockClock
ASKED = (ChatMessage(role="user", text="Well?"),)
KEY = "sk-secret-9177"
HANDSHAKE_S = 0.05
LIMIT_S = 5.0


# The rule.


def test_a_connection_is_fresh_for_a_while_after_its_use() -> None:
    idle = IdleConnections()
    assert not idle.fresh(0.0)
    idle.came_home(1.0)
    assert idle.fresh(1.0 + FRESH_S * 0.9)
    assert not idle.fresh(1.0 + FRESH_S)


def test_a_request_takes_one_and_leaves_the_others() -> None:
    idle = IdleConnections()
    idle.left()
    idle.came_home(0.0)
    idle.came_home(0.0)
    idle.left()
    assert idle.fresh(0.1)
    idle.left()
    assert not idle.fresh(0.1)


def test_what_is_old_is_forgotten() -> None:
    idle = IdleConnections()
    for n in range(10_000):
        idle.came_home(n * 0.5)
    assert len(idle._home_s) <= FRESH_S / 0.5 + 1


class Touches:
    """A server's side of it, without a server."""

    def __init__(self, *, takes_s: float = 0.1) -> None:
        self.times: list[float] = []
        self.takes_s = takes_s
        self.failing = False
        self.keeps = True

    async def __call__(self) -> bool:
        self.times.append(trio.current_time())
        await trio.sleep(self.takes_s)
        if self.failing:
            raise EngineFailure("nobody there")
        return self.keeps


async def test_it_touches_again_only_when_the_last_use_is_long_ago(autojump_clock: Clock) -> None:
    touches = Touches(takes_s=0)
    warmer = Warmer(touch=touches, place="h")
    for _ in range(round(3.5 * FRESH_S / 0.1)):
        await warmer.warm()
        await trio.sleep(0.1)
    assert len(touches.times) == 4


async def test_only_one_at_a_time_touches_and_the_others_do_not_wait(
    autojump_clock: Clock,
) -> None:
    touches = Touches(takes_s=1.0)
    warmer = Warmer(touch=touches, place="h")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(warmer.warm)
        await trio.sleep(0.5)
        for _ in range(50):
            await warmer.warm()
        assert trio.current_time() - touches.times[0] == 0.5
    assert len(touches.times) == 1


async def test_it_gives_up_in_time(autojump_clock: Clock) -> None:
    touches = Touches(takes_s=100)
    warmer = Warmer(touch=touches, place="h")
    began_s = trio.current_time()
    with capture_logs() as lines:
        await warmer.warm()
    assert trio.current_time() - began_s == WARM_S
    assert [line["event"] for line in lines] == ["connection_not_warm"]


@pytest.mark.parametrize("how", ["it fails", "it closes"])
async def test_a_row_of_failures_is_told_once_and_paced(autojump_clock: Clock, how: str) -> None:
    touches = Touches(takes_s=0)
    touches.failing, touches.keeps = how == "it fails", False
    warmer = Warmer(touch=touches, place="h")
    with capture_logs() as lines:
        for _ in range(round(3.5 * FRESH_S / 0.1)):
            await warmer.warm()
            await trio.sleep(0.1)
        assert len(touches.times) == 4
        assert len(lines) == 1
        touches.failing, touches.keeps = False, True
        await trio.sleep(FRESH_S)
        await warmer.warm()
        touches.failing = True
        await trio.sleep(FRESH_S)
        await warmer.warm()
    assert len(lines) == 2


async def test_who_is_cancelled_leaves_it_to_the_next(autojump_clock: Clock) -> None:
    touches = Touches(takes_s=1.0)
    warmer = Warmer(touch=touches, place="h")
    with trio.move_on_after(0.5):
        await warmer.warm()
    await warmer.warm()
    assert len(touches.times) == 2


# Over real sockets.


@pytest.fixture(autouse=True)
def swept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No proxy of the machine comes between; what leaks is to leak within its own test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield
    gc.collect()


@pytest.fixture
async def server() -> AsyncIterator[LLMServer]:
    with trio.fail_after(LIMIT_S):
        async with open_llm_server() as server:
            yield server


@pytest.fixture
async def responder(server: LLMServer) -> AsyncIterator[OpenAIResponder]:
    async with open_openai(
        model="m", max_tokens=7, base_url=server.base_url, api_key=KEY
    ) as responder:
        yield responder


async def first_token_s(responder: Responder) -> float:
    """How long a reply's first token takes; the reply is read to its end."""
    began_s = trio.current_time()
    first_s: float | None = None
    async with responder.reply(ASKED) as reply:
        async for _ in reply:
            first_s = trio.current_time() - began_s if first_s is None else first_s
    assert first_s is not None
    return first_s


async def test_a_reply_uses_the_connection_that_is_open_already(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.handshake_s = HANDSHAKE_S
    await warm(responder)
    assert (server.accepted, len(server.touches), len(server.requests)) == (1, 1, 0)
    assert await first_token_s(responder) < HANDSHAKE_S
    assert (server.accepted, len(server.requests)) == (1, 1)


async def test_without_it_the_first_token_waits_for_the_connection(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.handshake_s = HANDSHAKE_S
    assert await first_token_s(responder) >= HANDSHAKE_S


async def test_it_asks_for_nothing_and_with_the_key(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    await warm(responder)
    [asked] = server.touches
    assert (asked.method, asked.path, asked.raw) == ("OPTIONS", "/v1/models", b"")
    assert asked.headers["authorization"] == f"Bearer {KEY}"


async def test_behind_a_reply_nothing_is_asked(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    await first_token_s(responder)
    await warm(responder)
    assert (server.touches, server.accepted) == ([], 1)


async def test_beside_a_reply_a_second_connection_is_opened(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.stall_after("So"))
    async with responder.reply(ASKED) as reply:
        assert await anext(reply) == "So"
        await warm(responder)
        assert server.accepted == 2
        await first_token_s(responder)
        assert server.accepted == 2


async def test_a_reply_that_was_cut_off_leaves_no_connection_behind(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.stall_after("So"))
    async with responder.reply(ASKED) as reply:
        assert await anext(reply) == "So"
    await warm(responder)
    assert len(server.touches) == 1


async def test_a_connection_outlives_the_time_in_which_people_say_something(
    server: LLMServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert openai_client.IDLE_S >= 30
    for idle_s, connections in ((0.02, 2), (10.0, 3)):
        monkeypatch.setattr(openai_client, "IDLE_S", idle_s)
        async with open_openai(
            model="m", max_tokens=7, base_url=server.base_url, api_key=KEY
        ) as responder:
            await warm(responder)
            await trio.sleep(0.05)
            await first_token_s(responder)
        assert server.accepted == connections


ANSWERS: dict[str, wire.Behaviour] = {
    "200": (b"HTTP/1.1 200 OK\r\nAllow: GET\r\nContent-Length: 2\r\n\r\n{}",),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n",),
    "401": wire.refuse(401, "no"),
    "404 in chunks": (
        b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n",
        wire.chunk(b"not here"),
        wire.LAST_CHUNK,
    ),
    "elsewhere": (
        b"HTTP/1.1 308 Go\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n",
    ),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_whatever_the_answer_the_connection_is_good(
    server: LLMServer, responder: OpenAIResponder, answer: str
) -> None:
    server.touched = ANSWERS[answer]
    with capture_logs() as lines:
        await warm(responder)
    assert lines == []
    await first_token_s(responder)
    assert server.accepted == 1


BAD_ANSWERS: dict[str, wire.Behaviour] = {
    "closed": (wire.Wire.FIN,),
    "reset": (wire.Wire.RST,),
    "no HTTP": (b"220 mail.example.org\r\n", wire.Wire.FIN),
    "closed behind the answer": (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        wire.Wire.FIN,
    ),
    "an older HTTP": (b"HTTP/1.0 405 No\r\n\r\nno", wire.Wire.FIN),
    "cut off": wire.refuse(405, truncated=True),
    "without an end": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        *(wire.chunk(bytes(50_000)) for _ in range(3)),
        wire.Wire.STALL,
    ),
}


@pytest.mark.parametrize("answer", BAD_ANSWERS)
async def test_a_server_that_takes_it_badly_is_told_of_and_harms_no_reply(
    server: LLMServer, responder: OpenAIResponder, answer: str
) -> None:
    server.touched = BAD_ANSWERS[answer]
    with capture_logs() as lines:
        await warm(responder)
    assert [line["event"] for line in lines] == ["connection_not_warm"]
    await trio.sleep(0.01)
    await first_token_s(responder)


async def test_a_server_that_never_answers_holds_nobody_and_harms_no_reply(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.touched = (wire.Wire.STALL,)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(warm, responder)
        while not server.touches:
            await trio.sleep(0.005)
        await warm(responder)
        await first_token_s(responder)
        nursery.cancel_scope.cancel()
    assert server.accepted == 2


async def test_a_server_that_is_not_there_is_a_line_in_the_log_without_secrets() -> None:
    async with open_llm_server() as server:
        address = server.base_url.replace("http://", "http://user:hunter2@")
    async with open_openai(model="m", max_tokens=7, base_url=address, api_key=KEY) as responder:
        with capture_logs() as lines, trio.fail_after(LIMIT_S):
            await warm(responder)
    [line] = lines
    assert line["server"].startswith("127.0.0.1:")
    assert KEY not in str(line)
    assert "hunter2" not in str(line)


# Who else has to do with it.


async def test_a_responder_that_cannot_warm_is_left_alone() -> None:
    assert not isinstance(LocalResponder(), Warms)
    await warm(LocalResponder())


@dataclass(frozen=True)
class Warm(LocalResponder):
    how: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint

    async def warm(self) -> None:
        await self.how()


async def test_a_tap_passes_it_on_and_writes_nothing_down(autojump_clock: Clock) -> None:
    done: list[str] = []

    async def how() -> None:
        done.append("warm")
        await trio.sleep(1)

    tape = MemoryTape()
    turnstile = Turnstile()
    tapped = TappedResponder(Warm(how=how), Tap(turnstile, tape))
    await warm(tapped)
    assert (done, tape.entries, turnstile.admitted) == (["warm"], [], 0)
    await warm(TappedResponder(LocalResponder(), Tap(turnstile, tape)))


@pytest.mark.slow
async def test_the_room_warms_once_and_its_lanes_do_not_wait_for_it() -> None:
    done: list[str] = []

    async def how() -> None:
        done.append("warm")
        await trio.sleep_forever()

    own = OwnEngines(responder=Warm(how=how))
    settings = Settings.defaults(stream_asr_lanes=1, stream_tts_thread_workers=1)
    with trio.fail_after(30):
        async with open_engine_room(settings, own) as room, trio.open_nursery() as nursery:
            await nursery.start(room.supervisor().run)
            while room.not_ready():
                await trio.sleep(0.02)
            assert done == ["warm"]
            nursery.cancel_scope.cancel()
