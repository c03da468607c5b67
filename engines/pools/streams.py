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

T = TypeVar("T")
Piece = TypeVar("Piece")


@dataclass(slots=True)
class _Begun(Generic[Piece]):
    stack: AsyncExitStack
    """Closing it ends the request."""
    first: Piece | None
    """None where the answer has no pieces."""
    rest: AsyncIterator[Piece]


class _Pieces(Generic[Piece]):
    """All of an answer. An iterator and no generator: nobody would close that."""

    def __init__(self, begun: _Begun[Piece], work: Work) -> None:
        self._first = begun.first
        self._rest = begun.rest
        self._work = work

    def __aiter__(self) -> _Pieces[Piece]:
        return self

    async def __anext__(self) -> Piece:
        if self._first is not None:
            piece, self._first = self._first, None
            return piece
        try:
            return await anext(self._rest)
        except EngineFailure as failure:
            if failure.retryable:  # a refusal here is about what was said, and not the place's
                self._work.failed(failure)
            raise


@asynccontextmanager
async def first_to_begin(
    pool: Pool[T],
    stream: Callable[[T], AbstractAsyncContextManager[AsyncIterator[Piece]]],
) -> AsyncIterator[AsyncIterator[Piece]]:
    """The pieces that `stream` gives, from one of the engines. Entering waits for the first piece.
    Both entering and iterating raise EngineFailure."""

    async def attempt(engine: T) -> _Begun[Piece]:
        async with AsyncExitStack() as stack:
            pieces = await stack.enter_async_context(stream(engine))
            first = await anext(pieces, None)
            return _Begun(stack.pop_all(), first, pieces)

    async def discard(begun: _Begun[Piece]) -> None:
        await begun.stack.aclose()

    begun, work = await pool.begin(attempt, discard)
    try:
        async with begun.stack:
            yield _Pieces(begun, work)
    finally:
        work.close()
