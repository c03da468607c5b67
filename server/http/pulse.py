"""Whether the peer of a WebSocket is still there, and whether it reads.

Two questions, asked by pings. A peer that sends audio and reads nothing is alive, and its answers
fill the kernel's buffers; where they are small that takes for ever. So whoever was sent something
has to answer a ping behind it, as RFC 6455 says, in the time that its slowest reading would take.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Awaitable, Callable

import trio
from trio_websocket import ConnectionClosed
from wsproto.utilities import LocalProtocolError

from .wire import ReplayStream

LOOK_S = 5.0
"""How often it is asked whether what was sent is read. With a ping's ten seconds it is noticed in
fifteen that a peer reads nothing, and in twenty-five however much is unread."""
LEAST_READ_BYTES_PER_S = 1000
"""Who reads slower than that reads nothing: transcripts alone are some hundred bytes a second."""
BEHIND_S = 10.0
"""Beyond a ping's time: who is further behind hears and sees what was long ago."""
AGAIN_S = 1.0
"""For a ping behind one of which the answer may lie unread on our own side."""

READING_PING = 1 << 31
"""The numbers of pings that ask whether the peer reads begin here."""


class Pulse:
    """Of one connection. Both watches run until they have found what they look for, or for ever
    where the connection is over; their owner cancels them then."""

    def __init__(
        self, wire: ReplayStream, ping: Callable[[bytes], Awaitable[None]], timeout_s: float
    ) -> None:
        self._wire = wire
        self._ping = ping
        self._timeout_s = timeout_s

    async def until_no_life(self, interval_s: float) -> None:
        for number in itertools.count():
            await trio.sleep(interval_s)
            if await self._seems_dead(number):
                return

    async def until_unread(self) -> None:
        read_bytes = 0
        limit_s: float | None = None
        for number in itertools.count(READING_PING):
            if limit_s is None:
                await trio.sleep(LOOK_S)
            sent_bytes = self._wire.message_bytes
            if sent_bytes == read_bytes:
                continue
            if limit_s is None:
                slowest_s = min((sent_bytes - read_bytes) / LEAST_READ_BYTES_PER_S, BEHIND_S)
                limit_s = self._timeout_s + slowest_s
            asked_at = trio.current_time()
            if await self._answered(number, limit_s):
                read_bytes, limit_s = sent_bytes, None
            elif self._can_judge(asked_at):
                return
            else:
                limit_s = AGAIN_S

    def _can_judge(self, asked_at: float) -> bool:
        """Not where a frame stands before the ping, which is the sender's affair; and not where
        the library reads nothing, so that the answer may lie in the kernel: unless something was
        read that came after the answer's time, and so would have come behind it."""
        wire = self._wire
        stands_before = wire.sending_since is not None and wire.sending_since <= asked_at
        all_read = wire.listening_since is not None or wire.heard_at >= asked_at + self._timeout_s
        return wire.torn or (not stands_before and all_read)

    async def _seems_dead(self, number: int) -> bool:
        asked_at = trio.current_time()
        writing_since = self._wire.sending_since
        if writing_since is not None:  # a ping would only queue behind that frame
            return asked_at - writing_since >= self._timeout_s
        if await self._answered(number, self._timeout_s):
            return False
        return self._wire.silent_since(asked_at)

    async def _answered(self, number: int, limit_s: float) -> bool:
        """Whether a ping was answered in time. True where there is nothing to find out any more."""
        try:
            with trio.move_on_after(limit_s):
                await self._ping(struct.pack("!I", number & 0xFFFFFFFF))
                return True
        except (ConnectionClosed, LocalProtocolError):
            return True  # over, or closing: the reader's end is near
        return False
