"""The harness: a whole session in memory, with scripted engines, for tests and embeddings.

It is the session of the server, on the same actors and the same supervisor; only the three seams
are replaced: the transport, the engines and, under `autojump_clock`, the clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from ..audio.pcm import BYTES_PER_MS
from ..client.in_memory import InMemoryClient
from ..config import Settings
from ..conversation.events import Watcher
from ..engines.agent.interface import Conductor
from ..engines.kit import Engines, checked_transcriber, fitted_detector
from ..nurseries import plain_nursery
from ..protocol.dialect import Dialect
from ..protocol.prompt_voice import DIALECT as PROMPT_VOICE
from ..session.life import Session
from ..session.trace import SessionTrace
from ..telemetry import Telemetry
from ..transport import memory_pair

LOUD = (8000).to_bytes(2, "little", signed=True)
"""A sample that a scripted detector takes for speech."""


def speech(ms: int) -> bytes:
    """PCM16 at 16 kHz that a scripted detector hears as speech."""
    return LOUD * (ms * BYTES_PER_MS // 2)


def silence(ms: int) -> bytes:
    """PCM16 at 16 kHz without any sound."""
    return bytes(ms * BYTES_PER_MS)


@asynccontextmanager
async def open_session(
    engines: Engines,
    *,
    settings: Settings | None = None,
    dialect: Dialect = PROMPT_VOICE,
    telemetry: Telemetry | None = None,
    capacity: int = 1000,
    reading: bool = True,
    watchers: Sequence[Watcher] = (),
    conductor: Conductor | None = None,
    trace: SessionTrace | None = None,
) -> AsyncIterator[tuple[Session, InMemoryClient]]:
    """A running session and its client. Leaving the block hangs up and waits for its end.

    `capacity` is how many frames the way holds in each direction; with `reading=False` the client
    reads only when it is told to (`client.read`). `conductor` is an agent at work, `trace` follows
    the turns. What the block raises comes out as it is, and ends the session at once. Raises
    ValueError for engines that are none.
    """
    if not isinstance(engines, Engines):
        raise ValueError(f"engines are an Engines(...), not {engines!r}")
    engines = replace(
        engines,
        detector=fitted_detector(engines.detector),
        transcriber=checked_transcriber(engines.transcriber),
    )
    server_end, client_end = memory_pair(capacity)
    session = Session(
        transport=server_end,
        dialect=dialect,
        engines=engines,
        settings=settings or Settings.defaults(),
        telemetry=telemetry or Telemetry(),
        session_id="test",
        watchers=watchers,
        conductor=conductor,
        trace=trace,
    )
    client = InMemoryClient(client_end, dialect)
    async with plain_nursery() as nursery:
        nursery.start_soon(session.run)
        if reading:
            nursery.start_soon(client.read)
        yield session, client
        await client_end.close()
