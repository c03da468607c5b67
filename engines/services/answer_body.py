"""The bodies of a service's answers: how much is read of them, and how their streams are closed."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:  # see openai_client.py
    import httpx2

MAX_ERROR_BYTES = 1 << 16
"""What is read of an error's body, which the SDK reads whole. The rest is left."""


async def unwind(chunks: AsyncIterator[bytes]) -> None:
    """Closes a byte stream by cancelling its next read.

    `chunks.aclose()` would leave one of the generators inside to the garbage collector: httpx2's
    transport closes none that it iterates over. A cancelled read unwinds them all, and never
    waits; hence the shield, which keeps the exception that brought us here.
    """
    from httpx2 import HTTPError

    with suppress(HTTPError), trio.CancelScope(shield=True) as scope:
        scope.cancel()
        async for _ in chunks:
            pass


async def guard_body(response: httpx2.Response) -> None:
    """A hook that runs before the body is read: of an error only the beginning is read, and no
    generator of the HTTP library is left to the garbage collector where the body cannot be
    decoded."""
    import httpx2

    stream = response.stream
    if isinstance(stream, httpx2.AsyncByteStream):
        limit = MAX_ERROR_BYTES if response.is_error else inf
        response.stream = _body_class()(stream, limit)


async def bound_body(response: httpx2.Response) -> None:
    """A hook as guard_body, for services whose answers are all small: of any only the beginning is
    read."""
    _bind(response, MAX_ERROR_BYTES)


def body_bound(limit_bytes: int) -> Callable[[httpx2.Response], Awaitable[None]]:
    """Such a hook for answers of up to so many bytes."""

    async def bound(response: httpx2.Response) -> None:
        _bind(response, limit_bytes)

    return bound


def _bind(response: httpx2.Response, limit_bytes: int) -> None:
    import httpx2

    stream = response.stream
    if isinstance(stream, httpx2.AsyncByteStream):
        response.stream = _body_class()(stream, limit_bytes)


@functools.cache
def _body_class() -> Callable[[httpx2.AsyncByteStream, float], httpx2.AsyncByteStream]:
    """Made at the first answer, since its base class is imported late."""
    import httpx2

    class Body(httpx2.AsyncByteStream):
        """An iterator, and no generator, over the first `limit` bytes or a little more."""

        def __init__(self, whole: httpx2.AsyncByteStream, limit: float) -> None:
            self._whole = whole
            self._limit = limit
            self._read = 0
            self._chunks: AsyncIterator[bytes] | None = None

        def __aiter__(self) -> AsyncIterator[bytes]:
            self._chunks = aiter(self._whole)
            return self

        async def __anext__(self) -> bytes:
            if self._chunks is None or self._read > self._limit:
                raise StopAsyncIteration
            chunk = await anext(self._chunks)
            self._read += len(chunk)
            return chunk

        async def aclose(self) -> None:
            if self._chunks is not None:
                await unwind(self._chunks)
            await self._whole.aclose()

    return Body
