"""What the peers of telephone scenes do: a simulated carrier behind the scene's client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from ..client.in_memory import InMemoryClient
from ..protocol.close_codes import NORMAL
from ..protocol.dialect import Dialect, Frame
from ..protocol.telephone.dialects import TELEPHONE_DIALECTS
from ..protocol.telephone.sound import Sound
from ..session.life import Session
from ..transport import PeerGone
from .carrier import Call, Carrier, Network, wire_of

LOUD = (8000).to_bytes(2, "little", signed=True)

NETWORK = Network(delay_ms=30, jitter_ms=50, seed=7)


def line_of(service: str, coding: str = "ulaw") -> Dialect:
    """A service's dialect as the start of a call chooses it."""
    dialect = next(d for d in TELEPHONE_DIALECTS if d.profile.name == service)
    sound = Sound(coding, 8_000)  # type: ignore[arg-type]
    return dialect.with_choices({**sound.choices, "stream": Call().stream_id})


class _Through:
    """The carrier's end, over a client that reads by itself."""

    peer = "carrier"
    subprotocol: str | None = None

    def __init__(self, client: InMemoryClient) -> None:
        self._client = client
        self._read = 0

    async def receive(self) -> Frame:
        client = self._client
        while self._read >= len(client.received):
            if client.closed is not None:
                raise client.closed
            await client.changed()
        message = client.received[self._read][1]
        self._read += 1
        return json.dumps(message)

    async def send(self, frame: Frame) -> None:
        if self._client.closed is not None:
            raise PeerGone(NORMAL, "")
        await self._client.transport.send(frame)

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        pass


@asynccontextmanager
async def _carrier(client: InMemoryClient, service: str) -> AsyncIterator[Carrier]:
    async with trio.open_nursery() as nursery:
        carrier = Carrier(_Through(client), wire_of(service), NETWORK)
        nursery.start_soon(carrier.run)
        yield carrier
        nursery.cancel_scope.cancel()


def _loud(ms: int) -> bytes:
    return LOUD * (8 * ms)


async def calls_and_interrupts(client: InMemoryClient, session: Session) -> None:
    """Asks, coughs over the answer, talks over it, presses keys, and hangs up."""
    async with _carrier(client, "twilio") as carrier:
        carrier.says(_loud(700))
        await trio.sleep(2.3)
        carrier.says(_loud(60))
        await trio.sleep(1.3)
        carrier.says(_loud(800))
        await trio.sleep(3.0)
        carrier.presses("42#")
        await trio.sleep(2.0)
        carrier.hangs_up()
        await trio.sleep(0.5)


async def calls_on_a_silent_line(client: InMemoryClient, session: Session) -> None:
    """Asks, and hears the answer, at a service that forgets the marks of what it clears."""
    async with _carrier(client, "plivo") as carrier:
        await trio.sleep(0.3)
        carrier.says(_loud(700))
        await trio.sleep(2.2)
        carrier.says(_loud(700))
        await trio.sleep(4.0)
        carrier.hangs_up()
        await trio.sleep(0.5)
