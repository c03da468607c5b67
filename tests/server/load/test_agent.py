"""HAProxy's agent check: one line to whoever asks, bounded in time and number."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from parley.addresses import is_private
from parley.bench.instant import instant_engines
from parley.config import Settings
from parley.engines.room import open_engine_room
from parley.server.load.agent import ANSWER_S, MAX_ASKING, LoadAgent, agent_line
from parley.server.tree import Server, open_listeners
from support.live_server import HOST, request_http

READY = b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n"


@asynccontextmanager
async def asked_at(agent: LoadAgent) -> AsyncIterator[int]:
    """The port at which it answers."""
    listeners = await open_listeners(HOST, 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(agent.run, listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()
    for listener in listeners:
        await listener.aclose()


async def told(port: int, said: bytes = b"") -> bytes:
    with trio.fail_after(10):
        async with await trio.open_tcp_stream(HOST, port) as stream:
            if said:
                await stream.send_all(said)
            return b"".join([part async for part in stream])


def test_the_line_is_the_one_that_haproxy_documents() -> None:
    assert agent_line(75) == b"75% up\n"
    assert agent_line(0) == b"0% up\n"


async def test_whoever_asks_is_told_and_hung_up_on() -> None:
    dropped: list[None] = []
    async with asked_at(LoadAgent(lambda: 75, lambda: dropped.append(None))) as port:
        assert await told(port) == b"75% up\n"
        assert await told(port, b"node-1\n" * 30) == b"75% up\n"
    assert not dropped


async def test_one_that_stays_is_hung_up_on_and_too_many_are_not_answered() -> None:
    dropped: list[None] = []
    async with asked_at(LoadAgent(lambda: 5, lambda: dropped.append(None))) as port:
        staying = [await trio.open_tcp_stream(HOST, port) for _ in range(MAX_ASKING)]
        try:
            for stream in staying:
                assert await stream.receive_some(64) == b"5% up\n"
            with pytest.raises((trio.BrokenResourceError, AssertionError)):
                assert await told(port)
            assert len(dropped) == 1
            with trio.fail_after(ANSWER_S * 5):
                while not (late := await _answer(port)):
                    await trio.sleep(0.05)
            assert late == b"5% up\n"
        finally:
            for stream in staying:
                await stream.aclose()


async def _answer(port: int) -> bytes:
    try:
        return await told(port)
    except trio.BrokenResourceError:
        return b""


async def test_one_that_asks_and_goes_harms_nobody() -> None:
    async with asked_at(LoadAgent(lambda: 100, lambda: None)) as port:
        for _ in range(5):
            with socket.create_connection((HOST, port)) as gone:
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert await told(port) == b"100% up\n"


async def test_a_public_address_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[None] = []
    monkeypatch.setattr("parley.server.load.agent.peer_host", lambda stream: "203.0.114.9")
    async with asked_at(LoadAgent(lambda: 75, lambda: dropped.append(None))) as port:
        assert await _answer(port) == b""
    assert len(dropped) == 1


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("127.0.0.1", True),
        ("10.2.3.4", True),
        ("[fd00::1]", True),
        ("fe80::1%eth0", True),
        ("::ffff:192.168.1.1", True),
        ("::ffff:8.8.8.8", False),
        ("8.8.8.8", False),
        ("2a00::1", False),
        ("node-1", False),
        ("unknown", False),
    ],
)
def test_which_addresses_are_private(host: str, private: bool) -> None:
    assert is_private(host) is private


async def test_while_a_server_drains_the_agent_says_zero_until_its_last_session_is_over() -> None:
    settings = Settings.defaults(stream_drain_s=2, stream_max_talking_share=0)
    with trio.fail_after(30):
        async with open_engine_room(settings, instant_engines()) as room:
            server = Server(settings, room)
            listeners, agents = await open_listeners(HOST, 0), await open_listeners(HOST, 0)
            port = listeners[0].socket.getsockname()[1]
            agent_port = agents[0].socket.getsockname()[1]
            async with trio.open_nursery() as nursery:

                async def run(*, task_status: trio.TaskStatus[None]) -> None:
                    await server.run(listeners, agent_listeners=agents, task_status=task_status)

                await nursery.start(run)
                assert await told(agent_port) == b"100% up\n"
                ready = await request_http(port, READY)
                assert (ready.status, json.loads(ready.body)["weight"]) == (200, 100)
                assert "parley_weight 100.0" in server.telemetry.exposition().decode()
                async with await trio.open_tcp_stream(HOST, port) as busy:
                    await busy.send_all(_upgrade())
                    await busy.receive_some(4096)
                    server.stop()
                    late = await request_http(port, READY)
                    assert (late.status, json.loads(late.body)["weight"]) == (503, 0)
                    assert await told(agent_port) == b"0% up\n"
            with pytest.raises(OSError, match="connect"):
                await trio.open_tcp_stream(HOST, agent_port)


def _upgrade() -> bytes:
    return (
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
