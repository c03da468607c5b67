"""Peers that want no good, as a process of their own:

    python tests/support/hostile_peers.py PORT KIND COUNT SECONDS [PATH]

KIND is what each of them does: `silent` opens a connection and sends nothing, `drip` sends a byte
of a request each second, `body` a byte of a request's body, `unread` talks on a WebSocket at PATH
and reads nothing, `connect` asks for a WebSocket and hangs up. It prints one line of JSON: how many
were opened, how many the server closed, and how long that took.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

import trio

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.ws_client import BINARY, TEXT, frame, request

HOST = "127.0.0.1"
RECEIVE_BUFFER_BYTES = 4096
"""Of a peer that reads nothing: what it has not read stays with the server soon."""

REQUEST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Padding: " + b"x" * 10_000
BODY = (
    b"POST /speech/tts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 10000\r\n\r\n"
)
OPENING = {
    "/ws": frame(TEXT, b'{"type":"start","sample_rate":16000}'),
    "/stream": frame(TEXT, b'{"type":"control","action":"start_listening"}'),
    "/engine": b"",
    "/v1/realtime": b"",
}


@dataclass
class Found:
    opened: int = 0
    refused: int = 0
    closed_s: list[float] = field(default_factory=list)
    answer_s: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)


async def peer(port: int, kind: str, path: str, found: Found, until_s: float) -> None:
    try:
        stream = await trio.open_tcp_stream(HOST, port)
    except OSError:
        found.refused += 1
        return
    found.opened += 1
    began_s = trio.current_time()
    try:
        with trio.move_on_at(until_s):
            await _behave(stream, kind, path, found)
    except* (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    finally:
        if trio.current_time() < until_s:
            found.closed_s.append(trio.current_time() - began_s)
        await trio.aclose_forcefully(stream)


async def _behave(stream: trio.SocketStream, kind: str, path: str, found: Found) -> None:
    """Returns when the server has closed the connection."""
    match kind:
        case "silent":
            await _until_closed(stream)
        case "drip" | "body":
            data = REQUEST if kind == "drip" else BODY + b" " * 10_000
            if kind == "body":
                await stream.send_all(BODY)
                data = data[len(BODY) :]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_drip, stream, data)
                await _until_closed(stream)
                nursery.cancel_scope.cancel()
        case "unread":
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            await stream.send_all(request(path) + OPENING.get(path, b""))
            while True:
                await stream.send_all(frame(BINARY, b"\x10\x10" * 1600))
                await trio.sleep(0.1)
        case "connect":
            began_s = trio.current_time()
            await stream.send_all(request(path))
            status = (await stream.receive_some(4096)).split(b" ")[1:2]
            found.answer_s.append(trio.current_time() - began_s)
            name = b"".join(status).decode() or "none"
            found.statuses[name] = found.statuses.get(name, 0) + 1


async def _drip(stream: trio.SocketStream, data: bytes) -> None:
    for at in range(len(data)):
        await stream.send_all(data[at : at + 1])
        await trio.sleep(1.0)


async def _until_closed(stream: trio.SocketStream) -> None:
    while await stream.receive_some(65536):
        pass


async def attack(port: int, kind: str, count: int, seconds: float, path: str) -> Found:
    found = Found()
    until_s = trio.current_time() + seconds
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(peer, port, kind, path, found, until_s)
    return found


def main() -> None:
    os.nice(10)  # what they take of the CPU is not what is measured
    port, kind, count, seconds, *path = sys.argv[1:]
    where = path[0] if path else "/ws"
    found = trio.run(attack, int(port), kind, int(count), float(seconds), where)
    print(json.dumps(vars(found)))


if __name__ == "__main__":
    main()
