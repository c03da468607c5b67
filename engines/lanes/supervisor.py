"""The supervisor of all lanes of a server."""

from __future__ import annotations

import math
from collections.abc import Sequence

import trio

from ...supervisor import Child, Observer, Supervisor
from .lane import Lane


class LanesSupervisor(Supervisor):
    """Runs each lane again whenever its worker is gone, and closes all of them when it ends.

    It has no intensity: a lane paces its own restarts, and an engine that cannot be kept alive
    must not take the server down with it. A lane can be between two runs when this ends; whoever
    waits for its next worker learns then that there will be none.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        *,
        beside: Sequence[Child] = (),
        observers: Sequence[Observer] = (),
    ) -> None:
        """`beside` are children that start before the lanes."""
        children = [*beside, *(Child(lane.name, run=lane.run, ready=True) for lane in lanes)]
        super().__init__("lanes", children, max_restarts=math.inf, observers=observers)
        self._lanes = tuple(lanes)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """As a supervisor's. The lanes are closed when it returns or raises."""
        try:
            await super().run(task_status=task_status)
        finally:
            for lane in self._lanes:
                lane.close()
