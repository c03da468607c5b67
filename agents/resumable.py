"""A conversation that is kept, as its session sees it: a conductor whose first effect says so.

Whoever conducts besides, an agent's code or nobody, comes behind it. So what a conversation goes on
from is on the session's tape like all that is done to it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..conversation.events import SessionEvent
from ..engines.agent.interface import Conductor
from ..protocol.effects import AnyEffect, GoOn


class Resumable:
    """Satisfies Conductor."""

    def __init__(self, go_on: GoOn, inner: Conductor | None) -> None:
        self._go_on = go_on
        self._inner = inner

    @asynccontextmanager
    async def effects(self) -> AsyncIterator[AsyncIterator[AnyEffect]]:
        if self._inner is None:
            yield self._first()
            return
        async with self._inner.effects() as effects:
            yield self._first(effects)

    async def _first(
        self, behind: AsyncIterator[AnyEffect] | None = None
    ) -> AsyncIterator[AnyEffect]:
        yield self._go_on
        if behind is not None:
            async for effect in behind:
                yield effect

    def tell(self, event: SessionEvent) -> None:
        if self._inner is not None:
            self._inner.tell(event)
