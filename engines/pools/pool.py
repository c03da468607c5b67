"""A pool: several places that can do the same, and which of them is asked next.

Two of the places that are well are drawn by chance, and the one that is expected to answer sooner
is asked (`Place.expected_s`). Several processes share the places and do not talk to each other, so
each knows only its own requests: were each to ask the best of all, all would ask the same one at
the same moment, and leave it together. Lanes are otherwise (lanes/pool.py): one process knows all
that waits for them, so there the least is the best.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import trio

from ...backoff import Chance
from ..failures import EngineFailure, EngineTimeout
from .place import Place
from .race import Race
from .standing import PlaceStanding, PlaceState

T = TypeVar("T")
R = TypeVar("R")

FIRST_GUESS_S = 0.1
"""What an answer takes, as long as nobody has given one."""

ALIKE = 1.25
"""Up to this ratio two places are expected to answer equally soon: what is less is noise, and would
have the same place win each time."""

PATIENCE = 2.0
"""How often the p95 of the best place is waited for before a second one is asked beside."""
TRIAL_PATIENCE = 1.0
"""The same for a place that is being tried again."""
FIRST_PATIENCE_S = 0.75
"""As long as no p95 is known."""
SHORTEST_PATIENCE_S, LONGEST_PATIENCE_S = 0.1, 5.0

SECOND_SHARE = 0.1
"""So many of the requests may be asked twice for being slow, and `SECONDS_MOST` in a row: where all
places are slow, asking twice would make them slower."""
SECONDS_MOST = 5.0

LOOK_EVERY_S = 1.0
"""How often it is looked through which places are due; a look at one may take `LOOK_S`."""
IDLE_S = 10.0
"""A place of which nothing was heard for so long is looked at."""
LOOK_S = 2.0


class Pool(Generic[T]):
    """One per kind of engine, shared by all sessions."""

    def __init__(
        self, kind: str, places: Sequence[Place[T]], *, chance: Chance = random.random
    ) -> None:
        """`chance` draws places, and says how much of a pause is left out."""
        if not places:
            raise ValueError("a pool has at least one place")
        self.kind = kind
        self.places = tuple(places)
        self.spare = False
        """Whether somebody else does the work where no place can: a second model, say."""
        self._chance = chance
        self._seconds = SECONDS_MOST
        for place in self.places:
            place.chance = chance

    async def ask(self, attempt: Callable[[T], Awaitable[R]]) -> R:
        """What `attempt` gives with one of the engines. See Race for what it may ask. Raises
        EngineFailure where none of them can."""
        answer, work = await Race(self, attempt).run()
        work.answered()
        work.close()
        return answer

    # Which of them

    def pick(self, but: Collection[Place[T]] = (), *, well: bool = False) -> Place[T] | None:
        """The place to ask, none of `but`. Where none is well, the one whose rest ends first; with
        `well`: None then."""
        left = [place for place in self.places if place not in but]
        if not but:
            tried = [place for place in left if place.state is PlaceState.TRIAL]
            if free := next((place for place in tried if not place.in_hand), None):
                return free
        candidates = [place for place in left if place.state is PlaceState.WELL]
        if candidates:
            return self._sooner(candidates)
        if well or not left:
            return None
        return min(left, key=lambda place: place.again_s)

    def _sooner(self, candidates: Sequence[Place[T]]) -> Place[T]:
        one, other = self._two_of(candidates)
        best_s = min(
            (place.known_s for place in candidates if place.known_s is not None),
            default=FIRST_GUESS_S,
        )
        return other if other.expected_s(best_s) * ALIKE < one.expected_s(best_s) else one

    def _two_of(self, candidates: Sequence[Place[T]]) -> tuple[Place[T], Place[T]]:
        """The same one twice where there is no other."""
        count = len(candidates)
        first = int(self._chance() * count)
        if count == 1:
            return candidates[first], candidates[first]
        second = (first + 1 + int(self._chance() * (count - 1))) % count
        return candidates[first], candidates[second]

    # How long one is waited for

    def patience_s(self, place: Place[T]) -> float:
        """How long an answer of `place` is waited for before another one is asked beside it."""
        known = (one.p95_s for one in self.places if one.state is PlaceState.WELL)
        p95_s = min((one for one in known if one is not None), default=None)
        if p95_s is None:
            return FIRST_PATIENCE_S
        times = TRIAL_PATIENCE if place.state is PlaceState.TRIAL else PATIENCE
        return min(max(times * p95_s, SHORTEST_PATIENCE_S), LONGEST_PATIENCE_S)

    def count_request(self) -> None:
        """Each request adds its share to what may be asked twice."""
        self._seconds = min(self._seconds + SECOND_SHARE, SECONDS_MOST)

    def may_ask_second(self) -> bool:
        """Whether one more may be asked twice; if so, it is counted."""
        if self._seconds < 1.0:
            return False
        self._seconds -= 1.0
        return True

    def others_are_well(self, place: Place[T]) -> bool:
        return any(one.state is PlaceState.WELL for one in self.places if one is not place)

    def some_well(self, most: int) -> list[Place[T]]:
        """Up to `most` of those that are well, drawn by chance."""
        left = [place for place in self.places if place.state is PlaceState.WELL]
        while len(left) > most:
            del left[int(self._chance() * len(left))]
        return left

    # How they stand

    @property
    def ready(self) -> bool:
        """Whether any place can do its work, as far as is known."""
        return not all(place.down for place in self.places)

    def why(self) -> str:
        """For people: why none of them can."""
        return "; ".join(f"{one.place}: {one.told()}" for one in self.standings())

    def standings(self) -> list[PlaceStanding]:
        return [place.standing for place in self.places]

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look at places that have rested, and at those of which nothing is heard, beside all
        requests. A child of the server's tree; a pool that nobody runs knows its places by what
        comes of requests alone."""
        task_status.started()
        try:
            for place in self.places:
                place.looked_after = True
            while True:
                async with trio.open_nursery() as nursery:
                    for place in self.places:
                        if place.look_due(IDLE_S):
                            nursery.start_soon(_look_at, place)
                await trio.sleep(LOOK_EVERY_S)
        finally:
            for place in self.places:
                place.looked_after = False


async def _look_at(place: Place[T]) -> None:
    failure: EngineFailure | None = EngineTimeout(f"{place.name} did not answer a look in time")
    with trio.move_on_after(LOOK_S):
        try:
            await place.look()
            failure = None
        except EngineFailure as error:
            failure = error
    place.looked(failure)


@runtime_checkable
class HasPools(Protocol):
    """An engine that asks pools."""

    @property
    def pools(self) -> tuple[Pool[Any], ...]: ...
