"""Whether another session is let in: by measured load, not by their number alone.

One per server, asked before a session exists, by sockets, sessions in memory and telephone lines
alike. Who is in is never sent away by it. Each figure that is over its limit closes the door until
it has fallen well below, so that it does not open and close with every sample.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import trio

from ...config.slices import Load
from ...cores import share_of, usable
from .watch import LoadWatch
from .window import Threshold

NEW_S = 5.0
"""So long a session counts as one that talks, whatever it does: who comes in wants to talk, and
what a stampede will do cannot be measured before it has begun."""

NEW_PER_CORE = 4
"""So many who talk are held by a core of 2026 with all that they need, the voice included, and
with room to measure what they really need. A recognizer alone promises more, before anybody has
talked; where that is true, others are let in as soon as it was measured."""

NEW_FREE = 4
"""Newcomers that are not counted, and sessions below which load is no reason: a household, a test.
What keeps a machine busy that so few talk to is another program, and refusing would help nobody.
Where they are too many, utterances are refused, as engines/asr/admission.py says."""


WEIGHT_STEP = 5
"""Per cent: a figure that wavers by less does not change what a balancer is told."""


def _cores() -> int:
    """That this process may use."""
    return share_of(usable())


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nobody is let in now."""

    reason: str
    """One of a few words, for metrics and `/ready`: stopping, full, loop_lag, cpu, lane_backlog
    or talkers."""
    told: str
    """To the client."""


@dataclass(slots=True)
class SessionAdmission:
    """`taken` says how many places are taken, of `most`; `elsewhere` how many of them are in other
    processes of the same server."""

    most: int
    limits: Load
    watch: LoadWatch
    taken: Callable[[], int] = lambda: 0
    elsewhere: Callable[[], int] = lambda: 0
    stopping: bool = False
    cores: int = field(default_factory=_cores)
    _new: deque[float] = field(init=False)
    _lag: Threshold = field(init=False)
    _backlog: Threshold = field(init=False)
    _talkers: Threshold = field(init=False)

    def __post_init__(self) -> None:
        self._new = deque(maxlen=self.most)
        self._lag = Threshold(self.limits.loop_lag_ms / 1000)
        self._backlog = Threshold(self.limits.lane_wait_ms / 1000)
        self._talkers = Threshold(self.limits.talking_share)
        self.watch.sampled = self._look
        self.watch.taken = lambda: self.taken()

    def refusal(self) -> Refusal | None:
        """Why nobody can be let in now; None where somebody can."""
        if self.stopping:
            return Refusal("stopping", "the server is shutting down")
        if self.taken() + self.elsewhere() >= self.most:
            return Refusal("full", f"all {self.most} connections are taken; try again later")
        if self.taken() < NEW_FREE:
            return None
        if self._lag.passed:
            return Refusal("loop_lag", "the server is too busy; try again later")
        if self.limits.cpu_share and self._cpu_with(self.taken() + 1) > self.limits.cpu_share:
            return Refusal("cpu", "the server is too busy; try again later")
        if self._backlog.passed:
            return Refusal("lane_backlog", "the server's engines are behind; try again later")
        if self._talkers.passed or self._too_many_new():
            return Refusal("talkers", "too many people talk already; try again later")
        return None

    def weight(self) -> int:
        """How much of what this server can do is free, in per cent, in steps of WEIGHT_STEP; 0
        while nobody is let in. The figure that is nearest to its limit decides."""
        if self.refusal() is not None:
            return 0
        busy = max(self._shares())
        return WEIGHT_STEP * max(1, math.ceil((1 - busy) * 100 / WEIGHT_STEP - 1e-9))

    def _shares(self) -> Iterator[float]:
        """How much of each limit is used up; one that is off is left out."""
        watch, limits = self.watch, self.limits
        yield self.taken() / self.most
        if limits.loop_lag_ms:
            yield watch.lag_s.p90 * 1000 / limits.loop_lag_ms
        if limits.cpu_share:
            yield self._cpu_with(self.taken()) / limits.cpu_share
        if limits.lane_wait_ms:
            yield watch.lane_wait_s.p90 * 1000 / limits.lane_wait_ms
        if limits.talking_share and watch.places:
            talking = watch.talking.mean + self._newcomers()
            yield talking / (limits.talking_share * watch.places)

    def let_in(self) -> None:
        """Somebody was: a newcomer, for a while."""
        self._new.append(trio.current_time())

    def _look(self) -> None:
        """After each sample, and not only when somebody asks: the door opens again by itself."""
        self._lag.look(self.watch.lag_s.p90)
        self._backlog.look(self.watch.lane_wait_s.p90)
        if self.watch.places is not None:
            self._talkers.look(self.watch.talking.mean / self.watch.places)

    def _cpu_with(self, people: int) -> float:
        """What share of the processor so many would take."""
        return self.watch.cpu.with_people(people, 1 / (NEW_PER_CORE * self.cores))

    def _too_many_new(self) -> bool:
        """Whether those who talk and those who came just now would be too many together."""
        share, places = self.limits.talking_share, self.watch.places
        if not share or places is None or not (new := self._newcomers()):
            return False
        room = share * min(places, NEW_PER_CORE * self.cores)
        return new >= NEW_FREE and self.watch.talking.mean + new - NEW_FREE >= room

    def _newcomers(self) -> int:
        """Who was let in within the last NEW_S."""
        if not self._new:
            return 0
        since_s = trio.current_time() - NEW_S
        return sum(1 for came_s in self._new if came_s > since_s)
