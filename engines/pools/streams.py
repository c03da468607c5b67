"""An answer that comes in pieces, from the first place of a pool that gives one.

Until its first piece an answer may be another place's (race.py). From then on it is this place's
alone: another one would say the beginning twice. What fails there is the caller's, as with one
server, and this place's to rest for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..failures import EngineFailure
from .place import Work
from .pool import Pool
from .race import Race

T = TypeVar("T")
Piece = TypeVar("Piece")


@dataclass(slots=True)
class _Begun(Generic[Piece]):
    stack: AsyncExitStack
    """Closing it ends the request."""
    first: Piece | None
    """None where the answer has no pieces."""
    rest: AsyncIterator[Piece]

    async def aclose(self) -> None:
        await self.stack.aclose()


class _Pieces(Generic[T, Piece]):
    """All of an answer. An iterator and no generator, which somebody would have to close."""

    def __init__(self, race: Race[T, _Begun[Piece]], counts: Callable[[Piece], bool]) -> None:
        self._race = race
        self._counts = counts
        self._begun: _Begun[Piece] | None = None
        self._work: Work | None = None
        self._used = False

    async def begin(self) -> None:
        self._begun, self._work = await self._race.run()

    async def aclose(self) -> None:
        begun, work, self._begun, self._work = self._begun, self._work, None, None
        if work is not None:
            work.close()
        if begun is not None:
            await begun.aclose()

    def __aiter__(self) -> _Pieces[T, Piece]:
        return self

    async def __anext__(self) -> Piece:
        while self._begun is not None and self._work is not None:
            try:
                piece = await self._next_of(self._begun)
            except EngineFailure as failure:
                await self._elsewhere(self._work, failure)
            else:
                if not self._used and self._counts(piece):
                    self._used = True
                    self._work.answered()
                return piece
        raise StopAsyncIteration

    async def _next_of(self, begun: _Begun[Piece]) -> Piece:
        if begun.first is not None:
            piece, begun.first = begun.first, None
            return piece
        return await anext(begun.rest)

    async def _elsewhere(self, work: Work, failure: EngineFailure) -> None:
        """Another place's answer, where nothing of this one was used. Raises EngineFailure."""
        if self._used:
            if failure.retryable:  # a refusal here is about what was said, and not the place's
                work.failed(failure)
            raise failure
        begun, self._begun = self._begun, None
        if begun is not None:
            await begun.aclose()
        self._begun, self._work = await self._race.again(work, failure)


@asynccontextmanager
async def first_to_begin(
    pool: Pool[T],
    stream: Callable[[T], AbstractAsyncContextManager[AsyncIterator[Piece]]],
    counts: Callable[[Piece], bool] = lambda piece: True,
) -> AsyncIterator[AsyncIterator[Piece]]:
    """The pieces that `stream` gives, from one of the engines. Entering waits for the first piece.
    Both entering and iterating raise EngineFailure. `counts`: whether something of an answer is
    used with a piece; a sign of life is none."""

    async def attempt(engine: T) -> _Begun[Piece]:
        async with AsyncExitStack() as stack:
            pieces = await stack.enter_async_context(stream(engine))
            first = await anext(pieces, None)
            return _Begun(stack.pop_all(), first, pieces)

    pieces = _Pieces(Race(pool, attempt, _Begun[Piece].aclose), counts)
    try:
        await pieces.begin()
        yield pieces
    finally:
        await pieces.aclose()
