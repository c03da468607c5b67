"""A supervised child while it runs: its place in the supervisor's table, and one life of it.

`supervisor.py` owns both and decides what happens to them; this module only keeps how a child
stands, and asks it to end. Nothing here fails: a child's `stop` that raises is logged, and the
child is cancelled instead.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import trio

from .childspec import Child

logger = logging.getLogger(__name__)


class Slot:
    """A child's place in the table. It outlives the incarnations that fill it."""

    def __init__(self, child: Child, *, number: int, dynamic: bool) -> None:
        self.child = child
        self.number = number  # the place in start order
        self.dynamic = dynamic
        self.life: Life | None = None
        self.restarts = -1  # the first start is none
        self.due = False  # the manager is to start it
        self.over = False  # ended by itself, and for good
        self.dropped = False  # forget it when its life is over


class Life:
    """One incarnation of a child. It is what the child is given as `task_status`."""

    def __init__(self, slot: Slot, announce: Callable[[Life], None], *, awaited: bool) -> None:
        self.slot = slot
        self.awaited = awaited  # somebody waits for its start, and is told if it fails
        self.begun = False
        self.has_started = False
        self.overran = False
        self.asked_at = math.inf  # when it was first asked, in whatever way, to end
        self.cancelled_at = math.inf
        self.error: Exception | None = None
        self.settled = trio.Event()  # it has started, or never will
        self.ended = trio.Event()
        self.noticed = trio.Event()  # its end was, by the watch
        child = slot.child
        self.scope = trio.CancelScope(
            relative_deadline=child.start_s if child.ready else math.inf, shield=True
        )
        self._announce = announce

    @property
    def asked(self) -> bool:
        return self.asked_at < math.inf

    @property
    def stillborn(self) -> bool:
        """It failed to start; if it was stopped while it started it did not fail."""
        return self.error is not None and not self.has_started and not self.asked

    def started(self, value: object = None) -> None:
        if self.has_started:
            raise RuntimeError(f"child {self.slot.child.id!r} called started() twice")
        if not self.scope.cancel_called:  # else it comes too late
            self.scope.deadline = math.inf
            self.has_started = True
            self.settled.set()
            self._announce(self)

    def ask(self) -> bool:
        """Ask it to wind down; False if it cannot be asked and must be cancelled."""
        stop = self.slot.child.stop
        if stop is None or not self.begun:
            return False
        if not self.asked:
            self.asked_at = trio.current_time()
            try:
                stop()
            except Exception:
                logger.exception("stop() of child %r raised", self.slot.child.id)
                self.cancel()
        return True

    def cancel(self) -> None:
        if self.cancelled_at == math.inf and not self.ended.is_set():
            self.cancelled_at = trio.current_time()
            self.asked_at = min(self.asked_at, self.cancelled_at)
            self.scope.cancel()
