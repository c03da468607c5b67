"""A deadline around an engine's call: what overruns it has failed, even if it raised nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import TypeVar

import structlog
import trio

from ..turnstile import fail_after, move_on_after
from .failures import EngineTimeout

T = TypeVar("T")

CLOSE_LIMIT_S = 2.0
"""What an engine may take to end a stream that nobody reads any more."""


@contextmanager
def engine_deadline(seconds: float, what: str, told: str | None = None) -> Iterator[None]:
    """Raises EngineTimeout, which names `what` or says `told`, where the block takes longer."""
    try:
        with fail_after(seconds, what):
            yield
    except trio.TooSlowError:
        raise EngineTimeout(told or f"{what} took longer than {seconds:g} s") from None


@asynccontextmanager
async def closing_in_time(stream: AbstractAsyncContextManager[T], what: str) -> AsyncIterator[T]:
    """The same stream, which is given up where it does not let itself be closed. Entering it is
    the caller's to limit."""
    value = await stream.__aenter__()
    try:
        yield value
    except BaseException as error:
        with move_on_after(CLOSE_LIMIT_S, f"closing {what}") as limit:
            if await stream.__aexit__(type(error), error, error.__traceback__):
                return
        _note(limit.cancelled_caught, what)
        raise
    with move_on_after(CLOSE_LIMIT_S, f"closing {what}") as limit:
        await stream.__aexit__(None, None, None)
    _note(limit.cancelled_caught, what)


def _note(overrun: bool, what: str) -> None:
    if overrun:
        structlog.get_logger().warning("engine_not_closed", engine=what, after_s=CLOSE_LIMIT_S)
