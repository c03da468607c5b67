"""A client without a socket: the peer of a session in memory, in any dialect."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import trio

from ..audio.pcm import HEARING_RATE_HZ, check_pcm16
from ..audio.resampler import Resampler
from ..protocol.dialect import Dialect
from ..protocol.prompt_voice import DIALECT as PROMPT_VOICE
from ..transport import MemoryTransport, PeerGone
from .tongue import Tongue


@dataclass(slots=True)
class InMemoryClient:
    """The peer of a session in memory, or of one behind another transport.

    It speaks `dialect`: `start`, `speak`, `stop`, `interrupt` and `type_text` are said in that
    dialect's words, and a ValueError where it has none. `say` sends any JSON message, and
    `transport.send` any frame at all.

    `received` holds every message that came, as (seconds of Trio's clock, message); a binary frame
    is a message of the type `binary`.
    """

    transport: MemoryTransport
    dialect: Dialect = PROMPT_VOICE
    received: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    closed: PeerGone | None = None
    _news: trio.Event = field(default_factory=trio.Event)
    _tongue: Tongue = field(init=False)

    def __post_init__(self) -> None:
        self._tongue = Tongue(self.dialect.profile.name)

    async def start(self, **fields: Any) -> None:
        """Open the microphone; `fields` are added to the message (`audio_clock=True`, or in
        dialect A another `sample_rate`, at which `speak` then sends; in dialect D to its session,
        `instructions="…"`)."""
        await self.transport.send(self._tongue.start(fields))

    async def stop(self) -> None:
        """Close the microphone. Dialects C and D have no word for it."""
        await self.transport.send(self._tongue.stop())

    async def interrupt(self) -> None:
        """Cut the reply. In dialect A this is `cancel`, which also takes the turn out of the
        conversation's memory."""
        await self.transport.send(self._tongue.interrupt())

    async def type_text(self, text: str) -> None:
        """Type words, which are answered like speech. Dialects A and B have no word for it."""
        for frame in self._tongue.typed(text):
            await self.transport.send(frame)

    async def say(self, **message: Any) -> None:
        """Send a JSON message of your own."""
        await self.transport.send(json.dumps(message))

    async def speak(self, pcm16: bytes, *, chunk_ms: int = 100, speed: float = 1.0) -> None:
        """Send audio as a microphone does: a chunk when it has been spoken.

        PCM16 mono at 16 kHz; it is sent at the dialect's rate, in its frames. `speed` is in times
        real time. Raises ValueError for what is no PCM16.
        """
        check_pcm16(pcm16, HEARING_RATE_HZ)
        if not (chunk_ms >= 1 and speed > 0):
            raise ValueError(f"chunk_ms is 1 or more and speed over 0, not {chunk_ms} and {speed}")
        rate_hz = self._tongue.rate_hz
        if rate_hz != HEARING_RATE_HZ:
            resampler = Resampler(HEARING_RATE_HZ, rate_hz)
            pcm16 = resampler.push(pcm16) + resampler.flush()
        step = rate_hz * chunk_ms // 1000 * 2
        for start in range(0, len(pcm16), step):
            chunk = pcm16[start : start + step]
            await trio.sleep(len(chunk) / (rate_hz * 2 / 1000) / 1000 / speed)
            at_ms = round(trio.current_time() * 1000)
            await self.transport.send(self._tongue.audio(chunk, at_ms))

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

    async def changed(self) -> None:
        """Until the next message comes, or the session closes."""
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
