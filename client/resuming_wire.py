"""A connection that outlives its socket: where it is lost, the conversation goes on over another.

The server gives a ticket for that (docs/CLUSTER.md); it is brought with the next connection, which
may lead to another server. What is sent meanwhile waits, as far as it is young. Whoever uses the
wire sees nothing of it but the server's message `resume`.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import trio

from .wire import Unreachable, Wire, WireClosed, open_wire

LOST = frozenset({1001, 1006, 1012, 1013})
"""How a connection ends whose conversation does not: the server goes, the network fails."""
GIVE_UP_S = 20.0
"""So long another connection is looked for."""
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0
KEPT_FRAMES = 30
"""Of audio that comes while there is no connection: three seconds. The oldest are dropped."""


class ResumingWire:
    """Satisfies Wire. `open_resuming_wire` makes it."""

    def __init__(
        self,
        connect: Callable[[str], AbstractAsyncContextManager[Wire]],
        opening: Sequence[str],
        on_lost: Callable[[WireClosed], None],
    ) -> None:
        self._connect = connect
        self._opening = opening
        self._on_lost = on_lost
        self._wire: Wire | None = None
        self._waiting: deque[str | bytes] = deque(maxlen=KEPT_FRAMES)
        self._to_reader, self._read = trio.open_memory_channel[str | bytes](0)
        self._end: WireClosed | None = None
        self._ticket = ""

    async def send(self, frame: str | bytes) -> None:
        if self._end is not None:
            raise self._end
        if self._wire is None:
            self._waiting.append(frame)
            await trio.lowlevel.checkpoint()
            return
        try:
            await self._wire.send(frame)
        except WireClosed:
            self._wire = None  # the reader learns it, too, and finds another
            self._waiting.append(frame)

    async def receive(self) -> str | bytes:
        try:
            return await self._read.receive()
        except trio.EndOfChannel:
            raise self._end or WireClosed(1006, "the connection was lost") from None

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        """Read, over one connection after another. Raises Unreachable where there is no first."""
        lost_s, waits = -1.0, 0
        async with self._to_reader:
            while True:
                try:
                    await self._over_one(task_status if lost_s < 0 else None)
                except WireClosed as closed:
                    if closed.code not in LOST or not self._ticket:
                        self._end = closed
                        return
                    self._on_lost(closed)
                    lost_s, waits, lost = trio.current_time(), 0, closed
                except Unreachable:
                    if lost_s < 0:
                        raise
                self._wire = None
                if trio.current_time() - lost_s > GIVE_UP_S:
                    self._end = lost
                    return
                wait_s = min(FIRST_WAIT_S * 2**waits, LONGEST_WAIT_S)
                waits += 1
                await trio.sleep(wait_s * random.uniform(0.5, 1))

    async def _over_one(self, task_status: trio.TaskStatus[None] | None) -> None:
        async with self._connect(f"resume={self._ticket or 'new'}") as wire:
            if task_status is not None:
                self._wire = wire
                task_status.started()
            else:
                for frame in (*self._opening, *self._waiting):
                    await wire.send(frame)
                self._waiting.clear()
                self._wire = wire
            while True:
                frame = await wire.receive()
                self._ticket = _ticket_of(frame) or self._ticket
                await self._to_reader.send(frame)


def _ticket_of(frame: str | bytes) -> str:
    """The ticket that a message gives; empty: none."""
    if isinstance(frame, bytes) or "resume" not in frame[:200] or len(frame) > 1000:
        return ""
    try:
        message = json.loads(frame)
    except ValueError:
        return ""
    told = isinstance(message, dict) and message.get("type") in ("resume", "parley.resume")
    return str(message.get("ticket", "")) if told else ""


@asynccontextmanager
async def open_resuming_wire(
    url: str,
    *,
    opening: Sequence[str],
    on_lost: Callable[[WireClosed], None] = lambda closed: None,
    asks: str = "",
    token: str = "",
    ca: Path | None = None,
) -> AsyncIterator[Wire]:
    """A connection as `open_wire` opens it, which is opened again where it is lost. `opening` is
    what is said at the beginning of each further one; `on_lost` is told of each that is lost.
    Raises Unreachable where there is no first one."""

    def connect(resume: str) -> AbstractAsyncContextManager[Wire]:
        asked = "&".join(part for part in (asks, resume) if part)
        return open_wire(url, asks=asked, token=token, ca=ca)

    wire = ResumingWire(connect, opening, on_lost)
    failure: Exception | None = None
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(wire.run)
            try:
                yield wire
            except Exception as error:
                failure = error  # raised again below, by itself and in no group
            nursery.cancel_scope.cancel()
    except* Unreachable as refused:
        failure = failure or refused.exceptions[0]
    if failure is not None:
        raise failure
