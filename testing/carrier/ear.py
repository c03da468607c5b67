"""The far end of a line: what a carrier has to play, and what the person's ear got of it.

It plays a piece of 20 ms at each tick, in order: sound, or a mark that is reached when the sound
before it was played. Everything is counted in ticks of the carrier's own clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import groupby

TICK_MS = 20


@dataclass(frozen=True, slots=True)
class Heard:
    """A stretch of sound without a pause in it: from which tick on, and its PCM16."""

    tick: int
    pcm16: bytes


@dataclass(slots=True)
class Ear:
    """`buffer_ms` is how much the carrier keeps; what does not fit is lost. `whole_frames`: a rest
    that fills no piece of 20 ms is thrown away at the end of its message."""

    rate_hz: int = 8_000
    buffer_ms: float = 600_000.0
    whole_frames: bool = False
    paused: bool = False
    ticks: int = 0
    lost_ms: float = 0.0
    """Sound for which there was no room."""
    most_ms: float = 0.0
    """The most that ever waited."""
    heard: list[tuple[int, bytes]] = field(default_factory=list)
    """What was played, piece by piece, with its tick."""
    cleared: list[int] = field(default_factory=list)
    """The ticks before which the rest was thrown away."""
    _queue: deque[bytes | str] = field(default_factory=deque)

    @property
    def waiting_ms(self) -> float:
        samples = sum(len(item) // 2 for item in self._queue if isinstance(item, bytes))
        return samples * 1000 / self.rate_hz

    @property
    def playing(self) -> bool:
        return any(isinstance(item, bytes) for item in self._queue)

    @property
    def waiting_pieces(self) -> int:
        return sum(isinstance(item, bytes) for item in self._queue)

    def give(self, pcm16: bytes) -> None:
        """Sound to be played behind what waits."""
        if self.whole_frames:
            frame = self.rate_hz * TICK_MS // 1000 * 2
            pcm16 = pcm16[: len(pcm16) // frame * frame]
        if self.waiting_ms + len(pcm16) / 2 * 1000 / self.rate_hz > self.buffer_ms:
            self.lost_ms += len(pcm16) / 2 * 1000 / self.rate_hz
            return
        if pcm16:
            self._queue.append(pcm16)
        self.most_ms = max(self.most_ms, self.waiting_ms)

    def mark(self, name: str) -> list[str]:
        """A mark behind what waits. Gives it back where it is reached at once."""
        if not self._queue:
            return [name]
        self._queue.append(name)
        return []

    def clear(self) -> list[str]:
        """Throw away what waits. Gives the marks that were among it."""
        self.cleared.append(self.ticks)
        pending = [item for item in self._queue if isinstance(item, str)]
        self._queue.clear()
        return pending

    def tick(self) -> list[str]:
        """Play 20 ms. Gives the marks that were reached."""
        self.ticks += 1
        if self.paused:
            return []
        needed = self.rate_hz * TICK_MS // 1000 * 2
        piece, reached = b"", []
        while self._queue:
            item = self._queue[0]
            if isinstance(item, str):
                reached.append(item)
                self._queue.popleft()
                continue
            if len(piece) == needed:
                break
            take = needed - len(piece)
            piece += item[:take]
            if len(item) > take:
                self._queue[0] = item[take:]
            else:
                self._queue.popleft()
        if piece:
            self.heard.append((self.ticks - 1, piece))
        return reached

    def stretches(self) -> list[Heard]:
        """What was heard, put together where nothing was between."""
        found = []
        numbered = enumerate(self.heard)
        for _, group in groupby(numbered, key=lambda one: one[1][0] - one[0]):
            pieces = [piece for _, piece in group]
            found.append(Heard(pieces[0][0], b"".join(pcm16 for _, pcm16 in pieces)))
        return found

    def heard_between(self, first: int, last: int) -> bytes:
        """The sound of the ticks from the first one up to the last one, without it."""
        return b"".join(pcm16 for tick, pcm16 in self.heard if first <= tick < last)
