"""A WebSocket from its upgrade to its end, as a fuzz target: wire, library and transport together.

An input is the bytes that a client sends behind its upgrade. The server echoes. What comes back
must be frames that a client may be sent, at most one close frame among them, the last; and nothing
of the connection is left, whatever came.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import structlog
import trio
from trio.testing import MockClock, memory_stream_pair

from parley.protocol.close_codes import NORMAL
from parley.server.http.front import Front, WebSocketRoute
from parley.server.http.head import Head
from parley.server.http.websocket import WebSocketTransport
from support.ws_client import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    close_payload,
    frame,
    request,
)

from .target import Target, pieces_of

MAX_MESSAGE_BYTES = 2000
LIMIT_S = 60.0
"""Of virtual time: longer than any wait of the server's."""
MAY_BE_SENT = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
"""Close codes: RFC 6455, 7.4, and those that were registered since (1012, 1013 and 1014)."""


async def echo(transport: WebSocketTransport, head: Head) -> None:
    """Sends back what comes; closes, crashes and stops reading where it is told to."""
    while True:
        message = await transport.receive()
        if message == "close":
            await transport.close(4000, "as you wish")
        elif message == "stop":
            return
        elif message == "crash":
            raise RuntimeError("as you wish")
        elif message == "wait":
            await trio.sleep(1)
        await transport.send(message)


FRONT = Front(
    {},
    {"/ws": WebSocketRoute(on_websocket=echo, max_message_bytes=MAX_MESSAGE_BYTES)},
    log=structlog.wrap_logger(structlog.ReturnLogger(), processors=[lambda *_: ""]),
)


def talk(data: bytes) -> None:
    answer = trio.run(_talk, data, clock=MockClock(autojump_threshold=0))
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    check_frames(rest)


def _pieces(data: bytes) -> list[bytes]:
    """At most eight: each costs a turn of the loop."""
    step = max(1, len(pieces_of(data)[0]) if data else 1, -(-len(data) // 8))
    return [data[at : at + step] for at in range(0, len(data), step)]


async def _talk(data: bytes) -> bytes:
    client, server = memory_stream_pair()
    received = bytearray()
    before = trio.lowlevel.current_statistics().tasks_living

    async def read() -> None:
        async for part in client:
            received.extend(part)

    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(FRONT.handle, server)
            nursery.start_soon(read)
            await client.send_all(request())
            for piece in _pieces(data):
                try:
                    await client.send_all(piece)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    break
                await trio.testing.wait_all_tasks_blocked()
            await client.send_eof()
    assert trio.lowlevel.current_statistics().tasks_living == before
    assert FRONT.websockets == 0
    return bytes(received)


def check_frames(data: bytes) -> None:
    """What a server sent is whole, unmasked, unfragmented, and ends with a close frame if it has
    one."""
    closed = False
    for opcode, payload in server_frames(data):
        assert not closed, "a frame behind the close frame"
        if opcode == TEXT:
            payload.decode()
        elif opcode == CLOSE:
            closed = True
            assert len(payload) != 1
            if payload:
                code, reason = struct.unpack("!H", payload[:2])[0], payload[2:]
                assert code in MAY_BE_SENT, code
                reason.decode()
        else:
            assert opcode in (BINARY, PING, PONG), opcode


def server_frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Raises AssertionError for what no server may send."""
    at = 0
    while at < len(data):
        assert len(data) >= at + 2, "half a frame"
        first, size = data[at], data[at + 1]
        at += 2
        assert first & 0x70 == 0, "reserved bits"
        assert size < 128, "masked"
        assert first & 0x80, "a fragment"
        if size > 125:
            width = 2 if size == 126 else 8
            size = int.from_bytes(data[at : at + width], "big")
            at += width
        assert len(data) >= at + size, "half a frame"
        assert first & 8 == 0 or size <= 125
        yield first & 15, data[at : at + size]
        at += size


_GOODBYE = frame(CLOSE, close_payload(NORMAL))
_SEEDS = (
    frame(TEXT, "hé".encode()) + frame(BINARY, b"\0\1") + _GOODBYE,
    frame(TEXT, b"a\xc3", fin=False) + frame(PING, b"p") + frame(0, b"\xa9b") + _GOODBYE,
    frame(BINARY, bytes(126)) + frame(PONG, b"x") + frame(BINARY, bytes(MAX_MESSAGE_BYTES + 1)),
    frame(TEXT, b"close") + frame(PING, b"late") + frame(TEXT, b"more"),
    frame(TEXT, b"crash") + frame(PING, b"late"),
    frame(TEXT, b"wait") + frame(TEXT, b"stop") + frame(PING, b"late") + _GOODBYE,
    frame(0, b"x"),
    frame(TEXT, b"x", masked=False),
    frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"),
    frame(CLOSE, close_payload(1005)),
    frame(CLOSE, b"\3"),
    frame(CLOSE, close_payload(1000, b"\xff")),
    frame(PING, bytes(125)) * 20 + _GOODBYE,
)
_WORDS = (
    *(b"\x81\x80\0\0\0\0", b"\x01\x80\0\0\0\0", b"\x80\x80\0\0\0\0", b"\x00\x80\0\0\0\0"),
    *(b"\x89\x80\0\0\0\0", b"\x8a\x80\0\0\0\0", b"\x88\x80\0\0\0\0", b"\x88\x82\0\0\0\0\x03\xe8"),
    *(b"\x82\xfe\x00\x7e\0\0\0\0", b"\x82\xff\0\0\0\0\0\1\0\0\0\0\0\0", b"\x82\xff" + b"\xff" * 12),
    *(
        b"\xc1\x80",
        b"\x83\x80",
        b"\x8b\x80",
        b"\x09\x80",
        b"\x81\x00",
        b"\xed\xa0\x80",
        b"\xf4\x90",
    ),
)

WEBSOCKET_TARGETS: Sequence[Target] = (
    Target(
        name="websocket",
        run=talk,
        seeds=_SEEDS,
        words=_WORDS,
        max_bytes=4096,
        least_runs=50_000,
        # The fuzzer's own check knew only the codes of the RFC.
        kept=[frame(CLOSE, close_payload(code)) for code in (1012, 1013, 1014, 1015)],
    ),
)
