"""Asterisk's AudioSocket: the transport of a call over a bare TCP connection.

The connection carries frames of a kind (one byte), a length (two, big-endian) and a payload.
`receive` gives one whole frame, however it was cut on its way. What is no frame of AudioSocket is
the codec's affair; a connection that ends within a frame has ended abnormally.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import trio

from ...protocol.close_codes import ABNORMAL, NORMAL
from ...protocol.dialect import Frame
from ...protocol.telephone.audiosocket import AUDIO, ERROR, HEADER_BYTES, UUID, frame_of
from ...transport import PeerGone
from ..http.wire import peer_name, reset_on_close, tune

READ_BYTES = 16 * 1024

FIRST_AUDIO_S = 0.5
"""Only the first audio tells the rate, and some lines send none before somebody speaks: a channel
that is silent for so long after it said who it is has 8 kHz, as the application AudioSocket."""

CLOSE_LIMIT_S = 1.0
"""How long the other end may take to hang up after we did."""


class AudioSocketTransport:
    """A `Transport`. The stream is the owner's to close in the end."""

    subprotocol: str | None = None

    def __init__(self, stream: trio.abc.HalfCloseableStream) -> None:
        tune(stream)
        self.peer = peer_name(stream)
        self._stream = stream
        self._data = bytearray()
        self._ended: tuple[int, str] | None = None
        self._over = trio.Event()
        self._busy: set[trio.CancelScope] = set()
        self._said_who = False
        self._heard = False

    async def receive(self) -> bytes:
        await trio.lowlevel.checkpoint_if_cancelled()
        while (frame := self._whole()) is None:
            if not self._said_who or self._heard:
                self._data += await self._some()
                continue
            with trio.move_on_after(FIRST_AUDIO_S) as waited:
                self._data += await self._some()
            if waited.cancelled_caught:
                self._heard = True
                return frame_of(AUDIO)
        await trio.lowlevel.cancel_shielded_checkpoint()
        return frame

    def _whole(self) -> bytes | None:
        """The oldest frame, if it is there to its end."""
        if len(self._data) < HEADER_BYTES:
            return None
        end = HEADER_BYTES + int.from_bytes(self._data[1:HEADER_BYTES], "big")
        if len(self._data) < end:
            return None
        frame = bytes(self._data[:end])
        del self._data[:end]
        self._said_who |= frame[0] == UUID
        self._heard |= AUDIO <= frame[0] < ERROR
        return frame

    async def _some(self) -> bytes:
        """What comes next, which may be anything. Raises PeerGone."""
        data: bytes | bytearray = b""
        if not self._over.is_set():
            with self._until_aborted():
                data = await self._stream.receive_some(READ_BYTES)
        if not data:
            cut = " within a frame" if self._data else ""
            self._end(ABNORMAL if cut else NORMAL, f"Asterisk hung up{cut}")
            self._raise_gone()
        return bytes(data)

    async def send(self, frame: Frame) -> None:
        if self._ended is not None or isinstance(frame, str):
            self._raise_gone()
        with self._until_aborted():
            await self._stream.send_all(frame)
        if self._over.is_set():
            self._raise_gone()

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """No more is sent, and the other end hangs up; closing is how that is said."""
        if self._ended is not None:
            return
        self._ended = (code, reason)
        with trio.move_on_after(CLOSE_LIMIT_S), self._until_aborted():
            await self._stream.send_eof()
            await self._over.wait()
        self._end(code, reason)

    def abort(self) -> None:
        reset_on_close(self._stream)
        self._end(ABNORMAL, "connection aborted")

    def _end(self, code: int, reason: str) -> None:
        """Nothing comes or goes any more. The first word counts."""
        if self._ended is None:
            self._ended = (code, reason)
        self._over.set()
        for scope in self._busy:
            scope.cancel()

    @contextmanager
    def _until_aborted(self) -> Iterator[None]:
        """Around what waits for the stream: an abort, and a connection that broke, end it."""
        with trio.CancelScope() as scope:
            self._busy.add(scope)
            try:
                yield
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._busy.discard(scope)
                self._end(ABNORMAL, "the connection broke")
            finally:
                self._busy.discard(scope)

    def _raise_gone(self) -> NoReturn:
        code, reason = self._ended or (ABNORMAL, "")
        raise PeerGone(code, reason)
