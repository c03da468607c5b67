"""How many requests are served at once, and whose turn it is to use engines.

One per server: every route that uses engines shares it, so that no mixture of requests takes more
of the machine than one kind of them may.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio

from ...engines.lanes.giving_way import giving_way
from .head import BadRequest

REQUESTS_MAX = 16
"""Requests at once, those included that are still sending: 160 MiB of bodies at the very most."""

RECORDINGS_MAX = 12
"""Of these, requests that send a recording: they take longest, and others find a place beside them.
"""

AT_ONCE = 4
"""Requests that use engines at once; the others wait their turn, so that sessions get theirs."""

RECORDINGS_AT_ONCE = 2
"""Of these, pieces of recordings that are read or heard: while one is heard the next is read, and
who wants a sentence spoken never waits behind all of them."""

RETRY_AFTER_S = 5
"""What a refused client is asked to wait: a request takes seconds."""


class Places:
    def __init__(self) -> None:
        self._taken = 0
        self._recordings_taken = 0
        self._turns = trio.Semaphore(AT_ONCE)
        self._recordings = trio.Semaphore(RECORDINGS_AT_ONCE)
        self.whole_recordings = trio.Semaphore(RECORDINGS_AT_ONCE)
        """Held for a recording whose words are told all at once, from its first piece to its last:
        of many, the first are answered soon, where all would be late if they took turns."""

    @property
    def full(self) -> bool:
        return self._taken >= REQUESTS_MAX

    @contextmanager
    def taken(self, *, status: int = 503, recording: bool = False) -> Iterator[None]:
        """A place for one request, which may send a recording. Raises BadRequest with `status`
        where there is none."""
        if self.full or (recording and self._recordings_taken >= RECORDINGS_MAX):
            told = (("Retry-After", str(RETRY_AFTER_S)),)
            raise BadRequest(status, "too many requests at once; try again later", told)
        self._taken += 1
        self._recordings_taken += recording
        try:
            yield
        finally:
            self._taken -= 1
            self._recordings_taken -= recording

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Held while engines work for a request, which give way to conversations meanwhile. What
        takes minutes takes its turn piece by piece."""
        async with self._turns:
            with giving_way():
                yield

    @asynccontextmanager
    async def recording_turn(self) -> AsyncIterator[None]:
        """The same, for a piece of a recording."""
        async with self._recordings:
            with giving_way():
                yield
