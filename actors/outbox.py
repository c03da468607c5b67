"""The way to the peer: one bounded channel, and the rule for partials when it fills.

Partials are the only thing that may be left out: the next one says more. Finals, errors, tokens
and audio wait for room. Source: requirements of dialect A, 3 "WebSocket backpressure", and 6
"a slow client still receives at least every 3rd partial".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import trio

from ..protocol.events import Info, Outbound, Partial
from ..telemetry import Telemetry
from ..turnstile import turn


class Offer(Enum):
    SEND = "send"
    SKIP = "skip"


@dataclass(slots=True)
class PartialThinner:
    """Every partial while the outbox is short; every n-th while it is longer than the threshold.

    It leaves the thinned state only at half the threshold, so that a depth that wavers around
    it does not make the client hear of it again and again.
    """

    threshold: int
    every: int
    thinned: bool = False
    _skipped: int = 0

    def offer(self, depth: int) -> tuple[Offer, str | None]:
        """What to do with a partial while `depth` messages wait, and what to tell the client."""
        told: str | None = None
        if not self.thinned and depth > self.threshold:
            self.thinned = True
            self._skipped = 0
            told = (
                f"backpressure: {depth} messages wait for this client; "
                f"only every {self.every}. partial transcript is sent"
            )
        elif self.thinned and depth <= self.threshold // 2:
            self.thinned = False
            told = "backpressure is over: every partial transcript is sent again"
        if not self.thinned:
            return Offer.SEND, told
        self._skipped += 1
        if self._skipped < self.every:
            return Offer.SKIP, told
        self._skipped = 0
        return Offer.SEND, told


class Outbox:
    """What actors send through. The channel's other end is the Sender's."""

    def __init__(
        self,
        channel: trio.MemorySendChannel[Outbound],
        thinner: PartialThinner,
        telemetry: Telemetry,
    ) -> None:
        self._channel = channel
        self._thinner = thinner
        self._telemetry = telemetry

    @property
    def depth(self) -> int:
        """How many messages wait for the peer."""
        return self._channel.statistics().current_buffer_used

    async def send(self, event: Outbound) -> None:
        """Waits while the outbox is full, and for its turn: it has many senders."""
        await turn()
        await self._channel.send(event)

    async def offer_partial(self, partial: Partial) -> None:
        await turn()
        offer, told = self._thinner.offer(self.depth)
        if told is not None:
            self._telemetry.count("backpressure_changes")
            await self._channel.send(Info(message=told))
        if offer is Offer.SEND:
            await self._channel.send(partial)
        else:
            self._telemetry.dropped("partial")
