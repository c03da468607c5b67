"""Whether a WebSocket's peer reads what it is sent. Virtual time, streams in memory."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from parley.server.http.pulse import LEAST_READ_BYTES_PER_S, LOOK_S
from parley.server.http.websocket import WebSocketTransport
from parley.transport import PeerGone
from support.ws_client import BINARY, PING, PONG, RawClient, frame

from .test_websocket import conversation, gone

TIMEOUT_S = 10.0


async def talk(raw: RawClient) -> None:
    """The peer sends audio all the time; it is alive."""
    try:
        while True:
            await raw.send(frame(BINARY, b"audio"))
            await trio.sleep(0.5)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass


async def tell(transport: WebSocketTransport, size: int, every_s: float) -> None:
    try:
        while True:
            await transport.send("x" * size)
            await trio.sleep(every_s)
    except PeerGone:
        pass


async def read_slowly(raw: RawClient, bytes_per_s: float, pongs: Callable[[], bool]) -> None:
    try:
        while True:
            opcode, payload = await raw.read_frame()
            await trio.sleep((2 + len(payload)) / bytes_per_s)
            if opcode == PING and pongs():
                await raw.send(frame(PONG, payload))
    except (EOFError, trio.BrokenResourceError, trio.ClosedResourceError):
        pass


@pytest.mark.parametrize("size", [10, 1000, 5000, 50_000])
async def test_who_talks_and_reads_nothing_is_closed_within_thirty_seconds(
    size: int, autojump_clock: MockClock
) -> None:
    async with conversation() as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(talk, raw)
        nursery.start_soon(transport.keep_alive, 30, TIMEOUT_S)
        nursery.start_soon(tell, transport, size, 1.0)
        end = await gone(transport)
        assert (end.code, end.reason) == (1006, "the peer reads nothing")
        assert trio.current_time() <= 30
        nursery.cancel_scope.cancel()


async def test_who_reads_a_kilobyte_a_second_is_kept(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(talk, raw)
        nursery.start_soon(gone, transport)
        nursery.start_soon(read_slowly, raw, 1.1 * LEAST_READ_BYTES_PER_S, lambda: True)
        nursery.start_soon(transport.keep_alive, 30, TIMEOUT_S)
        await transport.send("x" * 20_000)  # all at once
        nursery.start_soon(tell, transport, 300, 1.0)
        await trio.sleep(600)
        assert not transport._reader_ended.is_set()
        nursery.cancel_scope.cancel()


async def test_who_stops_reading_is_closed_then(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(talk, raw)
        nursery.start_soon(read_slowly, raw, 1e6, lambda: trio.current_time() < 100)
        nursery.start_soon(transport.keep_alive, 30, TIMEOUT_S)
        nursery.start_soon(tell, transport, 300, 1.0)
        assert (await gone(transport)).reason == "the peer reads nothing"
        assert 100 < trio.current_time() <= 100 + 2 * LOOK_S + TIMEOUT_S + 3
        nursery.cancel_scope.cancel()


async def test_a_service_that_answers_no_pings_is_kept_while_it_sends(
    autojump_clock: MockClock,
) -> None:
    async with conversation() as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(talk, raw)
        nursery.start_soon(gone, transport)
        unanswered = functools.partial(transport.keep_alive, 30, TIMEOUT_S, answers=False)
        nursery.start_soon(unanswered)
        nursery.start_soon(tell, transport, 300, 1.0)
        await trio.sleep(300)
        assert not transport._reader_ended.is_set()
        nursery.cancel_scope.cancel()


async def test_nobody_is_judged_while_the_server_reads_nothing(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(talk, raw)
        nursery.start_soon(transport.keep_alive, 30, TIMEOUT_S)
        nursery.start_soon(read_slowly, raw, 1e6, lambda: True)
        await transport.send("a transcript")
        await trio.sleep(300)  # the library holds a message that nobody takes
        assert not transport._reader_ended.is_set()
        nursery.cancel_scope.cancel()
