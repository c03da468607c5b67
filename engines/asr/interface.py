"""A transcriber turns one utterance after another into text, while it is being spoken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

RATE_HZ = 16_000
"""Every transcriber hears PCM16 little-endian mono at this rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The last word on an utterance.

    `decode_ms` is the time the engine spent on it in all, over `runs` calls, for `audio_ms` of
    audio; their quotient is the real-time factor.
    """

    text: str
    decode_ms: float
    audio_ms: float
    runs: int
    confidence: float = 0.0
    """How sure the engine is of its words, 0 to 1; 0 where it does not say."""

    @property
    def rtf(self) -> float:
        return self.decode_ms / self.audio_ms if self.audio_ms else 0.0


class Transcriber(Protocol):
    """One per session; one utterance at a time: begin, feed..., then finish or abandon.

    Every call may raise EngineFailure. After a failure the utterance is lost inside the engine;
    its owner calls `begin` again and feeds it from the start.
    """

    async def begin(self) -> None:
        """Open an utterance. An utterance left open by a failure is abandoned first."""
        ...

    async def feed(self, pcm16: bytes) -> str | None:
        """Take the next audio. Returns the hypothesis for all of it so far, or None where the
        engine did not decode this time (engines that decode whole buffers keep a cadence)."""
        ...

    async def finish(self) -> Transcript:
        """Close the utterance and give its final text (empty where nothing was said)."""
        ...

    async def abandon(self) -> None:
        """Close the utterance without a result. Harmless when none is open. Never raises
        EngineFailure."""
        ...
