"""An open connection to a service, before there is anything to ask it.

Name, TCP and TLS take three round trips or more to a server far away, and an idle connection stays
open only as long as both ends want it to. `Warmer.warm` makes sure of one while somebody is still
speaking. It belongs to a Client (openai_client.py), which tells it when connections leave and come
home. It never fails: a server that is not there is a line in the log, and the request that follows
has its own say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
import trio

from ..failures import EngineFailure

FRESH_S = 2.0
"""So long after its last use a connection counts as open. Servers that close idle ones soon wait
five seconds (uvicorn); this leaves time for the rest of a sentence. It also bounds what warming
costs: one small request in so many seconds while connections are idle."""

WARM_S = 2.0
"""How long one attempt may take; more than that would not be ahead of any need."""


@dataclass(slots=True)
class IdleConnections:
    """When each idle connection of a pool came home, as far as anybody told. Seconds."""

    _home_s: list[float] = field(default_factory=list)

    def left(self) -> None:
        """A request was made: it took one of them, if there was one."""
        if self._home_s:
            self._home_s.pop()

    def came_home(self, now_s: float) -> None:
        """An answer was read to its end, so that its connection is free again."""
        self._home_s = [at_s for at_s in self._home_s if self._fresh(at_s, now_s)]
        self._home_s.append(now_s)

    def fresh(self, now_s: float) -> bool:
        """Whether one of them was used so lately that it is surely open."""
        return any(self._fresh(at_s, now_s) for at_s in self._home_s)

    @staticmethod
    def _fresh(at_s: float, now_s: float) -> bool:
        return now_s - at_s < FRESH_S


@dataclass(slots=True, kw_only=True)
class Warmer:
    """`touch` makes a request that costs nothing, reads its answer, and tells whether the
    connection stays open; it raises EngineFailure."""

    touch: Callable[[], Awaitable[bool]] = field(repr=False)
    place: str
    """The server's host and port, for the log."""
    idle: IdleConnections = field(default_factory=IdleConnections)
    _touching: bool = False
    _failed_s: float | None = None
    """When the last attempt failed, until one succeeds."""

    async def warm(self) -> None:
        """See to it that an idle connection is open. Returns when there is one, at WARM_S at the
        latest, or at once where another caller is at it already. Raises nothing."""
        now_s = trio.current_time()
        tired = self._failed_s is not None and now_s - self._failed_s < FRESH_S
        if self._touching or tired or self.idle.fresh(now_s):
            await trio.lowlevel.checkpoint()
            return
        self._touching = True
        reason: str | None = f"no answer within {WARM_S:g} s"
        try:
            with trio.move_on_after(WARM_S):
                self.idle.left()
                reason = None if await self.touch() else "it keeps no connection open"
        except EngineFailure as failure:
            reason = str(failure)
        finally:
            self._touching = False
        self._learn(reason)

    def _learn(self, reason: str | None) -> None:
        """A row of failures is told once."""
        now_s = trio.current_time()
        if reason is None:
            self._failed_s = None
            self.idle.came_home(now_s)
            return
        if self._failed_s is None:
            structlog.get_logger().warning("connection_not_warm", server=self.place, error=reason)
        self._failed_s = now_s
