"""What clients get wrong, on a live port, while somebody else is talking to the same server."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest
import trio

from support.live_server import (
    HOST,
    LIGHTS,
    UMBRELLA,
    LiveServer,
    open_client,
    open_live_server,
    request_http,
)
from support.ws_client import BINARY, CLOSE, TEXT, RawClient, frame, request

pytestmark = pytest.mark.slow

START = frame(TEXT, b'{"type":"start"}')
FATAL = "PROTOCOL_VIOLATION", False
HARMLESS = "PROTOCOL_VIOLATION", True


async def heard(client: RawClient) -> tuple[list[tuple[str, bool]], int | None]:
    """The errors that came, as (code, recoverable), up to the close code or to a final."""
    errors: list[tuple[str, bool]] = []
    while True:
        opcode, payload = await client.read_frame()
        if opcode == CLOSE:
            return errors, int.from_bytes(payload[:2], "big")
        message = json.loads(payload)
        if message["type"] == "error":
            errors.append((message["code"], message["recoverable"]))
        if message["type"] == "final_transcript":
            return errors, None


async def send_unread(client: RawClient, data: bytes) -> None:
    """A server that has closed already does not read the rest."""
    try:
        await client.send(data)
    except trio.BrokenResourceError:
        return


async def expect(port: int, data: bytes, errors: list[tuple[str, bool]], code: int | None) -> None:
    """These frames are answered with these errors, and then a close code; or, where that is
    None, the session still gives its (empty) final."""
    async with await trio.open_tcp_stream(HOST, port) as stream:
        client = RawClient(stream)
        await client.open()
        async with trio.open_nursery() as nursery:
            if code is None:
                data += START + frame(TEXT, b'{"type":"stop"}')
            nursery.start_soon(send_unread, client, data)
            assert await heard(client) == (errors, code), data[:80]
            nursery.cancel_scope.cancel()


def rate(value: str) -> bytes:
    return frame(TEXT, b'{"type":"start","sample_rate":%s}' % value.encode())


def frames() -> dict[str, tuple[bytes, list[tuple[str, bool]], int | None]]:
    """Made when they are wanted: some are large."""
    return {
        **{
            f"a sample rate of {value}": (rate(value), [("UNSUPPORTED_SAMPLE_RATE", True)], None)
            for value in ("0", "7999", '"abc"', "1e9", "-16000", "null", "[16000]", "1e300")
        },
        "a sample rate that no float can hold": (rate("1e999"), [HARMLESS], None),
        "odd PCM": (START + frame(BINARY, b"\1\2\3"), [], None),
        "empty frames": (START + frame(BINARY) * 3, [], None),
        "no JSON": (frame(TEXT, b"hello") + frame(TEXT), [HARMLESS] * 2, None),
        "JSON with a tail": (frame(TEXT, b'{"type":"stop"}}'), [HARMLESS], None),
        "a JSON array": (frame(TEXT, b"[]"), [FATAL], 1008),
        "a JSON number": (frame(TEXT, b"7"), [FATAL], 1008),
        "an unknown type": (frame(TEXT, b'{"type":"bark"}'), [FATAL], 1008),
        "a type that is no text": (frame(TEXT, b'{"type":{"a":1}}'), [FATAL], 1008),
        "audio before start": (frame(BINARY, bytes(640)), [FATAL], 1008),
        "an oversized frame": (START + frame(BINARY, bytes(65_538)), [FATAL], 1008),
        "a thousand levels": (frame(TEXT, b"[" * 1000 + b"]" * 1000), [HARMLESS], None),
        "a thousand levels beside a type": (
            frame(TEXT, b'{"type":"cancel","x":' + b"[" * 1000 + b"]" * 1000 + b"}"),
            [HARMLESS],
            None,
        ),
        "text that is not UTF-8": (frame(TEXT, b'{"type":"\xff"}'), [], 1007),
        "10 MB of JSON": (frame(TEXT, b'"' + b"a" * 10_000_000 + b'"'), [], 1009),
        "10 MB of audio": (START + frame(BINARY, bytes(10_000_000)), [], 1009),
        "a frame without a mask": (frame(TEXT, b"{}", masked=False), [], 1002),
    }


async def get_without_host(port: int) -> None:
    answer = await request_http(port, b"GET /health HTTP/1.1\r\n\r\n")
    assert answer.status == 400


async def head_byte_by_byte(port: int) -> None:
    async with await trio.open_tcp_stream(HOST, port) as stream:
        for byte in b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n":
            await stream.send_all(bytes([byte]))
            await trio.lowlevel.checkpoint()
        assert (await RawClient(stream).read_all()).startswith(b"HTTP/1.1 200 ")


async def upgrade_byte_by_byte(port: int) -> None:
    async with await trio.open_tcp_stream(HOST, port) as stream:
        client = RawClient(stream)
        for byte in request():
            await stream.send_all(bytes([byte]))
            await trio.lowlevel.checkpoint()
        assert b" 101 " in await client.read_until(b"\r\n\r\n")
        assert json.loads((await client.read_frame())[1]) == {"type": "protocol", "version": 1}


OPENINGS: list[Callable[[int], Awaitable[None]]] = [
    get_without_host,
    head_byte_by_byte,
    upgrade_byte_by_byte,
]


async def test_bad_input_is_answered_and_disturbs_nobody_else() -> None:
    async with open_live_server() as live, open_client(live.url()) as other:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(other.utter, UMBRELLA)
            await other.wait_for("partial_transcript")
            for data, errors, code in frames().values():
                with trio.fail_after(5):
                    await expect(live.port, data, errors, code)
            for opening in OPENINGS:
                with trio.fail_after(5):
                    await opening(live.port)
        assert await other.final() == UMBRELLA.spoken
        await other.wait_for("llm_token", where=lambda m: bool(m["done"]))
        assert other.codes == []
        assert (await live.get("/health")).json()["sessions"] == 1
        await _still_talks(live)


async def _still_talks(live: LiveServer) -> None:
    client = await live.converse(LIGHTS)
    assert await client.final() == LIGHTS.spoken
