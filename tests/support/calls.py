"""A telephone call in memory: a session behind a line, and the simulated carrier before it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import trio

from parley.agent import Agent
from parley.agents.registry import Agents
from parley.config import Settings
from parley.conversation.caller import Caller
from parley.conversation.events import SessionEvent
from parley.engines.kit import Engines
from parley.engines.tts.interface import Speech, WordTime
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

    def count(self, name: str) -> float:
        value = self.telemetry.registry.get_sample_value(f"parley_{name}_total")
        assert value is not None
        return value


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
    agent: Agent[Any] | None = None,
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
        settings = settings or Settings.defaults(ws_idle_timeout=0)
        conductor = None
        if agent is not None:
            agent.name = agent.name or "agent"
            agents = Agents((agent,), settings)
            settings = agents.settings_for(agent, settings)
            who = Caller(session_id="call", dialect=service, parameters=start.told)
            conductor = agents.running(agent, who, engines.responder)
        session = Session(
            transport=line,
            dialect=dialect.with_choices({**dialect.chosen, **start.choices}),
            engines=engines,
            settings=settings,
            telemetry=telemetry,
            session_id="call",
            watchers=[events.append],
            conductor=conductor,
        )
        nursery.start_soon(session.run)
        yield CallInMemory(session, carrier, start, events, telemetry)
        carrier.hangs_up()
        await carrier.ended.wait()


class Spoken:
    """A voice of which each word takes WORD_MS and has a level of its own, so that an ear can tell
    which words it got."""

    def __init__(self, rate_hz: int = 8_000) -> None:
        self.words: list[str] = []
        self._rate_hz = rate_hz

    async def speak(self, text: str) -> Speech:
        await trio.lowlevel.checkpoint()
        sound, times = b"", []
        for number, found in enumerate(re.finditer(r"\S+", text)):
            level = LEVELS[len(self.words) % len(LEVELS)]
            self.words.append(found[0])
            sound += level.to_bytes(2, "little", signed=True) * (self._rate_hz * WORD_MS // 1000)
            begin_s, end_s = number * WORD_MS / 1000, (number + 1) * WORD_MS / 1000
            times.append(
                WordTime(start=found.start(), end=found.end(), start_s=begin_s, end_s=end_s)
            )
        return Speech(pcm16=sound, rate_hz=self._rate_hz, words=tuple(times))

    def heard(self, pcm16: bytes) -> list[str]:
        """The words that are whole in what an ear got, which may begin and end within one."""
        samples = np.frombuffer(pcm16, dtype="<i2").astype(int)
        nearest = np.abs(samples[:, None] - np.array(LEVELS)).argmin(axis=1)
        words, begin, first = [], 0, 0
        for at in [*np.flatnonzero(np.diff(nearest)) + 1, len(nearest)]:
            whole = (at - begin) * 1000 / self._rate_hz >= WORD_MS - 1
            if whole:
                index = self._next_of(int(nearest[begin]), first)
                words.append(self.words[index])
                first = index + 1
            begin = at
        return words

    def _next_of(self, level: int, first: int) -> int:
        return next(i for i in range(first, len(self.words)) if i % len(LEVELS) == level)


WORD_MS = 300

LEVELS = tuple(sign * level for level in range(2_000, 30_000, 1_000) for sign in (1, -1))
"""Apart by more than what G.711 rounds them by."""


def loud(ms: int, rate_hz: int = 8_000) -> bytes:
    """Speech for a scripted detector, at the line's rate."""
    return (8000).to_bytes(2, "little", signed=True) * (ms * rate_hz // 1000)


def hush(ms: int, rate_hz: int = 8_000) -> bytes:
    return bytes(ms * rate_hz // 1000 * 2)


__all__: Sequence[str] = ("CallInMemory", "calling", "dialect_of", "hush", "loud")
