"""A caller in each dialect, with a whole session behind it in memory, under virtual time."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from parley.bench.caller import Caller, Line
from parley.bench.instant import (
    InstantDetector,
    InstantResponder,
    InstantSynthesizer,
    InstantTranscriber,
)
from parley.bench.lines import frame_of_partial, numbered_line
from parley.bench.tongues import TONGUES
from parley.client.wire import Unreachable, Wire, WireClosed
from parley.config import Settings
from parley.engines.kit import Engines
from parley.engines.tts.interface import Speech
from parley.protocol.dialects import DIALECTS
from parley.session.life import Session
from parley.telemetry import Telemetry
from parley.transport import PeerGone, Transport, memory_pair

LEADS_S = {
    d.profile.name: (d.profile.reply_lead_ms or Settings.defaults().stream_reply_lead_ms) / 1000
    for d in DIALECTS
}


class SlowSynthesizer(InstantSynthesizer):
    """Its second phrase comes when the first one has long been played."""

    def __init__(self) -> None:
        self.calls = 0

    async def speak(self, text: str) -> Speech:
        self.calls += 1
        if self.calls == 2:
            await trio.sleep(5)
        return await super().speak(text)


class Memory:
    """The client's end of a connection in memory, as a Wire."""

    def __init__(self, transport: Transport) -> None:
        self.send = transport.send
        self._transport = transport

    async def receive(self) -> str | bytes:
        try:
            return await self._transport.receive()
        except PeerGone as gone:
            raise WireClosed(gone.code, gone.reason) from None


def caller_in(
    dialect: str, line: Line, synthesizer: InstantSynthesizer | None = None, end_after_s: float = 0
) -> Caller:
    engines = Engines(
        detector=lambda session: InstantDetector(),
        transcriber=InstantTranscriber,
        responder=InstantResponder(),
        synthesizer=synthesizer or InstantSynthesizer(),
    )

    @asynccontextmanager
    async def connect() -> AsyncIterator[Wire]:
        server_end, client_end = memory_pair(64)
        session = Session(
            transport=server_end,
            dialect=next(d for d in DIALECTS if d.profile.name == dialect),
            engines=engines,
            settings=Settings.defaults(stream_partial_min_gap_ms=20),
            telemetry=Telemetry(),
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.run)
            if end_after_s:
                nursery.start_soon(_abort_after, client_end, end_after_s)
            yield Memory(client_end)
            nursery.cancel_scope.cancel()

    return Caller(
        connect=connect,
        tongue=TONGUES[dialect](),
        frame_ms=100,
        lead_s=LEADS_S[dialect],
        next_line=lambda: line,
        rng=random.Random(1),
        frame_of_partial=frame_of_partial,
        counting=True,
    )


async def _abort_after(end: Transport, seconds: float) -> None:
    await trio.sleep(seconds)
    end.abort()


def line_for(dialect: str) -> Line:
    return numbered_line(5, 20, rate_hz=TONGUES[dialect].rate_hz, frame_ms=100)


@pytest.mark.parametrize("dialect", TONGUES)
async def test_it_holds_conversations_and_finds_nothing_late(
    dialect: str, autojump_clock: trio.testing.MockClock
) -> None:
    caller = caller_in(dialect, line_for(dialect))
    with trio.move_on_after(40):
        await caller.run()
    notes = caller.notes
    assert notes.complete >= 4
    assert notes.lines - notes.complete <= 1
    assert not (notes.wrong or notes.failures or notes.gaps_s)
    if dialect == "realtime":
        assert notes.frame_lag_s == [], "it tells no partials in a conversation"
    else:
        assert len(notes.frame_lag_s) >= notes.complete * 15
    # The limit on partials is a timer of 20 ms; nothing else takes any time here.
    assert max(notes.frame_lag_s, default=0.0) < 0.2
    assert max(notes.audio_late_s) < 0.11
    assert all(0.69 <= final <= 0.95 for final in notes.final_s)
    assert len(notes.ready_s) == 1


async def test_a_silence_in_a_reply_is_a_gap(autojump_clock: trio.testing.MockClock) -> None:
    caller = caller_in("newspeech", line_for("newspeech"), SlowSynthesizer())
    with trio.move_on_after(14):
        await caller.run()
    assert caller.notes.complete == 1
    (gap,) = caller.notes.gaps_s
    assert 2.5 < gap < 4


async def test_words_that_were_not_said_are_wrong(autojump_clock: trio.testing.MockClock) -> None:
    line = line_for("prompt-voice")
    caller = caller_in("prompt-voice", Line(frames=line.frames, words="something else"))
    with trio.move_on_after(10):
        await caller.run()
    assert caller.notes.wrong[0] == "something else | caller 5 frames 19"


async def test_a_lost_connection_is_noted(autojump_clock: trio.testing.MockClock) -> None:
    caller = caller_in("prompt-voice", line_for("prompt-voice"), end_after_s=1.0)
    await caller.run()
    assert caller.notes.failures == ["closed with 1006: connection aborted"]


async def test_a_server_that_is_not_there_is_noted() -> None:
    caller = caller_in("prompt-voice", line_for("prompt-voice"))

    @asynccontextmanager
    async def refuse() -> AsyncIterator[Wire]:
        if caller.counting:
            raise Unreachable("nobody there")
        yield Memory(memory_pair(1)[1])

    caller.connect = refuse
    await caller.run()
    assert caller.notes.failures == ["nobody there"]
    assert caller.greeted.is_set()
