"""How a conversation's client end says things, and what it understands: one class per protocol.

`End` is the seam of `conversation`. Whatever the protocol, what the server says becomes the typed
messages of `incoming`. `PromptVoiceEnd` is dialect A; `realtime.RealtimeEnd` is dialect D.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from .incoming import Incoming, parse


class End(Protocol):
    """One per conversation: it may keep state."""

    path: str
    """Where a server serves this protocol."""
    rate_hz: int
    """Of the audio that `audio` takes, where nothing else was agreed."""

    def opening(self, rate_hz: int) -> Sequence[str]:
        """What is said before the first audio, which has this rate."""
        ...

    def audio(self, pcm16: bytes) -> str | bytes: ...

    def closing(self) -> Sequence[str]:
        """What is said at the end."""
        ...

    def read(self, frame: str | bytes) -> Sequence[Incoming]:
        """What a frame says; nothing where it is of no interest. Raises Unreadable."""
        ...


class PromptVoiceEnd:
    """Dialect A."""

    path = "/ws"
    rate_hz = 16_000

    def opening(self, rate_hz: int) -> Sequence[str]:
        start = {"type": "start", "sample_rate": rate_hz, "audio_clock": True}
        return (msgspec.json.encode(start).decode(),)

    def audio(self, pcm16: bytes) -> bytes:
        return pcm16

    def closing(self) -> Sequence[str]:
        return ('{"type":"stop"}',)

    def read(self, frame: str | bytes) -> Sequence[Incoming]:
        return (parse(frame),)
