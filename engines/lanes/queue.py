"""What waits in a lane, and how long a lane pauses after a failure. Needs no event loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import trio

from ..failures import EngineFailure


@dataclass(frozen=True, slots=True)
class Backoff:
    """The pause before attempt after attempt: it doubles from `first_s` up to `most_s`."""

    first_s: float
    most_s: float

    def pause_s(self, failures: int) -> float:
        """After `failures` failures in a row; none after none."""
        return min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 32)) if failures else 0.0


QUEUE_MAX = 64
"""Each session has one call under way, and one lane cannot serve 64 talkers in time."""

BATCH_MAX = 4
"""Jobs that one call may do together: more would make the first of them wait for the last."""

QUICK_DEATH_S = 10.0
"""A worker that dies younger than this counts as one that may die again at once."""

DEATHS = Backoff(first_s=0.3, most_s=5.0)
"""After a quick death. A session waits for its lane, so it is short; it saves the CPU."""

LOADS = Backoff(first_s=0.5, most_s=30.0)
"""After a failed load. Nobody waits for this lane, and what is missing seldom comes soon."""


@dataclass(eq=False, slots=True)
class Job:
    """One call. It ends with `finish`, once; what comes later is discarded."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    deadline: float
    generation: int | None = None
    urgent: bool = False
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
    """The urgent before the others, first come first served within each."""

    def __init__(self) -> None:
        self._urgent: deque[Job] = deque()
        self._others: deque[Job] = deque()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._others)

    @property
    def oldest_s(self) -> float | None:
        """When the job that has waited longest came; None where none waits."""
        first = [jobs[0].queued_s for jobs in (self._urgent, self._others) if jobs]
        return min(first, default=None)

    def put(self, job: Job) -> None:
        (self._urgent if job.urgent else self._others).append(job)

    def pop(self) -> Job | None:
        waiting = self._urgent or self._others
        return waiting.popleft() if waiting else None

    def pop_with_alike(self) -> list[Job]:
        """The next job, and those behind it that can be done in the same call."""
        if (first := self.pop()) is None:
            return []
        if first.late is None or first.alike is None:
            return [first]
        others = (job for job in (self._urgent if first.urgent else self._others))
        alike = [job for job in others if job.fn == first.fn and job.alike == first.alike]
        batch = alike[: BATCH_MAX - 1]
        self.take(lambda job: job in batch)
        return [first, *batch]

    def take(self, which: Callable[[Job], bool]) -> list[Job]:
        """Remove and return those that `which` chooses, in the order of their turn."""
        jobs = (*self._urgent, *self._others)
        taken = [job for job in jobs if which(job)]
        kept = [job for job in jobs if job not in taken]
        self._urgent = deque(job for job in kept if job.urgent)
        self._others = deque(job for job in kept if not job.urgent)
        return taken
