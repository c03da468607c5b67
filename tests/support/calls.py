"""A telephone call in memory: a session behind a line, and the simulated carrier before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from parley.config import Settings
from parley.conversation.caller import Caller
from parley.conversation.events import SessionEvent
from parley.engines.agent.interface import Conductor
from parley.engines.kit import Engines
from parley.nurseries import plain_nursery
from parley.protocol.call_start import CallStart
from parley.protocol.dialect import Dialect
from parley.protocol.telephone.dialects import TELEPHONE_DIALECTS
from parley.server.telephone.line import Line
from parley.session.life import Session
from parley.telemetry import Telemetry
from parley.testing.carrier import Call, Carrier, Network, Wire, wire_of
from parley.transport import memory_pair


@dataclass(slots=True)
class CallInMemory:
    session: Session
    carrier: Carrier
    start: CallStart
    events: list[SessionEvent]
    telemetry: Telemetry


def dialect_of(service: str) -> Dialect:
    return next(d for d in TELEPHONE_DIALECTS if d.profile.name == service)


@asynccontextmanager
async def calling(
    service: str,
    engines: Engines,
    *,
    call: Call | None = None,
    network: Network | None = None,
    settings: Settings | None = None,
    conductor: Conductor | None = None,
    caller: Caller | None = None,
    wire: Wire | None = None,
    choices: Mapping[str, str] | None = None,
) -> AsyncIterator[CallInMemory]:
    """A call of this service, to its end or the block's. `choices`: of the address."""
    dialect = dialect_of(service).with_choices(choices or {})
    server_end, client_end = memory_pair(10_000)
    carrier = Carrier(client_end, wire or wire_of(service, call), network or Network())
    events: list[SessionEvent] = []
    telemetry = Telemetry()
    async with plain_nursery() as nursery:
        nursery.start_soon(carrier.run)
        assert dialect.arrival is not None
        line = Line(server_end, dialect.arrival())
        start = await line.arrive()
        session = Session(
            transport=line,
            dialect=dialect.with_choices({**dialect.chosen, **start.choices}),
            engines=engines,
            settings=settings or Settings.defaults(),
            telemetry=telemetry,
            session_id="call",
            watchers=[events.append],
            conductor=conductor,
        )
        nursery.start_soon(session.run)
        yield CallInMemory(session, carrier, start, events, telemetry)
        carrier.hangs_up()
        await carrier.ended.wait()


def loud(ms: int, rate_hz: int = 8_000) -> bytes:
    """Speech for a scripted detector, at the line's rate."""
    return (8000).to_bytes(2, "little", signed=True) * (ms * rate_hz // 1000)


def hush(ms: int, rate_hz: int = 8_000) -> bytes:
    return bytes(ms * rate_hz // 1000 * 2)


__all__: Sequence[str] = ("CallInMemory", "calling", "dialect_of", "hush", "loud")
