"""The harness: a whole session in memory, with scripted engines, for tests and embeddings.

It is the session of the server, on the same actors and the same supervisor; only the three seams
are replaced: the transport, the engines and, under `autojump_clock`, the clock.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from .actors.messages import BYTES_PER_MS
from .config import Settings
from .engines.kit import Engines
from .protocol.dialect import Dialect
from .protocol.prompt_voice import DIALECT as PROMPT_VOICE
from .session import Session
from .telemetry import Telemetry
from .transport import MemoryTransport, PeerGone, memory_pair
from .watching import Watcher

LOUD = (8000).to_bytes(2, "little", signed=True)
"""A sample that a scripted detector takes for speech."""


def speech(ms: int) -> bytes:
    """PCM16 at 16 kHz that a scripted detector hears as speech."""
    return LOUD * (ms * BYTES_PER_MS // 2)


def silence(ms: int) -> bytes:
    """PCM16 at 16 kHz without any sound."""
    return bytes(ms * BYTES_PER_MS)


@dataclass(slots=True)
class MemoryClient:
    """The peer of a session in memory. `start` and `hear` speak dialect A, `say` any.

    `received` holds every message that came, as (seconds of Trio's clock, message); a binary frame
    is a message of the type `binary`.
    """

    transport: MemoryTransport
    received: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    closed: PeerGone | None = None
    _news: trio.Event = field(default_factory=trio.Event)

    async def start(self, **fields: Any) -> None:
        await self.say(type="start", **({"sample_rate": 16000} | fields))

    async def say(self, **message: Any) -> None:
        await self.transport.send(json.dumps(message))

    async def hear(self, pcm16: bytes, *, chunk_ms: int = 100, speed: float = 1.0) -> None:
        """Send audio as a microphone does: a chunk when it has been spoken."""
        step = chunk_ms * BYTES_PER_MS
        for start in range(0, len(pcm16), step):
            chunk = pcm16[start : start + step]
            await trio.sleep(len(chunk) / BYTES_PER_MS / 1000 / speed)
            await self.transport.send(chunk)

    async def read(self) -> None:
        """Read until the session closes; run it as a task."""
        while self.closed is None:
            await self.read_one()

    async def read_one(self) -> None:
        """Read one message, or learn that the session has closed."""
        try:
            frame = await self.transport.receive()
            message = (
                {"type": "binary", "pcm16": frame}
                if isinstance(frame, bytes)
                else json.loads(frame)
            )
            self.received.append((trio.current_time(), message))
        except PeerGone as gone:
            self.closed = gone
        self._news.set()
        self._news = trio.Event()

    async def wait_for(
        self, kind: str, *, count: int = 1, where: Callable[[dict[str, Any]], bool] | None = None
    ) -> dict[str, Any]:
        """The `count`-th message of type `kind` (for which `where` holds). Raises PeerGone when
        the session closes before it came."""
        while True:
            found = [m for m in self.of(kind) if where is None or where(m)]
            if len(found) >= count:
                return found[count - 1]
            if self.closed is not None:
                raise self.closed
            await self._news.wait()

    async def wait_closed(self) -> PeerGone:
        while self.closed is None:
            await self._news.wait()
        return self.closed

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """The messages of these types, in order."""
        return [message for _, message in self.received if message["type"] in kinds]

    def when(self, kind: str, *, count: int = 1) -> float:
        """When the `count`-th message of type `kind` came."""
        return [at for at, message in self.received if message["type"] == kind][count - 1]

    @property
    def kinds(self) -> list[str]:
        """The types of all messages, in order."""
        return [message["type"] for _, message in self.received]


def _message(frame: str | bytes) -> dict[str, Any]:
    if isinstance(frame, bytes):
        return {"type": "binary", "pcm16": frame}
    message: dict[str, Any] = json.loads(frame)
    return message


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
) -> AsyncIterator[tuple[Session, MemoryClient]]:
    """A running session and its client. Leaving the block hangs up and waits for its end.

    `capacity` is how many frames the way holds in each direction; with `reading=False` the client
    reads only when it is told to (`client.read`).
    """
    server_end, client_end = memory_pair(capacity)
    session = Session(
        transport=server_end,
        dialect=dialect,
        engines=engines,
        settings=settings or Settings.defaults(),
        telemetry=telemetry or Telemetry(),
        session_id="test",
        watchers=watchers,
    )
    client = MemoryClient(client_end)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        if reading:
            nursery.start_soon(client.read)
        yield session, client
        await client_end.close()
