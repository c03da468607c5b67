"""One of several servers that can do the same: what it has in hand, how soon it answers, and
whether it is well. Plain decisions, by Trio's clock; who asks it is in race.py.

What a place is known by are its results. A failure has it rest, longer with each one that follows
(`RESTS`); then one request tries it, and the others wait for what becomes of that. A place that
says itself that it has too much to do rests for as long as it says, and is not counted as broken.
One that is left without an answer, while another one answers, is late: that counts as a wait of so
long, and twice in a row as a failure.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import structlog
import trio

from ...backoff import Backoff, Chance
from ..failures import EngineFailure, EngineTimeout, ServiceBusy
from .standing import PlaceStanding, PlaceState

T = TypeVar("T")

RESTS = Backoff(first_s=1.0, most_s=30.0, jitter=0.5)
"""After failures in a row. The others do the work meanwhile, and several processes that share a
place do not all try it again at the same moment."""

BUSY_S = 1.0
"""How long a place is left alone that says 429 and not for how long."""

NEWEST = 0.3
"""Of the newest answer in what is usual: a place that became slow is known after three."""

HALF_LIFE_S = 10.0
"""What is known of a place that nobody asks is half forgotten in that time: it may have changed."""

ANSWERS_KEPT = 32
ANSWERS_KNOWN = 5
"""From so many on it is known how late a place's answers come."""

LATE_IN_A_ROW = 2
"""Times that a place was late, with no answer between them, that are a failure."""


class Work:
    """One request to a place. `close` it, whatever becomes of it; more than once does no harm."""

    def __init__(self, place: Place[Any]) -> None:
        self.began_s = trio.current_time()
        self.place = place
        self.beside = place.in_hand
        """Requests that the place had in hand when this one came."""
        self._open = True

    def begun(self) -> None:
        """The beginning of its answer is there, a sign of life at least."""
        self.place.begun_in(self, trio.current_time() - self.began_s)

    def answered(self) -> None:
        """Something of its answer can be used: the place does its work."""
        self.place.does_its_work()

    def failed(self, failure: EngineFailure) -> None:
        """Also in the middle of an answer."""
        self.place.failed_with(failure)

    def late(self, *, may_rest: bool) -> None:
        """Nobody waits for it any longer."""
        self.place.was_late(self, trio.current_time() - self.began_s, may_rest=may_rest)

    def close(self) -> None:
        if self._open:
            self._open = False
            self.place.is_rid_of(self)


@dataclass(eq=False, slots=True, kw_only=True)
class Place(Generic[T]):
    """`engine` is what is asked there; `look` finds out whether a server is there at all, at next
    to no cost, and raises EngineFailure where there is none."""

    kind: str
    name: str
    engine: T = field(repr=False)
    look: Callable[[], Awaitable[None]] = field(repr=False)
    chance: Chance = field(default=random.random, repr=False)
    looked_after: bool = field(default=False, init=False)
    """Whether it is looked at before it is tried again; else its rest is all."""
    in_hand: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    """In a row."""
    asked: int = field(default=0, init=False)
    answered: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    late: int = field(default=0, init=False)
    busy: int = field(default=0, init=False)
    _unanswered: dict[Work, None] = field(default_factory=dict, init=False)
    """In the order in which they were begun."""
    _usual_s: float | None = field(default=None, init=False)
    _usual_beside: float = field(default=0.0, init=False)
    """How many other requests it had in hand, where its answers took as long as they usually do."""
    _learned_s: float = field(default=-math.inf, init=False)
    """When the last answer was given, or waited for in vain."""
    _heard_s: float = field(default=-math.inf, init=False)
    """When it last gave a sign of life, also to a look."""
    _answers_s: deque[float] = field(
        default_factory=lambda: deque[float](maxlen=ANSWERS_KEPT), init=False
    )
    _late_in_a_row: int = field(default=0, init=False)
    _rests_until_s: float | None = field(default=None, init=False)
    _seen_well: bool = field(default=False, init=False)
    """Whether a look found it there, since it last failed."""
    _busy_until_s: float = field(default=-math.inf, init=False)
    _why: str | None = field(default=None, init=False)

    @property
    def state(self) -> PlaceState:
        now_s = trio.current_time()
        if self._rests_until_s is not None:
            rested = now_s >= self._rests_until_s and (self._seen_well or not self.looked_after)
            return PlaceState.TRIAL if rested else PlaceState.RESTING
        return PlaceState.BUSY if now_s < self._busy_until_s else PlaceState.WELL

    @property
    def down(self) -> bool:
        """Whether it fails again and again. One failure may have been the request's own."""
        return self.failures > 1

    @property
    def again_s(self) -> float:
        """The moment until which it is to be left alone."""
        return max(self._busy_until_s, self._rests_until_s or -math.inf)

    @property
    def known_s(self) -> float | None:
        """How long its answers usually take to begin; None where it has given none."""
        return self._usual_s

    @property
    def p95_s(self) -> float | None:
        """Of the newest answers; None where they are too few."""
        if len(self._answers_s) < ANSWERS_KNOWN:
            return None
        ranked = sorted(self._answers_s)
        return ranked[math.ceil(0.95 * len(ranked)) - 1]

    def expected_s(self, best_s: float) -> float:
        """How long one more answer would take to begin: what is usual, times how much more the
        place has in hand than is usual. A server that works on many requests at once is so not
        taken for one that is slow, and one that works on one after the other is.

        `best_s` is what the best place needs, which is believed of one that nobody has asked for
        long. It is never less than the oldest request has waited already: so one that hangs is
        known before it fails."""
        now_s = trio.current_time()
        expected_s = best_s
        if self._usual_s is not None:
            known = 0.5 ** ((now_s - self._learned_s) / HALF_LIFE_S)
            expected_s += (self._usual_s - best_s) * known
        oldest = next(iter(self._unanswered), None)
        waited_s = 0.0 if oldest is None else now_s - oldest.began_s
        crowd = (self.in_hand + 1) / (self._usual_beside + 1)
        return max(expected_s, waited_s) * crowd

    @property
    def standing(self) -> PlaceStanding:
        state = self.state
        left_s = 0.0 if state is PlaceState.WELL else self.again_s - trio.current_time()
        return PlaceStanding(
            kind=self.kind,
            place=self.name,
            state=state,
            in_hand=self.in_hand,
            usual_s=self._usual_s or 0.0,
            failures=self.failures,
            why=self._why,
            pause_s=max(0.0, left_s),
            asked=self.asked,
            answered=self.answered,
            failed=self.failed,
            late=self.late,
            busy=self.busy,
        )

    # What becomes of requests

    def begin(self) -> Work:
        work = Work(self)
        self.asked += 1
        self.in_hand += 1
        self._unanswered[work] = None
        return work

    def is_rid_of(self, work: Work) -> None:
        self.in_hand -= 1
        self._unanswered.pop(work, None)

    def begun_in(self, work: Work, seconds: float) -> None:
        self._unanswered.pop(work, None)
        self._answers_s.append(seconds)
        self._learn(work, seconds)
        self._heard_s = trio.current_time()
        self._late_in_a_row = 0

    def does_its_work(self) -> None:
        self.answered += 1
        if self._rests_until_s is not None:
            structlog.get_logger().info("place_is_back", kind=self.kind, place=self.name)
        self.failures, self._rests_until_s, self._why = 0, None, None

    def failed_with(self, failure: EngineFailure) -> None:
        """What a request said of this place."""
        if isinstance(failure, ServiceBusy):
            self.busy += 1
            wanted_s = BUSY_S if failure.retry_after_s is None else failure.retry_after_s
            self._busy_until_s = max(self._busy_until_s, trio.current_time() + wanted_s)
            if self._rests_until_s is not None:  # it is there again, and says so
                self.failures, self._rests_until_s, self._why = 0, None, None
        else:
            self.failed += 1
            self._rest(str(failure))

    def was_late(self, work: Work, seconds: float, *, may_rest: bool) -> None:
        """`may_rest`: there is another one that is well."""
        self.late += 1
        self._late_in_a_row += 1
        if seconds > (self._usual_s or 0.0):
            self._learn(work, seconds)
        enough = self._late_in_a_row >= LATE_IN_A_ROW or self.state is PlaceState.TRIAL
        if enough and may_rest:
            self._rest(str(EngineTimeout(f"{self.name} did not answer within {seconds:.1f} s")))

    def look_due(self, idle_s: float) -> bool:
        """Whether it is to be looked at: it has rested, or nobody knows of it for `idle_s`."""
        now_s = trio.current_time()
        if self._rests_until_s is not None:
            return now_s >= self._rests_until_s and not self._seen_well
        return now_s - self._heard_s >= idle_s and self.state is PlaceState.WELL

    def looked(self, failure: EngineFailure | None) -> None:
        """What a look found. It says that a server is there, and not that it can do its work: a
        request has to try that."""
        if failure is not None and not isinstance(failure, ServiceBusy):
            self._rest(str(failure))
            return
        self._seen_well = True
        self._heard_s = trio.current_time()

    def _learn(self, work: Work, seconds: float) -> None:
        before_s = seconds if self._usual_s is None else self._usual_s
        self._usual_s = before_s + (seconds - before_s) * NEWEST
        self._usual_beside += (work.beside - self._usual_beside) * NEWEST
        self._learned_s = trio.current_time()

    def _rest(self, why: str) -> None:
        """What comes of requests that were made before it rested counts no further."""
        if self.state is PlaceState.RESTING and trio.current_time() < self.again_s:
            return
        if self._rests_until_s is None:
            structlog.get_logger().warning(
                "place_rests", kind=self.kind, place=self.name, error=why
            )
        self.failures += 1
        self._seen_well, self._late_in_a_row, self._why = False, 0, why
        pause_s = RESTS.pause_s(self.failures, self.chance)
        self._rests_until_s = trio.current_time() + pause_s
