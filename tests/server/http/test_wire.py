"""The stream below a WebSocket: what is sent together, and by several tasks."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from parley.server.http.wire import ReplayStream

CLOSE = b"\x88\x02\x03\xe8"


class SlowStream(trio.abc.Stream):
    """Takes a second for each piece, and no two at once."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self._busy = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self._busy:
            raise trio.BusyResourceError
        self._busy = True
        try:
            await trio.sleep(1)
        finally:
            self._busy = False
        self.sent.append(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.sleep_forever()
        raise AssertionError

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_what_is_gathered_leaves_as_one_piece(autojump_clock: MockClock) -> None:
    stream = SlowStream()
    wire = ReplayStream(stream, b"", b"", 1000)
    wire.gather()
    for piece in (b"one ", b"two ", b"three"):
        await wire.send_all(piece)
    assert stream.sent == []
    await wire.send_gathered()
    assert stream.sent == [b"one two three"]
    await wire.send_gathered()
    assert len(stream.sent) == 1, "nothing was gathered"


async def test_a_ping_waits_for_what_was_gathered(autojump_clock: MockClock) -> None:
    stream = SlowStream()
    wire = ReplayStream(stream, b"", b"", 1000)
    async with trio.open_nursery() as nursery:
        wire.gather()
        await wire.send_all(b"frames")
        nursery.start_soon(wire.send_gathered)
        await trio.sleep(0.5)
        nursery.start_soon(wire.send_all, b"ping")
        await trio.sleep(0.1)
        wire.gather()
        await wire.send_all(b"more")
        nursery.start_soon(wire.send_gathered)
    assert stream.sent == [b"frames", b"ping", b"more"]
    assert not wire.torn


async def test_a_goodbye_among_what_is_gathered_was_said(autojump_clock: MockClock) -> None:
    wire = ReplayStream(SlowStream(), b"", b"", 1000)
    wire.gather()
    await wire.send_all(b"frame")
    await wire.send_all(CLOSE)
    assert not wire.close_sent
    await wire.send_gathered()
    assert wire.close_sent


async def test_what_waits_for_its_turn_is_not_sent_on_a_torn_stream(
    autojump_clock: MockClock,
) -> None:
    wire = ReplayStream(SlowStream(), b"", b"", 1000)

    async def waits() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await wire.send_all(b"late")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits)
        with trio.move_on_after(0.5):
            await wire.send_all(b"half")
    assert wire.torn


async def test_who_is_cancelled_before_the_first_byte_has_torn_nothing() -> None:
    client, server = memory_stream_pair()
    wire = ReplayStream(server, b"", b"", 1000)
    with trio.CancelScope() as scope:
        scope.cancel()
        await wire.send_all(b"never begun")
    assert not wire.torn
    await wire.send_all(b"said")
    assert await client.receive_some(100) == b"said"
