"""A WebSocket client that can do wrong: frames by hand, over any stream."""

from __future__ import annotations

import struct

import trio

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
MASK = b"\x01\x02\x03\x04"


def request(
    path: str = "/ws", *extra: str, drop: tuple[str, ...] = (), method: str = "GET"
) -> bytes:
    """An upgrade request; `extra` header lines are added, headers named in `drop` left out."""
    headers = [
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: keep-alive, Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
    ]
    kept = [line for line in headers if line.split(":")[0] not in drop]
    lines = [f"{method} {path} HTTP/1.1", *kept, *extra, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True) -> bytes:
    first = (0x80 if fin else 0) | opcode
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, bit | len(payload))
    elif len(payload) < 65536:
        head = struct.pack("!BBH", first, bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, bit | 127, len(payload))
    if not masked:
        return head + payload
    return head + MASK + _masked(payload)


def _masked(payload: bytes) -> bytes:
    """As one large number: byte by byte, ten megabytes would take seconds."""
    size = len(payload)
    mask = (MASK * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(size)


def close_payload(code: int, reason: bytes = b"") -> bytes:
    return struct.pack("!H", code) + reason


class RawClient:
    """One client's end of a stream."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.buffer = b""
        self.response = ""

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            await self.stream.send_all(part)

    async def open(self, path: str = "/ws", *extra: str) -> None:
        await self.send(request(path, *extra))
        self.response = (await self.read_until(b"\r\n\r\n")).decode("latin-1")
        assert self.response.startswith("HTTP/1.1 101 "), self.response
        assert ACCEPT in self.response

    async def read_until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            await self._more()
        head, _, self.buffer = self.buffer.partition(mark)
        return head + mark

    async def read_exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            await self._more()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    async def read_frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the server's next frame. EOFError at the stream's end."""
        first, second = await self.read_exactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.read_exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.read_exactly(8))
        return first & 0x0F, await self.read_exactly(size)

    async def read_close(self) -> int:
        """Read on to the server's close frame; its code."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == CLOSE:
                return int(struct.unpack("!H", payload[:2])[0])

    async def read_all(self) -> bytes:
        """Everything to the stream's end."""
        try:
            while True:
                await self._more()
        except EOFError:
            taken, self.buffer = self.buffer, b""
            return taken

    async def _more(self) -> None:
        try:
            data = await self.stream.receive_some(65536)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        if not data:
            raise EOFError
        self.buffer += data
