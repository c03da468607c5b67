"""A nursery for context managers: what its block raises comes out as it is.

Trio's own nursery puts every exception into a group. Whoever writes `async with open_server()` does
not see that there is a nursery inside, and expects the exception that was raised in the block.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def plain_nursery() -> AsyncIterator[trio.Nursery]:
    """A nursery whose tasks are cancelled when the block raises an Exception, which then leaves
    as it was raised. What a task raises still leaves in a group."""
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield nursery
        except Exception as error:
            failure = error
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
