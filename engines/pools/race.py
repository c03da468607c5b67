"""One question to a pool: asked of a place, and of another one where that fails or is slow.

A place that fails before anything of its answer was used is followed by another one at once. One
that says nothing for longer than a pool's patience is not given up: another one is asked beside it,
and the first answer counts. All this is within the caller's deadline, and with MAX_ASKED places at
most: whoever tries again after a failure does so as often as before.

Whose fault a refusal is (a key, a model, a request that no server takes) is not known by the
refusal. So one more place is asked: if that one answers, the first is to blame and rests; if it
refuses as well, the request is to blame, and nobody rests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from math import inf, isfinite
from typing import TYPE_CHECKING, Generic, TypeVar

import trio

from ..failures import EngineFailure, EngineTimeout, EngineUnreachable, ServiceBusy
from .place import Place, Work
from .standing import PlaceState

if TYPE_CHECKING:
    from .pool import Pool

T = TypeVar("T")
R = TypeVar("R")

MAX_ASKED = 3
"""Places that one question is asked of. Where three have failed a fourth seldom helps, and the
caller has a rule of its own for another attempt."""

MAX_REFUSALS = 2
"""Two that refuse the same have the request to blame."""

RESCUE_S = 5.0
"""Where the caller has no deadline: after so long another place is asked whatever it costs. With a
deadline it is half of the time."""


class Race(Generic[T, R]):
    """Made for one question; `run` it once."""

    def __init__(
        self,
        pool: Pool[T],
        attempt: Callable[[T], Awaitable[R]],
        discard: Callable[[R], Awaitable[object]] | None = None,
    ) -> None:
        self._pool = pool
        self._attempt = attempt
        self._discard = discard
        self._asked: list[Place[T]] = []
        self._running = 0
        self._won: list[tuple[R, Work]] = []
        self._failures: list[EngineFailure] = []
        self._refusals = 0
        self._refused: list[tuple[Work, EngineFailure]] = []
        """Those of which is not known yet whose fault they are. They count as work in hand until
        it is, so that nobody else tries such a place meanwhile."""
        self._replace = False
        """Whether one has failed and no other was asked in its place yet."""
        self._news = trio.Event()
        self._second_at_s = inf
        """When another one is asked beside, if it may."""
        self._rescue_at_s = inf
        """When another one is asked whatever it costs."""

    async def run(self) -> tuple[R, Work]:
        """The first answer, and its work, which is the caller's to close. Raises EngineFailure."""
        self._pool.count_request()
        return await self._first(self._pool.pick())

    async def again(self, work: Work, failure: EngineFailure) -> tuple[R, Work]:
        """The same question of places that were not asked yet, where the answer turned out to be
        none before anything of it was used. Raises EngineFailure."""
        self._note(work, failure)
        return await self._first(None if self._enough else self._pool.pick(self._asked))

    async def _first(self, place: Place[T] | None) -> tuple[R, Work]:
        won: list[tuple[R, Work]] = []
        self._won, self._replace = won, False
        now_s = trio.current_time()
        left_s = trio.current_effective_deadline() - now_s
        self._rescue_at_s = now_s + (left_s / 2 if isfinite(left_s) else RESCUE_S)
        try:
            async with trio.open_nursery() as nursery:
                self._start(nursery, place)
                await self._ask(nursery)
                nursery.cancel_scope.cancel()
            await self._throw_away(won[1:])
        except BaseException:
            await self._throw_away(won)
            raise
        finally:
            self._blame(bool(won))
        if not won:
            raise _all_of(self._failures)
        return won[0]

    async def _ask(self, nursery: trio.Nursery) -> None:
        while not self._won:
            if self._replace:
                self._replace = False
                self._start(nursery, None if self._enough else self._pool.pick(self._asked))
            if not self._running:
                return
            await self._wait_for_news()
            now_s = trio.current_time()
            if self._won or self._replace:
                continue
            if now_s >= self._rescue_at_s:
                self._rescue_at_s = inf
                self._start(nursery, None if self._enough else self._pool.pick(self._asked))
            elif now_s >= self._second_at_s:
                place = None if self._enough else self._pool.pick(self._asked, well=True)
                if place is None:
                    self._second_at_s = inf
                elif self._hopeless or self._pool.may_ask_second():
                    self._start(nursery, place)
                else:  # perhaps a little later
                    self._second_at_s = now_s + self._pool.patience_s(self._asked[-1])

    @property
    def _enough(self) -> bool:
        return len(self._asked) >= MAX_ASKED or self._refusals >= MAX_REFUSALS

    @property
    def _hopeless(self) -> bool:
        """Whether those that were asked have failed others meanwhile."""
        return all(place.state is PlaceState.RESTING for place in self._asked)

    async def _wait_for_news(self) -> None:
        """Or for the moment at which another one may be asked."""
        with trio.CancelScope(deadline=min(self._second_at_s, self._rescue_at_s)):
            await self._news.wait()
        self._news = trio.Event()

    def _start(self, nursery: trio.Nursery, place: Place[T] | None) -> None:
        if place is None:
            return
        self._asked.append(place)
        self._running += 1
        patience_s = self._pool.patience_s(place)
        self._second_at_s = trio.current_time() + patience_s
        nursery.start_soon(self._try, place, place.begin(), patience_s)

    async def _try(self, place: Place[T], work: Work, patience_s: float) -> None:
        ended = False
        try:
            answer = await self._attempt(place.engine)
            ended = True
            work.begun()
            self._won.append((answer, work))
        except EngineFailure as failure:
            ended = True
            self._note(work, failure)
            self._replace = True
        finally:
            self._running -= 1
            self._news.set()
            if not ended:  # another one was first, or nobody waits any longer
                if trio.current_time() - work.began_s > patience_s:
                    work.late(may_rest=self._pool.others_are_well(place))
                work.close()

    def _note(self, work: Work, failure: EngineFailure) -> None:
        self._failures.append(failure)
        if failure.retryable:
            work.failed(failure)
            work.close()
        else:
            self._refusals += 1
            self._refused.append((work, failure))

    def _blame(self, answered: bool) -> None:
        """Those that refused what another one took."""
        while self._refused:
            work, failure = self._refused.pop()
            if answered:
                work.failed(failure)
            work.close()

    async def _throw_away(self, answers: Sequence[tuple[R, Work]]) -> None:
        for answer, work in answers:
            work.close()
            if self._discard is not None:
                await self._discard(answer)


def _all_of(failures: Sequence[EngineFailure]) -> EngineFailure:
    """One failure that says what each place said. It is of the type of all of them, if they have
    one in common."""
    if len(failures) == 1:
        return failures[0]
    kinds = {type(failure) for failure in failures}
    kind = kinds.pop() if len(kinds) == 1 else EngineFailure
    if kind not in (EngineTimeout, EngineUnreachable, ServiceBusy):
        kind = EngineFailure
    wanted = [one.retry_after_s for one in failures if one.retry_after_s is not None]
    return kind(
        "; ".join(dict.fromkeys(str(failure) for failure in failures)),
        retryable=any(failure.retryable for failure in failures),
        retry_after_s=min(wanted, default=None),
    )
