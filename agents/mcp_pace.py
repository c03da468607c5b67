"""How much and how fast is taken from an MCP server, and how often it is tried again.

A server is somebody else's program. One that writes without end must not keep the event loop from
the voices: what comes too fast is read slowly, so that the server waits. Owned by the connection.
"""

from __future__ import annotations

import math

import trio
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest

MAX_MESSAGE_BYTES = 4_000_000
"""Of one message: a large picture fits. A server that sends more is disconnected."""

BYTES_PER_S = 4e6
"""So much is taken from a server, and as much at once."""
MESSAGE_BYTES = 20_000
"""What a message counts at least: 200 small ones a second, and as many at once. A thousand a second
took 15 % of a core."""
REQUEST_BYTES = 100_000
"""What a server's own request counts. Only pings come, and each is answered by a task."""

FIRST_PAUSE_S = 0.25
MAX_PAUSE_S = 30.0
STEADY_S = 30.0
"""A connection that lasted so long was a good one: the next pause is the first again."""


class Lost(Exception):
    """There is no connection to the server, or no longer. The message says why."""


class Pace:
    """`per_s` may be spent a second, and as much at once where it was saved."""

    def __init__(self, per_s: float = BYTES_PER_S) -> None:
        self._per_s = per_s
        self._left = per_s
        self._at_s = trio.current_time()

    async def spend(self, amount: float) -> None:
        """Comes back when so much may be spent."""
        self._save()
        self._left -= amount
        if self._left < 0:
            await trio.sleep(-self._left / self._per_s)

    def affords(self, amount: float) -> bool:
        """Whether so much may be spent now; then it is."""
        self._save()
        if self._left < amount:
            return False
        self._left -= amount
        return True

    def _save(self) -> None:
        now_s = trio.current_time()
        self._left = min(self._per_s, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s


def cost_of(message: SessionMessage | Exception | None, size: int = 0) -> int:
    """What a message counts. `size` 0: it is not known."""
    asks = isinstance(message, SessionMessage) and isinstance(message.message, JSONRPCRequest)
    return max(size, REQUEST_BYTES if asks else MESSAGE_BYTES)


class Pauses:
    """How long to wait before a server is tried again: twice as long after each failure."""

    def __init__(self) -> None:
        self._failures = 0

    def after(self, lasted_s: float) -> float:
        """The pause after a connection that lasted so long; 0 s where there was none."""
        if lasted_s >= STEADY_S:
            self._failures = 0
        pause_s = min(FIRST_PAUSE_S * math.ldexp(1, min(self._failures, 16)), MAX_PAUSE_S)
        self._failures += 1
        return pause_s
