"""HTTP answers beside the WebSockets: whole ones, and those that are sent while they are made.

h11 writes them; nothing here keeps state between requests. `respond` and `Writer` tell whether the
connection can carry another request. A response that is not valid HTTP is our own bug and raises
`h11.LocalProtocolError` before a byte is sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import h11
import msgspec
import trio

from ...transport import PeerGone
from .head import HEAD_LIMIT_BYTES, Head
from .wire import linger

SEND_PIECE_BYTES = 64 * 1024
SEND_PIECE_LIMIT_S = 10.0
"""A peer gets ten seconds to take each piece: 6 KiB/s, slower than any network that can talk."""
STREAM_WAIT_S = 60.0
"""How long a peer may keep us waiting for room, in all, of an answer that is streamed: whoever
plays it as it comes takes it at the pace of speech."""
STREAM_LEAST_BYTES_PER_S = 2000
"""So many bytes earn it another second: speech that is encoded as small as may be has 3,000."""

TEXT_HTML = "text/html; charset=utf-8"
TEXT_PLAIN = "text/plain; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` come on top of those that every response carries, and win over them."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Send: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Sends a piece of a body. Raises PeerGone where the peer is gone, or so slow that it would hold
a place for its own sake."""


SAFE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
"""Of every answer: it is what it says it is, stands in nobody's frame, tells no other server of its
address, and is no part of other pages but by CORS."""


@dataclass(frozen=True, slots=True)
class StreamedResponse:
    """A 200 whose body is sent while it is made. `write` is given `send` and called once.

    The head leaves with the first piece, so that what `write` raises before is answered like what
    a handler raises. What it raises later ends the connection, so that nobody takes half an answer
    for a whole one. `write` is cancelled when the peer hangs up.
    """

    headers: Mapping[str, str]
    write: Callable[[Send], Awaitable[None]]


def json_response(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Whatever msgspec can encode, never cached."""
    api = {"Content-Type": JSON, "Cache-Control": "no-store"}
    return Response(status, {**api, **(headers or {})}, msgspec.json.encode(value))


def text_response(text: str, status: int = 200, content_type: str = TEXT_PLAIN) -> Response:
    headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
    return Response(status, headers, text.encode("utf-8", "replace"))


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """The shape of every refusal: `{"ok": false, "error": message}`."""
    return json_response({"ok": False, "error": message}, status, headers)


def render(head: Head | None, response: Response, *, keep: bool = False) -> bytes:
    """The response's bytes. `head` is None where the request could not be understood. `keep`: the
    connection stays open behind it."""
    connection = _connection(head)
    length = {"content-length": str(len(response.body))}
    headers = _headers(response.headers, length, keep=keep)
    if response.status in (204, 304):
        del headers["content-length"]
    out = connection.send(_start(response.status, headers)) or b""
    if response.body and (head is None or head.method != "HEAD"):
        out += connection.send(h11.Data(data=response.body)) or b""
        out += connection.send(h11.EndOfMessage()) or b""
    return out


async def respond(
    stream: trio.abc.Stream, head: Head | None, response: Response, *, keep: bool = False
) -> bool:
    """Send the response and let the stream go, unless it is to `keep` it. Bounded in time, whatever
    the peer does. Says whether the connection can go on."""
    try:
        await _send(stream, render(head, response, keep=keep), SEND_PIECE_LIMIT_S)
    except PeerGone:
        await trio.aclose_forcefully(stream)
        return False
    if not keep:
        await linger(stream)
    return keep


class Writer:
    """Sends one streamed response: in chunks, or up to the connection's end by HTTP/1.0."""

    def __init__(
        self, stream: trio.abc.Stream, head: Head, response: StreamedResponse, *, keep: bool
    ) -> None:
        self.begun = False
        """Whether anything left."""
        self._stream = stream
        self._connection = _connection(head)
        self._to_come = _start(200, _headers(response.headers, {}, keep=keep))
        self._only_head = head.method == "HEAD"
        self._patience_s = STREAM_WAIT_S

    async def send(self, piece: bytes) -> None:
        """See Send."""
        if not piece or self._only_head:
            await trio.lowlevel.checkpoint()
            return
        start = self._begin()
        data = self._connection.send(h11.Data(data=piece)) or b""
        began_s = trio.current_time()
        await _send(self._stream, start + data, self._patience_s)
        waited_s = trio.current_time() - began_s
        earned_s = len(piece) / STREAM_LEAST_BYTES_PER_S
        self._patience_s = min(STREAM_WAIT_S, self._patience_s - waited_s + earned_s)

    async def end(self) -> None:
        """The body is whole. Raises PeerGone."""
        start = self._begin()
        last = self._connection.send(h11.EndOfMessage()) or b""
        await _send(self._stream, start + last, SEND_PIECE_LIMIT_S)

    def _begin(self) -> bytes:
        """The head, the first time."""
        if self.begun:
            return b""
        self.begun = True
        return self._connection.send(self._to_come) or b""


async def _send(stream: trio.abc.Stream, data: bytes, piece_limit_s: float) -> None:
    out = memoryview(data)
    try:
        for start in range(0, len(out), SEND_PIECE_BYTES):
            with trio.fail_after(piece_limit_s):
                await stream.send_all(out[start : start + SEND_PIECE_BYTES])
    except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
        raise PeerGone(reason="the peer did not take its answer") from None


def _connection(head: Head | None) -> h11.Connection:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT_BYTES)
    if head is not None:
        connection.receive_data(head.raw[: head.head_size])
        connection.next_event()
    return connection


def _headers(own: Mapping[str, str], length: Mapping[str, str], *, keep: bool) -> dict[str, str]:
    headers = {
        **length,
        **SAFE,
        **{name.lower(): value for name, value in own.items()},
    }
    return headers if keep else {**headers, "connection": "close"}


def _start(status: int, headers: Mapping[str, str]) -> h11.Response:
    pairs = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    return h11.Response(status_code=status, headers=pairs, reason=_reason(status))


def _reason(status: int) -> bytes:
    return _REASONS.get(status, "").encode("ascii")


_REASONS = {
    200: "OK",
    202: "Accepted",
    204: "No Content",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
