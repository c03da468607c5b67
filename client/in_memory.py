"""A client without a socket: the peer of a session in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import trio

from ..audio.pcm import BYTES_PER_MS
from ..transport import MemoryTransport, PeerGone


@dataclass(slots=True)
class InMemoryClient:
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
