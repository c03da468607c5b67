"""HTTP answers beside the WebSockets: one request, one response, then the connection closes.

h11 writes and reads; nothing here keeps state between requests. A request's mistakes come out of
`read_body` as `BadBody`; `respond` raises nothing when the peer is gone or will not read, but a
response that is not valid HTTP is our own bug and raises `h11.LocalProtocolError` before a byte
is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import h11
import msgspec
import trio

from ...transport import PeerGone
from .head import HEAD_LIMIT_BYTES, MESSAGE_LIMIT, RECEIVE_BYTES, BadRequest, Head
from .wire import linger

SEND_PIECE_BYTES = 64 * 1024
SEND_PIECE_LIMIT_S = 10.0
"""A peer gets ten seconds to take each piece: 6 KiB/s, slower than any network that can talk."""
FRAMING_FACTOR = 8
"""Chunks of one byte cost five more for their framing; beyond eight it is not a body, but noise."""

TEXT_HTML = "text/html; charset=utf-8"
TEXT_PLAIN = "text/plain; charset=utf-8"
JSON = "application/json"


class BadBody(BadRequest):
    """The request's body is malformed, too large or too slow."""


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` come on top of those that every response carries, and win over them."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


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


def render(head: Head | None, response: Response) -> bytes:
    """The response's bytes. `head` is None where the request could not be understood."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT_BYTES)
    if head is not None:
        connection.receive_data(head.raw[: head.head_size])
        connection.next_event()
    headers = {
        "content-length": str(len(response.body)),
        "x-content-type-options": "nosniff",
        **{name.lower(): value for name, value in response.headers.items()},
        "connection": "close",
    }
    if response.status in (204, 304):
        del headers["content-length"]
    start = h11.Response(
        status_code=response.status,
        headers=[
            (name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()
        ],
        reason=_reason(response.status),
    )
    out = connection.send(start) or b""
    if response.body and (head is None or head.method != "HEAD"):
        out += connection.send(h11.Data(data=response.body)) or b""
        out += connection.send(h11.EndOfMessage()) or b""
    return out


async def respond(stream: trio.abc.Stream, head: Head | None, response: Response) -> None:
    """Send the response and let the stream go. Bounded in time, whatever the peer does."""
    out = memoryview(render(head, response))
    try:
        for start in range(0, len(out), SEND_PIECE_BYTES):
            with trio.fail_after(SEND_PIECE_LIMIT_S):
                await stream.send_all(out[start : start + SEND_PIECE_BYTES])
    except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
        await trio.aclose_forcefully(stream)
    else:
        await linger(stream)


async def read_body(stream: trio.abc.Stream, head: Head, limit_bytes: int, limit_s: float) -> bytes:
    """The request's whole body; raises BadBody (400, 408, 413) or PeerGone.

    A client that waits for `100 Continue` gets it only once its length is acceptable.
    """
    if int(head.header("content-length") or 0) > limit_bytes:
        raise BadBody(413, f"the body may have {limit_bytes} bytes")
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT_BYTES)
    connection.receive_data(head.raw)
    body = bytearray()
    wire_bytes = 0
    with trio.move_on_after(limit_s):
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as exc:
                raise BadBody(400, str(exc)[:MESSAGE_LIMIT]) from None
            if isinstance(event, h11.EndOfMessage):
                return bytes(body)
            if isinstance(event, h11.Data):
                body += event.data
                if len(body) > limit_bytes:
                    raise BadBody(413, f"the body may have {limit_bytes} bytes")
            elif event is h11.NEED_DATA:
                data = await _more(stream, connection)
                wire_bytes += len(data)
                if wire_bytes > FRAMING_FACTOR * limit_bytes + HEAD_LIMIT_BYTES:
                    raise BadBody(400, "more framing than body")
                connection.receive_data(data)
    raise BadBody(408, "the body took too long")


async def _more(stream: trio.abc.Stream, connection: h11.Connection) -> bytes:
    try:
        if connection.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            await stream.send_all(connection.send(go_on) or b"")
        return bytes(await stream.receive_some(RECEIVE_BYTES))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        raise PeerGone(reason="connection lost within the request's body") from None


def _reason(status: int) -> bytes:
    return _REASONS.get(status, "").encode("ascii")


_REASONS = {
    200: "OK",
    204: "No Content",
    304: "Not Modified",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    426: "Upgrade Required",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
