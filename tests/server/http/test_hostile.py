"""Hostile openings against one front on a live loopback port.

After each of them the server still serves a page and a conversation, and no task and no file
descriptor is left.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio_websocket
from structlog.testing import capture_logs

from parley.server.http.front import Front, WebSocketRoute
from parley.server.http.head import Head
from parley.server.http.request_body import read_body
from parley.server.http.responses import Response, json_response
from parley.server.http.websocket import WebSocketTransport
from support.ws_client import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    RawClient,
    close_payload,
    frame,
    request,
)

MAX = 4096
SETTLE_S = 5.0
"""Longer than any lingering close. Nothing waits for it unless something is left over."""

Case = Callable[[RawClient], Awaitable[None]]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


def says(name: str, data: bytes, expected: bytes) -> None:
    """A case that sends `data` and gets an answer that begins with `expected`."""

    async def run(client: RawClient) -> None:
        await client.send(data)
        assert (await client.read_all()).startswith(expected)

    CASES[name] = run


def breach(name: str, data: bytes, code: int) -> None:
    """A case that opens a WebSocket, sends `data` and is closed with `code`."""

    async def run(client: RawClient) -> None:
        await client.open()
        await client.send(data)
        assert await client.read_close() == code

    CASES[name] = run


def reset(client: RawClient) -> None:
    """Let the coming close be a RST."""
    assert isinstance(client.stream, trio.SocketStream)
    client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


H400, H404 = b"HTTP/1.1 400 ", b"HTTP/1.1 404 "
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST /upload HTTP/1.1\r\nHost: a\r\n"
says("host_not_ascii", b"GET / HTTP/1.1\r\nHost: caf\xc3\xa9\r\n\r\n", H400)
says("websocket_host_not_ascii", request().replace(b"localhost", b"\xff"), H400)
says("subprotocol_not_ascii", request("/ws", "Sec-WebSocket-Protocol: caf\xe9"), H400)
says("head_too_large", b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000, b"HTTP/1.1 431 ")
says("many_headers", b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 20_000, b"HTTP/1.1 431 ")
says("no_host", b"GET / HTTP/1.1\r\n\r\n", H400)
says("tls_hello", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(160), H400)
says("garbage", bytes(range(256)) * 4, H400)
says("http_0_9", b"GET /\r\n\r\n", H400)
says("http_2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 505 ")
says("smtp", b"EHLO example.org\r\n\r\n", H400)
says("no_key", request(drop=("Sec-WebSocket-Key",)), H400)
says("bad_version", request(drop=("Sec-WebSocket-Version",)), H400)
says(
    "old_version",
    request("/ws", "Sec-WebSocket-Version: 0", drop=("Sec-WebSocket-Version",)),
    b"HTTP/1.1 426 ",
)
says("post_upgrade", request(method="POST"), H400)
says("unknown_path", request("/nowhere"), H404)
says("pipelined", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 50 + LAST, b"HTTP/1.1 200 ")
says("crlf_in_path", b"GET /%0d%0aX:y HTTP/1.1\r\nHost: a\r\n\r\n", H400)
says("crlf_in_subprotocol", request("/ws", "Sec-WebSocket-Protocol: a\r\n b,\0"), H400)
says("chunks_of_garbage", POST + b"Transfer-Encoding: chunked\r\n\r\nnot a chunk\r\n", H400)
says("two_lengths", POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", H400)
says("huge_length", POST + b"Content-Length: 99999999999\r\n\r\nxx", b"HTTP/1.1 413 ")
says("endless_digits", POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", H400)
says("body_too_large", POST + b"Content-Length: 200000\r\n\r\n" + bytes(200_000), b"HTTP/1.1 413 ")
says("connect", b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n", H400)
breach("unmasked", frame(TEXT, b"x", masked=False), 1002)
breach("reserved_opcode", frame(7, b"x"), 1002)
breach("oversized", frame(BINARY, bytes(MAX + 1)), 1009)
breach("much_oversized", frame(BINARY, bytes(1_000_000)), 1009)
breach(
    "fragmented_flood",
    frame(BINARY, bytes(100), fin=False) + frame(0, b"x" * 50, fin=False) * 100,
    1009,
)
breach("close_with_bad_code", frame(CLOSE, close_payload(1005)), 1002)
breach("close_with_bad_reason", frame(CLOSE, close_payload(1000, b"\xff\xfe")), 1007)
breach("close_with_one_byte", frame(CLOSE, b"\x03"), 1002)
breach("text_not_utf_8", frame(TEXT, b"\xff\xff"), 1007)
breach("huge_frame_announced", b"\x82\xff\x7f" + b"\xff" * 7 + b"\1\2\3\4" + bytes(5000), 1009)


@case
async def host_that_punycode_chokes_on(client: RawClient) -> None:
    await client.send(request().replace(b"localhost", b"xn--a"))
    assert b" 101 " in await client.read_until(b"\r\n\r\n")


@case
async def head_byte_by_byte(client: RawClient) -> None:
    for byte in request():
        await client.send(bytes([byte]))
    assert b" 101 " in await client.read_until(b"\r\n\r\n")


@case
async def head_and_frames_in_one(client: RawClient) -> None:
    await client.send(request() + frame(TEXT, b"early"))
    await client.read_until(b"\r\n\r\n")
    assert await client.read_frame() == (TEXT, b"early")


@case
async def empty_fragments(client: RawClient) -> None:
    await client.open()
    with suppress(trio.BrokenResourceError):
        for _ in range(200):
            await client.send(frame(TEXT, b"", fin=False) + frame(0, b"", fin=False) * 1000)
    await client.read_all()


@case
async def ping_flood_that_reads_nothing(client: RawClient) -> None:
    await client.open()
    with suppress(trio.BrokenResourceError), trio.move_on_after(0.3):
        while True:
            await client.send(frame(PING, bytes(125)) * 100)
    reset(client)


@case
async def ping_while_closing(client: RawClient) -> None:
    await client.open()
    await client.send(frame(TEXT, b"close"))
    assert await client.read_close() == 4000
    await client.send(frame(PING, b"late") * 10)
    assert await client.read_all() == b""


@case
async def messages_while_closing(client: RawClient) -> None:
    await client.open()
    await client.send(frame(TEXT, b"close"))
    assert await client.read_close() == 4000
    await client.send(frame(BINARY, bytes(1000)) * 10 + frame(CLOSE, close_payload(4000)))
    assert await client.read_all() == b""


@case
async def close_twice(client: RawClient) -> None:
    await client.open()
    await client.send(frame(CLOSE, close_payload(1000)) * 2 + frame(TEXT, b"more"))
    assert await client.read_close() == 1000


@case
async def reset_after_connecting(client: RawClient) -> None:
    reset(client)


@case
async def reset_within_the_head(client: RawClient) -> None:
    await client.send(b"GET /ws HT")
    reset(client)


@case
async def reset_after_the_head(client: RawClient) -> None:
    await client.send(request())
    reset(client)


@case
async def reset_within_a_message(client: RawClient) -> None:
    await client.open()
    await client.send(frame(BINARY, bytes(2000))[:700])
    reset(client)


@case
async def reset_within_a_body(client: RawClient) -> None:
    await client.send(POST + b"Content-Length: 50\r\n\r\nabc")
    reset(client)


@case
async def half_close_after_the_request(client: RawClient) -> None:
    assert isinstance(client.stream, trio.SocketStream)
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.stream.send_eof()
    assert b" 200 " in await client.read_all()


@case
async def half_close_within_the_head(client: RawClient) -> None:
    assert isinstance(client.stream, trio.SocketStream)
    await client.send(b"GET / HT")
    await client.stream.send_eof()
    assert (await client.read_all()).startswith(H400)


@case
async def half_close_of_a_websocket(client: RawClient) -> None:
    assert isinstance(client.stream, trio.SocketStream)
    await client.open()
    await client.stream.send_eof()
    assert await client.read_all() == b""


@case
async def echo_that_nobody_reads(client: RawClient) -> None:
    await client.open()
    with trio.move_on_after(0.3):
        while True:
            await client.send(frame(BINARY, bytes(4000)) * 20)
    reset(client)


@case
async def handler_crash(client: RawClient) -> None:
    await client.open()
    await client.send(frame(TEXT, b"crash"))
    assert await client.read_close() == 1011


async def echo(transport: WebSocketTransport, head: Head) -> None:
    while True:
        message = await transport.receive()
        if message == "close":
            await transport.close(4000, "as you wish")
        elif message == "crash":
            raise RuntimeError("as you wish")
        await transport.send(message)


async def page(head: Head, stream: trio.abc.Stream) -> Response:
    return json_response({"ok": True})


async def upload(head: Head, stream: trio.abc.Stream) -> Response:
    return json_response({"bytes": len(await read_body(stream, head, 100, 5))})


@asynccontextmanager
async def live_server() -> AsyncIterator[int]:
    """A front on a loopback port; gives the port."""
    route = WebSocketRoute(on_websocket=echo, max_message_bytes=MAX)
    front = Front({("GET", "/"): page, ("POST", "/upload"): upload}, {"/ws": route})
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port: int = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, front.handle, listeners)
        yield port
        assert front.websockets == 0
        nursery.cancel_scope.cancel()


async def normal_day(port: int) -> None:
    """A page and a conversation."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        client = RawClient(stream)
        await client.send(LAST)
        assert (await client.read_all()).endswith(b'{"ok":true}')
    url = f"ws://127.0.0.1:{port}/ws"
    async with trio_websocket.open_websocket_url(url, subprotocols=["any"]) as socket:
        assert socket.subprotocol == "any"
        for message in ("hé", bytes(MAX)):
            await socket.send_message(message)
            assert await socket.get_message() == message


def held() -> tuple[int, int]:
    """Tasks and file descriptors."""
    return trio.lowlevel.current_statistics().tasks_living, len(os.listdir("/proc/self/fd"))


async def comes_back_to(before: tuple[int, int]) -> None:
    with trio.move_on_after(SETTLE_S):
        while held() != before:
            await trio.sleep(0.002)
    assert held() == before


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 50


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")
@pytest.mark.parametrize("name", CASES)
async def test_the_server_survives(name: str) -> None:
    with capture_logs():
        async with live_server() as port:
            before = held()
            await normal_day(port)
            with trio.fail_after(10):
                async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                    await CASES[name](RawClient(stream))
            await normal_day(port)
            await comes_back_to(before)


async def test_the_server_survives_all_of_them_at_once() -> None:
    async def attack(port: int, attacker: Case) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await attacker(RawClient(stream))

    with capture_logs():
        async with live_server() as port:
            before = held()
            await normal_day(port)
            with trio.fail_after(20):
                async with trio.open_nursery() as nursery:
                    for attacker in CASES.values():
                        nursery.start_soon(attack, port, attacker)
                    await normal_day(port)
            await normal_day(port)
            await comes_back_to(before)


async def test_a_peer_that_never_reads_holds_little_and_can_be_dropped() -> None:
    accepted = 0
    ended = trio.Event()

    async def pour(transport: WebSocketTransport, head: Head) -> None:
        nonlocal accepted
        with trio.move_on_after(0.2):
            while True:
                await transport.send(bytes(8000))
                accepted += 8000
        transport.abort()
        ended.set()

    front = Front({}, {"/ws": WebSocketRoute(on_websocket=pour, max_message_bytes=MAX)})
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    before = held()
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, front.handle, listeners)
        deaf = trio.socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        await deaf.connect(listeners[0].socket.getsockname())
        async with trio.SocketStream(deaf) as stream:
            await stream.send_all(request())
            with trio.fail_after(5):
                await ended.wait()
            while front.websockets:
                await trio.sleep(0.002)
            with pytest.raises(trio.BrokenResourceError):
                while await stream.receive_some(65536):
                    pass
        nursery.cancel_scope.cancel()
    assert 0 < accepted < 500_000
    assert held()[0] == before[0]
