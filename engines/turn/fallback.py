"""Where one end-of-turn engine fails another one answers."""

from __future__ import annotations

import structlog

from ..failures import EngineFailure
from .interface import Pause, TurnEndEngine


class WithFallback:
    """Says in the log when the first begins to fail, and when it works again."""

    def __init__(self, first: TurnEndEngine, second: TurnEndEngine) -> None:
        self._first, self._second = first, second
        self._failing = False
        self.needs_text = first.needs_text

    async def likelihood(self, pause: Pause) -> float:
        try:
            found = await self._first.likelihood(pause)
        except EngineFailure as failure:
            if not self._failing:
                structlog.get_logger().warning("turn_end_failed", error=str(failure))
            self._failing = True
            return await self._second.likelihood(pause)
        if self._failing:
            structlog.get_logger().info("turn_end_works_again")
        self._failing = False
        return found
