"""How many requests are served at once, and whose turn it is to use engines.

One per server: every route that uses engines shares it, so that no mixture of requests takes more
of the machine than one kind of them may.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from .head import BadRequest

REQUESTS_MAX = 16
"""Requests at once, those included that are still sending: 160 MiB of bodies at the very most."""

AT_ONCE = 4
"""Requests that use engines at once; the others wait their turn, so that sessions get theirs."""

RETRY_AFTER_S = 5
"""What a refused client is asked to wait: a request takes seconds."""


class Places:
    def __init__(self) -> None:
        self._taken = 0
        self.turns = trio.Semaphore(AT_ONCE)
        """Held while engines work for a request. What takes minutes takes its turn piece by
        piece."""

    @property
    def full(self) -> bool:
        return self._taken >= REQUESTS_MAX

    @contextmanager
    def taken(self, *, status: int = 503) -> Iterator[None]:
        """A place for one request. Raises BadRequest with `status` where there is none."""
        if self.full:
            told = (("Retry-After", str(RETRY_AFTER_S)),)
            raise BadRequest(status, "too many requests at once; try again later", told)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
