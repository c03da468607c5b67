"""Whether a ticket was used on any server, asked of the store.

Whoever makes a ticket puts its name into the store, for as long as it is good; whoever takes it
takes the name out. So of two who bring one ticket one is let in, wherever they come, and what time
servers think it is does not matter.

Where the store does not answer, a ticket is good once on each server, by that server's own clock.
To refuse would keep out everybody who comes with one, for as long as the store is away; to let in
gives somebody who has stolen a ticket, within its minute, at most a conversation for each server.
"""

from __future__ import annotations

from ...cluster.cluster import Cluster
from ...cluster.store import StoreUnavailable
from ...telemetry import Telemetry
from .tickets import Once, Said, new_once

TICKET = "parley:ticket:"


class OnceOverall:
    """One per server."""

    def __init__(self, cluster: Cluster | None, telemetry: Telemetry) -> None:
        self._store = cluster.store if cluster is not None and cluster.shares else None
        self._telemetry = telemetry

    @property
    def asks(self) -> bool:
        return self._store is not None

    async def make(self, for_s: float) -> tuple[str, bool]:
        """The name of a new ticket, and whether the store knows it."""
        once = new_once()
        if self._store is None:
            return once, False
        try:
            await self._store.put(TICKET + once, b"1", ttl_s=for_s)
        except StoreUnavailable:
            self._telemetry.dropped("ticket_not_kept")
            return once, False
        return once, True

    async def take(self, said: Said) -> Once:
        """Use a ticket up. It was signed by one of us."""
        if self._store is None or not said.kept:
            return Once.UNKNOWN
        try:
            there = await self._store.take(TICKET + said.once)
        except StoreUnavailable:
            self._telemetry.dropped("ticket_not_asked")
            return Once.UNKNOWN
        return Once.FIRST if there is not None else Once.OVER
