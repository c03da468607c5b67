"""A simulated carrier's end of a real WebSocket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from ...client.wire import Wire, WireClosed, open_wire
from ...protocol.close_codes import NORMAL
from ...protocol.dialect import Frame
from ...transport import PeerGone


class CarrierSocket:
    """A `Transport` over a client's connection."""

    peer = "carrier"
    subprotocol: str | None = None

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def receive(self) -> Frame:
        try:
            return await self._wire.receive()
        except WireClosed as closed:
            raise PeerGone(closed.code, closed.reason) from None

    async def send(self, frame: Frame) -> None:
        try:
            await self._wire.send(frame)
        except WireClosed as closed:
            raise PeerGone(closed.code, closed.reason) from None

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Nothing: it is closed with the block."""
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        pass


@asynccontextmanager
async def carrier_socket(url: str) -> AsyncIterator[CarrierSocket]:
    """Raises Unreachable."""
    async with open_wire(url) as wire:
        yield CarrierSocket(wire)
