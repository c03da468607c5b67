"""One WebSocket: trio-websocket with its crashes contained and its waits bounded.

`open_websocket` owns the connection from the checked upgrade to the closed socket. The library's
reader runs in a task here; whatever it raises ends this connection and nothing else. The owner
of the transport sees `PeerGone`, and its own exceptions come out of the `async with` unwrapped.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager

import structlog
import trio
from structlog.typing import FilteringBoundLogger
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream
from wsproto.utilities import LocalProtocolError

from ...protocol.close_codes import ABNORMAL, INTERNAL_ERROR, NORMAL
from ...transport import PeerGone
from .head import Head
from .pulse import Pulse
from .upgrade import Upgrade, check_upgrade
from .wire import (
    ReplayStream,
    drop,
    linger,
    no_pace,
    peer_name,
    reset_on_close,
    send_close_frame,
    tune,
)

HANDSHAKE_LIMIT_S = 5.0
"""The request is here already and the response fits into one packet; what takes longer is dead."""
CLOSE_LIMIT_S = 2.0
"""How long the peer may take to answer our close frame (and to read what was queued before)."""
RECEIVE_BYTES = 8 * 1024
"""Twice the library's: fewer reads for a frame of audio. Not more: the library handles all frames
of one read without a pause, and 8 KiB can hold a thousand empty ones."""
QUEUE_MESSAGES = 1
"""Messages the library reads ahead. More would hide from the peer that we are slower than it."""


class WebSocketTransport:
    """A `Transport` over one WebSocket; `open_websocket` makes it and ends it.

    Never cancel a task inside `send`, unless `abort` follows: a half-written frame would corrupt
    the stream. If it happens all the same, the connection is aborted here.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        upgrade: Upgrade,
        surplus: bytes,
        subprotocol: str | None,
        max_message_bytes: int,
        log: FilteringBoundLogger,
        pace: Callable[[int], float],
    ) -> None:
        self.peer = peer_name(stream)
        self.subprotocol = subprotocol
        self.last_received = trio.current_time()
        """Trio's time of the last message that `receive` returned; at first, of the opening."""
        self._stream = stream
        self._wire = ReplayStream(stream, upgrade.replay(), surplus, max_message_bytes, pace)
        self._max_message_bytes = max_message_bytes
        self._log = log
        self._connection: WebSocketConnection  # from the handshake on
        self._opened = False
        self._aborted = False
        self._life = trio.CancelScope()
        self._reader_ended = trio.Event()
        self._farewell: tuple[int, str] | None = None  # what our own side ended it with
        self._until_end: list[trio.CancelScope] = []  # waits that the reader's end cuts short

    @property
    def peer_closed(self) -> int | None:
        """The code with which the peer has closed; None: it has not."""
        closed = self._connection.closed if self._opened else None
        return None if closed is None or self._farewell is not None else int(closed.code)

    async def receive(self) -> str | bytes:
        """The next message. Raises PeerGone.

        A message over the limit ends the connection with 1009, text that is not UTF-8 with 1007,
        any other breach of RFC 6455 with 1002.
        """
        try:
            message: str | bytes = await self._connection.get_message()
        except ConnectionClosed:
            raise self._gone() from None
        self.last_received = trio.current_time()
        self._wire.message_taken()
        return message

    async def send(self, frame: str | bytes) -> None:
        """Send one message; waits while the peer does not read. Raises PeerGone.

        Lone surrogates in text become question marks.
        """
        if isinstance(frame, str):
            frame = frame.encode("utf-8", "replace").decode("utf-8")
        try:
            await self._connection.send_message(frame)
        except (ConnectionClosed, LocalProtocolError):
            raise self._gone() from None
        finally:
            if self._wire.torn:
                self.abort()

    async def send_many(self, frames: Sequence[str | bytes]) -> None:
        """Send messages as one piece of the stream. Raises PeerGone."""
        self._wire.gather()
        try:
            for frame in frames:
                await self.send(frame)
        finally:
            try:
                await self._wire.send_gathered()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self.abort()
                raise self._gone() from None
            finally:
                if self._wire.torn:
                    self.abort()

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """The close handshake, for at most CLOSE_LIMIT_S; then the connection is aborted."""
        if self._reader_ended.is_set() or self._farewell is not None or self._connection.closed:
            return
        self._farewell = (code, reason)
        self._wire.parting = True
        try:
            with trio.move_on_after(CLOSE_LIMIT_S) as scope:
                self._until_end.append(scope)
                await self._connection.aclose(code, reason.encode("utf-8", "replace").decode())
        finally:
            if not self._reader_ended.is_set() and not self._said_goodbye():
                self.abort()

    def abort(self) -> None:
        """Drop the connection now (RST); a blocked `send` and `receive` raise PeerGone.

        Where the peer broke the protocol the library has ended the connection already, and `_part`
        is about to say why, within its own limits: whoever ends the session behind it may not take
        that word away.
        """
        wire = self._wire
        ended = wire.closed or (self._opened and self._connection.closed is not None)
        if ended and not wire.torn and wire.sending_since is None:
            return
        self._end_with(ABNORMAL, "connection aborted")
        self._aborted = True
        wire.close()
        reset_on_close(self._stream)
        self._life.cancel()

    async def keep_alive(
        self, interval_s: float, timeout_s: float, *, answers: bool = True
    ) -> None:
        """Ping the peer; a peer that shows no life in time is aborted, and so is one that does not
        read what it is sent. Run it as a task.

        Life is any byte that arrives. While the library holds a message that nobody receives it
        reads nothing, and the peer is not judged. A peer that has taken not one byte of a frame's
        rest for `timeout_s` is dead too. `answers` False: pings may go unanswered, so who reads is
        not known. Returns when the connection has ended.
        """
        if self._reader_ended.is_set():
            return
        pulse = Pulse(self._wire, self._connection.ping, timeout_s)
        reason = ""

        async def end_after(until: Callable[[], Awaitable[None]], why: str) -> None:
            nonlocal reason
            await until()
            reason = reason or why
            scope.cancel()

        with trio.CancelScope() as scope:
            self._until_end.append(scope)
            async with trio.open_nursery() as nursery:
                no_life = functools.partial(pulse.until_no_life, interval_s)
                nursery.start_soon(end_after, no_life, "the peer shows no life")
                if answers:
                    nursery.start_soon(end_after, pulse.until_unread, "the peer reads nothing")
        if not self._reader_ended.is_set():
            self._end_with(ABNORMAL, reason)
            self.abort()

    def _end_with(self, code: int, reason: str) -> None:
        """Our side's word on how it ended, unless that is settled already."""
        if self._farewell is None and not (self._opened and self._connection.closed):
            self._farewell = (code, reason)

    def _gone(self) -> PeerGone:
        closed = self._connection.closed
        if self._farewell is not None:
            return PeerGone(*self._farewell)
        if self._wire.flooded:
            return PeerGone(ABNORMAL, "too many bytes without a message")
        if closed is None:
            return PeerGone(ABNORMAL, "connection lost")
        return PeerGone(int(closed.code), closed.reason or "")

    def _said_goodbye(self) -> bool:
        """Our close frame is out, and the peer's came or had its time."""
        return self._wire.closed and self._wire.close_sent

    async def _run(self, task_status: trio.TaskStatus[None]) -> None:
        """The connection's life: handshake, reader, farewell, closed socket."""
        try:
            with self._life:
                try:
                    async with trio.open_nursery() as nursery:
                        request = await wrap_server_stream(
                            nursery,
                            self._wire,
                            message_queue_size=QUEUE_MESSAGES,
                            max_message_size=self._max_message_bytes,
                            receive_buffer_size=RECEIVE_BYTES,
                        )
                        self._connection = await request.accept(subprotocol=self.subprotocol)
                        self._opened = True
                        self._wire.release()
                        task_status.started()
                except* ConnectionClosed:
                    pass  # lost during the handshake
                except* Exception as group:
                    error = repr(group.exceptions[0])
                    self._log.warning("websocket_contained", peer=self.peer, error=error)
                self._reader_ended.set()
                for scope in self._until_end:
                    scope.cancel()
                await self._part()
        finally:
            self._reader_ended.set()
            self._wire.close()
            await drop(self._stream)
            if not self._opened:
                task_status.started()

    async def _part(self) -> None:
        """After the reader's end: say why, where the library did not, and let the peer read it."""
        wire = self._wire
        if not wire.lost and not self._aborted:
            await wire.until_sent()
        if self._aborted or wire.lost or wire.flooded or self._said_goodbye():
            return
        if wire.sending_since is not None:
            return
        if not wire.close_sent and not wire.torn and self._opened:
            closed = self._connection.closed
            # A breach: the library closed without a word. No reason at all: its reader crashed.
            code = int(closed.code) if closed is not None else INTERNAL_ERROR
            await send_close_frame(self._stream, code)
        await linger(self._stream)


@asynccontextmanager
async def open_websocket(
    stream: trio.abc.Stream,
    head: Head,
    *,
    max_message_bytes: int,
    subprotocols: Collection[str] = (),
    log: FilteringBoundLogger | None = None,
    pace: Callable[[int], float] = no_pace,
) -> AsyncIterator[WebSocketTransport]:
    """Accept the upgrade and give its transport; at the end the stream is closed.

    Raises BadUpgrade with the stream untouched, so that it can be answered; PeerGone where the
    peer is lost during the handshake. A body that ends closes with 1000, one that raises with
    1011, one that is cancelled aborts. `max_message_bytes` counts characters in text; `pace` is
    ReplayStream's.
    """
    upgrade = check_upgrade(head)
    tune(stream)
    transport = WebSocketTransport(
        stream,
        upgrade,
        head.surplus,
        upgrade.select(subprotocols),
        max_message_bytes,
        log or structlog.get_logger(__name__),
        pace,
    )
    failure: Exception | None = None
    try:
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(HANDSHAKE_LIMIT_S):
                await nursery.start(transport._run)
            if not transport._opened:
                failure = PeerGone(ABNORMAL, "connection lost during the handshake")
            else:
                try:
                    yield transport
                except Exception as exc:
                    failure = exc
                except BaseException:
                    transport.abort()
                    raise
                await transport.close(NORMAL if failure is None else INTERNAL_ERROR)
    finally:
        if failure is not None:
            raise failure
