"""What waits in a lane, and how long a lane pauses after a failure. Needs no event loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import trio

from ...backoff import Backoff
from ..failures import EngineFailure

QUEUE_MAX = 64
"""Each session has one call under way, and one lane cannot serve 64 talkers in time. Jobs that give
way are counted by themselves: they never take a talker's place."""

BATCH_MAX = 4
"""Jobs that one call may do together: more would make the first of them wait for the last."""

QUICK_DEATH_S = 10.0
"""A worker that dies younger than this counts as one that may die again at once."""

DEATHS = Backoff(first_s=0.3, most_s=5.0, jitter=0.5)
"""After a quick death. A session waits for its lane, so it is short; it saves the CPU."""

LOADS = Backoff(first_s=0.5, most_s=30.0, jitter=0.5)
"""After a failed load. Nobody waits for this lane, and what is missing seldom comes soon."""


class Rank(IntEnum):
    """Whose turn it is first, where several wait."""

    URGENT = 0
    """A final: somebody has stopped talking, and waits."""
    LIVE = 1
    """Anything else of a conversation."""
    GIVES_WAY = 2
    """A request's, which nobody talks in."""


@dataclass(eq=False, slots=True)
class Job:
    """One call. It ends with `finish`, once; what comes later is discarded."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    deadline: float
    generation: int | None = None
    rank: Rank = Rank.LIVE
    late: Callable[[], Any] | None = None
    """Makes the job's item when it begins. `fn` is then given a list of items, of this job and of
    others alike, and gives a list of values."""
    alike: Hashable = None
    """Late jobs with the same `fn` and an equal `alike` may be done together; None: alone."""
    queued_s: float = 0.0
    """When it came."""
    ended: trio.Event = field(default_factory=trio.Event)
    value: Any = None
    failure: EngineFailure | None = None

    def finish(self, value: Any = None, failure: EngineFailure | None = None) -> None:
        if not self.ended.is_set():
            self.value, self.failure = value, failure
            self.ended.set()


class JobQueue:
    """By rank, and first come first served within each."""

    def __init__(self) -> None:
        self._waiting: dict[Rank, deque[Job]] = {rank: deque() for rank in Rank}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @property
    def live(self) -> int:
        """How many do not give way."""
        return len(self._waiting[Rank.URGENT]) + len(self._waiting[Rank.LIVE])

    def full(self, rank: Rank) -> bool:
        """Whether there is no room for another one."""
        if rank is Rank.GIVES_WAY:
            return len(self._waiting[rank]) >= QUEUE_MAX
        return self.live >= QUEUE_MAX

    @property
    def oldest_s(self) -> float | None:
        """When the job that has waited longest came, of those that do not give way; None where none
        waits."""
        live = (self._waiting[Rank.URGENT], self._waiting[Rank.LIVE])
        return min((jobs[0].queued_s for jobs in live if jobs), default=None)

    def put(self, job: Job) -> None:
        self._waiting[job.rank].append(job)

    def pop(self) -> Job | None:
        return next((jobs.popleft() for jobs in self._waiting.values() if jobs), None)

    def pop_with_alike(self) -> list[Job]:
        """The next job, and those behind it that can be done in the same call."""
        if (first := self.pop()) is None:
            return []
        if first.late is None or first.alike is None:
            return [first]
        others = self._waiting[first.rank]
        alike = [job for job in others if job.fn == first.fn and job.alike == first.alike]
        batch = alike[: BATCH_MAX - 1]
        self.take(lambda job: job in batch)
        return [first, *batch]

    def take(self, which: Callable[[Job], bool]) -> list[Job]:
        """Remove and return those that `which` chooses, in the order of their turn."""
        taken = [job for jobs in self._waiting.values() for job in jobs if which(job)]
        for jobs in self._waiting.values():
            kept = [job for job in jobs if job not in taken]
            jobs.clear()
            jobs.extend(kept)
        return taken
