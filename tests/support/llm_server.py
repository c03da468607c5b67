"""A model server on loopback that does what it is told, most of it wrong.

It speaks enough HTTP/1.1 and server-sent events for the chat API, with bytes written by hand, so
that they can be cut anywhere. Every request takes the next behaviour from the script, and
`server.default` once the script is over:

    async with open_llm_server() as server:
        server.script(cut("Once", " upon"), tell("Hello", "."))
        ...  # point a client at server.base_url
        assert server.requests[0].body["model"] == "some-model"

A behaviour is a tuple of steps: bytes to send, a pause in seconds, or a `Wire` mark. A client that
goes away is noticed at once, whatever the server is doing: `await server.all_closed()`.
"""

from __future__ import annotations

import json
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

import trio


class Wire(Enum):
    STALL = "send nothing more, keep the connection open"
    FIN = "close the connection"
    RST = "reset the connection"


Step = bytes | float | Wire
Behaviour = tuple[Step, ...]

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
UNFRAMED_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
"""The body lasts until the connection is closed."""
LAST_CHUNK = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"
MAX_HEAD_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    method: str
    path: str
    headers: dict[str, str]
    """With lower-case names."""
    body: Any
    """The JSON, parsed; None where there was none."""
    raw: bytes = b""
    """The body as it came: a form, for instance."""


# What a reply is made of.


def event(data: object) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def delta(text: str | None = None, *, finish: str | None = None, **more: object) -> bytes:
    """One chunk of a chat completion, as an event."""
    content = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": content | more, "finish_reason": finish}
    return event({"object": "chat.completion.chunk", "model": "test", "choices": [choice]})


def chunk(data: bytes) -> bytes:
    """`data` in HTTP's chunked framing."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def stream(*events: bytes) -> Behaviour:
    """These events, one chunk each, with a proper end of the HTTP body and nothing else."""
    return (STREAM_HEAD, *map(chunk, events), LAST_CHUNK)


def _begin(tokens: Iterable[str]) -> Behaviour:
    return (STREAM_HEAD, chunk(delta("", role="assistant")), *(chunk(delta(t)) for t in tokens))


# Behaviours that are right.


def tell(*tokens: str, interval_s: float = 0.0, finish: str = "stop") -> Behaviour:
    """A whole reply, as OpenAI sends it: a role, the tokens, a finish_reason, [DONE]."""
    head, role, *said = _begin(tokens)
    paced = [step for token in said for step in ((interval_s, token) if interval_s else (token,))]
    return (head, role, *paced, chunk(delta(finish=finish)), chunk(DONE), LAST_CHUNK)


def one_segment(*tokens: str) -> Behaviour:
    """The same bytes in one write."""
    return (_bytes_of(tell(*tokens)),)


def drip(*tokens: str) -> Behaviour:
    """The same bytes, one at a time."""
    return tuple(bytes([byte]) for byte in _bytes_of(tell(*tokens)))


def split_inside_letters(*tokens: str) -> Behaviour:
    """Every event cut, by HTTP chunk and by time, inside its first letter that is not ASCII."""
    steps: list[Step] = [STREAM_HEAD]
    for token in tokens:
        data = delta(token)
        cut_at = next((i + 1 for i, byte in enumerate(data) if byte > 127), len(data) // 2)
        steps += [chunk(data[:cut_at]), 0.01, chunk(data[cut_at:])]
    return (*steps, chunk(delta(finish="stop")), chunk(DONE), LAST_CHUNK)


def plain(body: bytes, kind: str = "application/json") -> Behaviour:
    """An answer with this body."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head.encode() + body,)


def models(*names: str) -> Behaviour:
    """A list of models."""
    data = [{"id": name, "object": "model", "owned_by": "library"} for name in names]
    return plain(json.dumps({"object": "list", "data": data}).encode())


# Behaviours that are wrong.


def refuse(
    status: int, message: str = "no", *, code: str | None = None, truncated: bool = False
) -> Behaviour:
    """An HTTP error with OpenAI's error object; `truncated`: cut off in the middle of that."""
    body = json.dumps({"error": {"message": message, "type": "some_error", "code": code}}).encode()
    head = f"HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    return (head.encode() + body[:9], Wire.FIN) if truncated else (head.encode() + body,)


def stall_before_headers() -> Behaviour:
    return (Wire.STALL,)


def stall_before_tokens() -> Behaviour:
    return (STREAM_HEAD, Wire.STALL)


def stall_after(*tokens: str) -> Behaviour:
    return (*_begin(tokens), Wire.STALL)


def cut(*tokens: str, reset: bool = False) -> Behaviour:
    """The connection ends after these tokens: closed, or reset."""
    return (*_begin(tokens), 0.02, Wire.RST if reset else Wire.FIN)


def half_event(*tokens: str) -> Behaviour:
    """The connection is closed in the middle of an event, which HTTP takes for a proper end."""
    said = b"".join(map(delta, tokens))
    return (UNFRAMED_HEAD + said + delta("never")[:40], Wire.FIN)


def garbage(*tokens: str) -> Behaviour:
    """A whole event whose data is no JSON; the stream then goes on, and stalls."""
    return (*_begin(tokens), chunk(b'data: {"choices": [{"del\n\n'), Wire.STALL)


def error_event(*tokens: str, message: str = "boom", code: object = "server_error") -> Behaviour:
    """An error object within the stream, which then stalls."""
    error = {"message": message, "type": "server_error", "code": code}
    return (*_begin(tokens), chunk(event({"error": error})), Wire.STALL)


def unfinished(*tokens: str) -> Behaviour:
    """The HTTP body ends properly, with neither a finish_reason nor [DONE]."""
    return (*_begin(tokens), LAST_CHUNK)


def _bytes_of(behaviour: Behaviour) -> bytes:
    return b"".join(step for step in behaviour if isinstance(step, bytes))


class LLMServer:
    """The handle that a test holds."""

    def __init__(self) -> None:
        self.base_url = ""
        self.requests: list[SeenRequest] = []
        self.default: Behaviour = tell("Hello", " there", ".")
        self.touches: list[SeenRequest] = []
        """Requests with OPTIONS, which ask for no reply and take nothing from the script."""
        self.touched: Behaviour = refuse(405, "Method Not Allowed")
        self.listed: Behaviour = models("test")
        """What a GET of the list of models gets, outside the script."""
        self.handshake_s = 0.0
        """How long a new connection takes until it is of use, as with TLS to a server far away."""
        self.open_connections = 0
        self.accepted = 0
        """Connections so far; fewer than requests where some were reused."""
        self._script: deque[Behaviour] = deque()
        self._closed = trio.Event()

    def script(self, *behaviours: Behaviour) -> None:
        """What the next requests get, in order, after what is scripted already."""
        self._script += behaviours

    async def all_closed(self) -> None:
        """Wait until no connection is open."""
        while self.open_connections:
            await self._closed.wait()

    async def _serve(self, stream: trio.SocketStream) -> None:
        self.open_connections += 1
        self.accepted += 1
        self._closed = trio.Event()
        try:
            await trio.sleep(self.handshake_s)
            while request := await _read_request(stream):
                if request.method == "OPTIONS":
                    self.touches.append(request)
                    behaviour = self.touched
                elif request.method == "GET" and request.path == "/v1/models":
                    behaviour = self.listed
                else:
                    self.requests.append(request)
                    behaviour = self._script.popleft() if self._script else self.default
                if not await _perform(stream, behaviour):
                    break
        except trio.BrokenResourceError:
            pass  # the client went away in the middle of a request
        finally:
            await trio.aclose_forcefully(stream)
            self.open_connections -= 1
            if not self.open_connections:
                self._closed.set()


@asynccontextmanager
async def open_llm_server() -> AsyncIterator[LLMServer]:
    """Listening on a free port of 127.0.0.1; at the end every connection is dropped."""
    server = LLMServer()
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server.base_url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/v1"
        nursery.start_soon(trio.serve_listeners, server._serve, [listener])
        yield server
        nursery.cancel_scope.cancel()


async def _read_request(stream: trio.SocketStream) -> SeenRequest | None:
    """The next request on this connection, if there is one that makes sense."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = await stream.receive_some(MAX_HEAD_BYTES)
        data += received
        if not received or len(data) > MAX_HEAD_BYTES or not data[:1].isalpha():
            if received:  # a TLS handshake, for instance
                await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return None
    head, _, body = data.partition(b"\r\n\r\n")
    request_line, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = request_line.split(" ")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    while len(body) < int(headers.get("content-length", 0)):
        received = await stream.receive_some(MAX_HEAD_BYTES)
        if not received:
            return None
        body += received
    is_json = body and "json" in headers.get("content-type", "")
    parsed = json.loads(body) if is_json else None
    return SeenRequest(method=method, path=path, headers=headers, body=parsed, raw=body)


async def _perform(stream: trio.SocketStream, behaviour: Behaviour) -> bool:
    """Play the steps while the client is there. False when the connection is to end."""
    alive = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch, stream, nursery.cancel_scope)
        alive = await _play(stream, behaviour)
        nursery.cancel_scope.cancel()
    return alive


async def _watch(stream: trio.SocketStream, performance: trio.CancelScope) -> None:
    """A client that waits for its response sends nothing, so what comes here is its end."""
    with suppress(trio.BrokenResourceError):
        await stream.receive_some(1)
    performance.cancel()


async def _play(stream: trio.SocketStream, behaviour: Behaviour) -> bool:
    for step in behaviour:
        match step:
            case bytes():
                try:
                    await stream.send_all(step)
                except trio.BrokenResourceError:
                    return False
            case Wire.STALL:
                await trio.sleep_forever()
            case Wire.FIN:
                return False
            case Wire.RST:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            case _:
                await trio.sleep(step)
    return True
