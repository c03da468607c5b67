"""Who comes while the server stops is answered at once: `/ready` says 503, upgrades and requests
for work are refused with it, and what the server says of itself can still be read.

Its child stands before the connections, so it ends after the last of them. These requests are no
supervised children, since nothing is: they are few, short, and go with this.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import trio

from .accepting import accept_for_ever
from .http.front import Front
from .http.wire import drop

MAX_LATE = 64
"""Requests at once; who comes beyond that is hung up on."""


Accept: TypeAlias = Callable[
    [trio.SocketListener, Callable[[trio.SocketStream], object]], Awaitable[object]
]
"""Gives each connection of a listener to somebody."""


class LateCallers:
    """Serves nothing until `begin`, which is called when nobody else accepts any more."""

    def __init__(
        self, front: Front, on_dropped: Callable[[], None], accept: Accept = accept_for_ever
    ) -> None:
        """`on_dropped` is told of each that is hung up on."""
        self._accept = accept
        self._front = front
        self._on_dropped = on_dropped
        self._begun = trio.Event()
        self._open = 0

    def begin(self) -> None:
        self._begun.set()

    async def run(self, listeners: Sequence[trio.SocketListener]) -> None:
        await self._begun.wait()
        async with trio.open_nursery() as nursery:

            def take(stream: trio.SocketStream) -> None:
                nursery.start_soon(self._answer, stream)

            for listener in listeners:
                nursery.start_soon(self._accept, listener, take)

    async def _answer(self, stream: trio.SocketStream) -> None:
        self._open += 1
        try:
            if self._open <= MAX_LATE:
                await self._front.handle(stream)  # which closes it
            else:
                self._on_dropped()
                await drop(stream)
        finally:
            self._open -= 1
