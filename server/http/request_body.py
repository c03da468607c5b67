"""A request's body: read whole, or piece by piece by whoever does not want to hold it.

A request's mistakes come out as `BadBody` (400, 408, 413), a lost peer as PeerGone.
"""

from __future__ import annotations

import h11
import trio

from ...transport import PeerGone
from .head import HEAD_LIMIT_BYTES, MESSAGE_LIMIT, BadRequest, Head
from .request_stream import RequestStream

RECEIVE_BYTES = 32 * 1024
"""Of a body at once: an upload of 100 MB is 3,000 reads."""
SLOW_S = 7.0
"""A body that is read whole may stand still so long in all,"""
LEAST_BYTES_PER_S = 2000
"""and is no slower than that on the whole: who drips would hold a place. A hundredth of what the
slowest network brings that can talk."""
FRAMING_FACTOR = 8
"""Chunks of one byte cost five more for their framing; beyond eight it is not a body, but noise."""


class BadBody(BadRequest):
    """The request's body is malformed, too large or too slow."""


class RequestBody:
    """The body of one request, read as it is asked for. Raises BadBody (413) at once where its
    length is told and too large; a client that waits for `100 Continue` gets it only afterwards."""

    def __init__(self, stream: trio.abc.Stream, head: Head, limit_bytes: int) -> None:
        self._stream = stream
        self._limit_bytes = limit_bytes
        if int(head.header("content-length") or 0) > limit_bytes:
            raise self._too_large()
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT_BYTES)
        self._h11.receive_data(head.raw)
        self._body_bytes = 0
        self._wire_bytes = 0

    async def next_piece(self) -> bytes:
        """What comes next; empty at the end. Raises BadBody (400, 413) or PeerGone. The deadline
        is the caller's."""
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as exc:
                raise BadBody(400, str(exc)[:MESSAGE_LIMIT]) from None
            if isinstance(event, h11.EndOfMessage):
                if isinstance(self._stream, RequestStream):
                    self._stream.body_ended(self._h11.trailing_data[0])
                return b""
            if isinstance(event, h11.Data):
                self._body_bytes += len(event.data)
                if self._body_bytes > self._limit_bytes:
                    raise self._too_large()
                if event.data:
                    return bytes(event.data)
            elif event is h11.NEED_DATA:
                data = await self._more()
                self._wire_bytes += len(data)
                if self._wire_bytes > FRAMING_FACTOR * self._limit_bytes + HEAD_LIMIT_BYTES:
                    raise BadBody(400, "more framing than body")
                self._h11.receive_data(data)

    def _too_large(self) -> BadBody:
        return BadBody(413, f"the body may have {self._limit_bytes} bytes")

    async def _more(self) -> bytes:
        try:
            if self._h11.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                await self._stream.send_all(self._h11.send(go_on) or b"")
            return bytes(await self._stream.receive_some(RECEIVE_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise PeerGone(reason="connection lost within the request's body") from None


async def read_body(stream: trio.abc.Stream, head: Head, limit_bytes: int, limit_s: float) -> bytes:
    """The request's whole body; raises BadBody (400, 408, 413) or PeerGone. It may take `limit_s`,
    and no longer than its size allows."""
    source = RequestBody(stream, head, limit_bytes)
    body = bytearray()
    began_s = trio.current_time()
    with trio.move_on_after(limit_s) as time:
        while True:
            slow_s = SLOW_S + len(body) / LEAST_BYTES_PER_S
            time.deadline = began_s + min(limit_s, slow_s)
            piece = await source.next_piece()
            if not piece:
                return bytes(body)
            body += piece
    raise BadBody(408, "the body took too long")
