"""For tests: cancel what runs at its k-th step, for every k. What is left over is a leak.

async for attempt in every_step(conversation):
    assert nothing_is_left()
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

import trio

_watched: ContextVar[_CancelAt | None] = ContextVar("parley_cancel_at", default=None)


@dataclass(eq=False, slots=True)
class _CancelAt(trio.abc.Instrument):
    """Counts the steps of a task and of all that it starts; a step ends where a task waits."""

    step: int
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    steps: int = 0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task.context.get(_watched) is self:
            self.steps += 1
            if self.steps == self.step:
                self.scope.cancel()


@dataclass(frozen=True, slots=True)
class Attempt:
    step: int
    """At which the run was cancelled."""
    cancelled: bool
    """False: it was over before that step."""


async def cancelled_at(step: int, run: Callable[[], Awaitable[None]]) -> Attempt:
    """Run to the end, or to the `step`-th step of whatever it runs, and there cancel it."""
    instrument = _CancelAt(step)
    token = _watched.set(instrument)
    trio.lowlevel.add_instrument(instrument)
    try:
        with instrument.scope:
            await run()
    finally:
        trio.lowlevel.remove_instrument(instrument)
        _watched.reset(token)
    return Attempt(step, instrument.steps >= step)


async def every_step(
    run: Callable[[], Awaitable[None]], *, stride: int = 1, first: int = 1
) -> AsyncIterator[Attempt]:
    """`run` again and again, cancelled one step later each time, until it ends by itself.

    `run` begins anew each time; what it leaves behind is for the caller to look at.
    """
    for step in itertools.count(first, stride):
        attempt = await cancelled_at(step, run)
        yield attempt
        if not attempt.cancelled:
            return
