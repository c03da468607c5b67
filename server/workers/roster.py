"""Which workers there are to be: what the parent does next. No I/O, no clock.

The first worker is started alone: what keeps one from serving (a port, a file of tokens, an agent's
code) keeps all, and is told once. From then on there are as many as are wanted. One that ends is
replaced; those that end soon after they began are waited for, longer each time.

A rolling restart replaces one after the other: the new one is ready before the old one is told to
leave, and gone before the next is begun, so there is one more than are wanted at most. Where a new
one ends before it is ready, the restart is given up and those that are there stay.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ...backoff import Backoff
from .board import SLOTS

STEADY_S = 20.0
"""Who has served for so long may be replaced at once."""
PAUSES = Backoff(first_s=0.5, most_s=30.0, jitter=0.5)
READY_S = 120.0
"""For a worker that is to replace another one: models are loaded, on a cold disk perhaps."""
HUNG_S = 10.0
"""A worker whose event loop has stood still for so long serves nobody, and is killed. Under
overload beats are late by a second or two."""


@dataclass(frozen=True, slots=True)
class Start:
    """Begin a worker under this number."""

    worker: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Have it accept nobody, let its conversations end, and end."""

    worker: int


@dataclass(frozen=True, slots=True)
class GiveUpRestart:
    """The rolling restart is over: this worker was to replace another, and could not be had."""

    worker: int
    why: str


Step = Start | Leave | GiveUpRestart


@dataclass(slots=True)
class _Member:
    generation: int
    began_s: float
    beating: bool = False
    ready: bool = False
    leaving: bool = False


@dataclass(slots=True)
class Roster:
    """`next` is asked after each change, and does nothing itself."""

    wanted: int
    chance: Callable[[], float] = random.random
    proved: bool = False
    """Whether any worker has ever served."""
    failed: bool = False
    """The first one ended before it served: there is no use in going on."""
    _members: dict[int, _Member] = field(default_factory=dict)
    _generation: int = 0
    _rolling: bool = False
    _quick: int = 0
    _not_before_s: float = 0.0
    _failed_restart: int | None = None

    @property
    def workers(self) -> list[int]:
        return list(self._members)

    @property
    def rolling(self) -> bool:
        return self._rolling

    def roll(self) -> None:
        """Replace all that there are, one after the other. Asked again meanwhile: those too that
        were begun since."""
        self._generation += 1
        self._rolling = True

    # What happened

    def beats(self, worker: int) -> None:
        """It serves."""
        if worker in self._members:
            self._members[worker].beating = True
            self.proved = True

    def is_ready(self, worker: int) -> None:
        if worker in self._members:
            self._members[worker].ready = True

    def ended(self, worker: int, now_s: float) -> None:
        """Its process is gone, whyever."""
        member = self._members.pop(worker)
        if not self.proved:
            self.failed = True
        if member.leaving:
            return
        self._quick = self._quick + 1 if now_s - member.began_s < STEADY_S else 0
        self._not_before_s = now_s + PAUSES.pause_s(self._quick, self.chance)
        if self._rolling and member.generation == self._generation and not member.ready:
            self._failed_restart = worker

    # What follows

    def steps(self, now_s: float) -> Iterator[Step]:
        """What is to be done now. Each counts as done when it is given."""
        if self._failed_restart is not None:
            yield self._give_up(self._failed_restart, "it ended before it was ready")
        yield from self._late(now_s)
        while not self.failed and (step := self._next(now_s)) is not None:
            yield step

    def wakes_s(self, now_s: float) -> float | None:
        """In how many seconds there may be something to do by itself."""
        return max(0.0, self._not_before_s - now_s) if self._missing > 0 else None

    def _next(self, now_s: float) -> Step | None:
        staying = self._staying
        if self._missing > 0:
            begun = not self.proved and bool(staying)
            return None if begun or now_s < self._not_before_s else self._start(now_s)
        surplus = len(staying) - self.wanted
        if surplus > 0 and not self._rolling:
            return self._leave(max(staying))
        return self._roll_on(now_s) if self._rolling else None

    def _roll_on(self, now_s: float) -> Step | None:
        staying = self._staying
        old = [w for w in staying if self._members[w].generation < self._generation]
        if not old:
            if len(self._members) > len(staying):
                return None  # it is over when the last one is gone
            self._rolling = False
            return self._next(now_s)
        if len(staying) > self.wanted:
            idle = [w for w in old if not self._members[w].ready]
            if idle:
                return self._leave(idle[0])  # it serves nobody: a restart was asked for again
            new = [w for w in staying if w not in old]
            return self._leave(old[0]) if all(self._members[w].ready for w in new) else None
        if len(self._members) > len(staying) or now_s < self._not_before_s:
            return None
        return self._start(now_s)

    def _late(self, now_s: float) -> Iterator[Step]:
        for worker in self._staying:
            member = self._members[worker]
            new = self._rolling and member.generation == self._generation and not member.ready
            if new and len(self._staying) > self.wanted and now_s - member.began_s > READY_S:
                yield self._give_up(worker, f"it was not ready after {READY_S:.0f} s")
                yield self._leave(worker)

    def _give_up(self, worker: int, why: str) -> Step:
        self._failed_restart = None
        self._rolling = False
        for member in self._members.values():
            member.generation = self._generation
        return GiveUpRestart(worker, why)

    @property
    def _staying(self) -> list[int]:
        return [worker for worker, member in self._members.items() if not member.leaving]

    @property
    def _missing(self) -> int:
        return self.wanted - len(self._staying)

    def _start(self, now_s: float) -> Step:
        worker = next(n for n in range(1, SLOTS) if n not in self._members)
        self._members[worker] = _Member(generation=self._generation, began_s=now_s)
        return Start(worker)

    def _leave(self, worker: int) -> Step:
        self._members[worker].leaving = True
        return Leave(worker)
