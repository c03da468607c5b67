"""Connections of which no request is there: how many there may be, and who has to go.

A connection whose head has not come costs a task and a descriptor, and so does one that is kept
open between two requests. Both are bounded in time; here they are bounded in number. Where there
are too many the oldest goes: a client's request is there in a moment, so whoever has waited longest
wants none. One address cannot push out the others: it loses its own first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from ...addresses import counted_as
from ...transport import PeerGone
from .wire import peer_host, reset_on_close

WAITING_MAX = 512
"""At once, of all addresses: as many as may be kept between requests, and half of the descriptors
that a process has where nobody has raised that."""
WAITING_MAX_PER_ADDRESS = 128
"""Of one address. Browsers have six, a proxy's pool has some dozens."""


@dataclass(eq=False, slots=True)
class _Place:
    address: str
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


def _uncounted() -> None:
    pass


class WaitingRoom:
    """One for all doors of a server."""

    def __init__(
        self,
        most: int = WAITING_MAX,
        most_each: int = WAITING_MAX_PER_ADDRESS,
        on_reset: Callable[[], None] = _uncounted,
    ) -> None:
        """`on_reset` is told of each connection that has to go."""
        self._on_reset = on_reset
        self._most = most
        self._most_each = most_each
        self._places: dict[str, dict[_Place, None]] = {}  # by address, the oldest first
        self.waiting = 0

    @contextmanager
    def place(self, stream: trio.abc.Stream) -> Iterator[None]:
        """While the connection waits for a request. Raises PeerGone where it has to go."""
        place = _Place(counted_as(peer_host(stream)))
        self._make_room(place.address)
        self._places.setdefault(place.address, {})[place] = None
        self.waiting += 1
        try:
            with place.scope:
                yield
        finally:
            self._leave(place)
        if place.scope.cancelled_caught:
            self._on_reset()
            reset_on_close(stream)
            raise PeerGone(reason="too many connections wait for a request")

    def _make_room(self, address: str) -> None:
        """The oldest goes: of this address, or of the one that has most."""
        if len(self._places.get(address, ())) < self._most_each:
            if self.waiting < self._most:
                return
            address = max(self._places, key=lambda one: len(self._places[one]))
        oldest = next(iter(self._places[address]))
        self._leave(oldest)
        oldest.scope.cancel()

    def _leave(self, place: _Place) -> None:
        places = self._places.get(place.address, {})
        if place in places:
            del places[place]
            self.waiting -= 1
            if not places:
                del self._places[place.address]
