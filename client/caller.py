"""A caller of dialect C whose microphone is always open, as measurements need one.

`Mouth` sends frames of 20 ms in real time, silence where it has nothing to say; `Ear` keeps what
comes, with its time. Both run until their wire closes (WireClosed) or they are cancelled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import trio

from .wire import Wire

RATE_HZ = 24_000
FRAME_MS = 20
FRAME_BYTES = RATE_HZ // 1000 * 2 * FRAME_MS
QUIET = bytes(FRAME_BYTES)


@dataclass(slots=True)
class Ear:
    """Everything that came, with the second of Trio's clock at which it came."""

    audio: list[tuple[float, bytes]] = field(default_factory=list)
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    async def listen(self, wire: Wire) -> None:
        while True:
            frame = await wire.receive()
            now_s = trio.current_time()
            if isinstance(frame, bytes):
                self.audio.append((now_s, frame))
            else:
                self.messages.append((now_s, json.loads(frame)))

    def since(self, moment_s: float, kind: str) -> list[float]:
        """When messages of this type came, from then on."""
        return [at for at, m in self.messages if at >= moment_s and m["type"] == kind]

    async def until_audio(self, count: int = 1) -> None:
        """Until so many frames of audio have come in all."""
        while len(self.audio) < count:  # noqa: ASYNC110 (an ear tells nobody)
            await trio.sleep(0.005)

    async def until(self, kind: str, *, since_s: float, patience_s: float) -> bool:
        """Wait for a message that came after `since_s`; whether it did."""
        with trio.move_on_after(patience_s):
            while not self.since(since_s, kind):  # noqa: ASYNC110
                await trio.sleep(0.005)
        return bool(self.since(since_s, kind))


@dataclass(slots=True)
class Mouth:
    """Says what it was told last, then silence."""

    _frames: list[bytes] = field(default_factory=list)
    _said: int = 0
    _onset_frame: int = 0
    onset_s: float = 0.0
    """When the frame with the onset of what was said last was sent."""

    def say(self, pcm16: bytes, *, onset_ms: int = 0) -> None:
        """From the next frame on: PCM16 at 24 kHz, in which the sound begins at `onset_ms`."""
        padded = pcm16 + bytes(-len(pcm16) % FRAME_BYTES)
        self._frames = [padded[at : at + FRAME_BYTES] for at in range(0, len(padded), FRAME_BYTES)]
        self._said = 0
        self._onset_frame = onset_ms // FRAME_MS

    async def talk(self, wire: Wire) -> None:
        next_s = trio.current_time()
        while True:
            next_s += FRAME_MS / 1000
            await trio.sleep_until(next_s)
            frame = QUIET
            if self._said < len(self._frames):
                frame = self._frames[self._said]
                if self._said == self._onset_frame:
                    self.onset_s = trio.current_time()
                self._said += 1
            await wire.send(frame)
