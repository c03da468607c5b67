"""Our end of a telephone line: the transport of a call's session.

It reads the first messages before there is a session, since those say who calls, and gives them to
the session again. Where the service sends nothing for a while (some do while nobody speaks), it
says so among the frames, so that a turn can end. And it takes its leave of the service as that
wants it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import trio

from ...protocol.call_start import CallStart
from ...protocol.close_codes import ENDED_BY_CLIENT, NORMAL
from ...protocol.dialect import Arrival, Frame
from ...protocol.telephone import line_frames
from ...transport import PeerGone, SendsMany, Transport

ARRIVAL_S = 10.0
"""From the connection to the message that says which call it is."""

ARRIVAL_FRAMES = 200
"""So many messages may come before it."""

QUIET_S = 0.3
"""A line on which nothing comes for so long is silent. Networks stall for less."""

QUIET_MOST_S = 15.0
"""Every turn has ended by then: it is not said any more."""

PARTING_S = 10.0
"""How long a service may take to be told that a call ends, or goes on elsewhere."""


class NoCall(Exception):
    """The connection never said which call it is."""


class Line:
    """A `Transport`. `parting` is done when our side ends the call, before the socket closes."""

    def __init__(self, inner: Transport, arrival: Arrival, *, idle_s: float = 0.0) -> None:
        """`idle_s`: a line on which nothing comes for so long is given up; 0: it is not."""
        self.peer = inner.peer
        self.subprotocol = inner.subprotocol
        self.parting: Callable[[], Awaitable[None]] | None = None
        self._inner = inner
        self._idle_s = idle_s or math.inf
        self._arrival = arrival
        self._frames: deque[Frame] = deque()
        self._quiet_s = 0.0
        self._parted = False

    async def arrive(self) -> CallStart:
        """The call. Raises NoCall where there is none, Violation for one that cannot be taken, and
        PeerGone."""
        with trio.move_on_after(ARRIVAL_S):
            for _ in range(ARRIVAL_FRAMES):
                frame = await self._inner.receive()
                self._frames.append(frame)
                start = self._arrival.read(frame)
                if start is not None:
                    return start
        raise NoCall(f"no start within {ARRIVAL_S:g} s and {ARRIVAL_FRAMES} messages")

    def tell(self, news: str) -> None:
        """Have the session know what the service told of the call. It does with the next frame."""
        self._frames.append(line_frames.told(news))

    async def receive(self) -> Frame:
        if self._frames:
            await trio.lowlevel.checkpoint()
            return self._frames.popleft()
        if self._quiet_s < QUIET_MOST_S:
            with trio.move_on_after(QUIET_S):
                frame = await self._inner.receive()
                self._quiet_s = 0.0
                return frame
            self._quiet_s += QUIET_S
            return line_frames.quiet(round(QUIET_S * 1000))
        with trio.move_on_after(self._idle_s):
            frame = await self._inner.receive()
            self._quiet_s = 0.0
            return frame
        await self._inner.close(NORMAL, "idle timeout")
        raise PeerGone(NORMAL, f"nothing came for {self._idle_s:g} s")

    async def send(self, frame: Frame) -> None:
        await self._inner.send(frame)

    async def send_many(self, frames: Sequence[Frame]) -> None:
        if isinstance(self._inner, SendsMany):
            await self._inner.send_many(frames)
            return
        for frame in frames:
            await self._inner.send(frame)

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        over = reason == ENDED_BY_CLIENT
        if self.parting is not None and not self._parted and not over:
            self._parted = True
            with trio.move_on_after(PARTING_S):
                await self.parting()
        await self._inner.close(code, reason)

    def abort(self) -> None:
        self._inner.abort()
