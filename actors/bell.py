"""A bell: whoever waits for it hears the next ring, and rings that nobody heard count as one."""

from __future__ import annotations

import trio


class Bell:
    """For one listener."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self) -> None:
        await self._rung.wait()
        self._rung = trio.Event()
