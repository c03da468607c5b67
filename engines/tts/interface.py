"""A synthesizer speaks one phrase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """PCM16 little-endian mono at `rate_hz`. Empty where there was nothing to say."""

    pcm16: bytes
    rate_hz: int

    @property
    def duration_s(self) -> float:
        return len(self.pcm16) / 2 / self.rate_hz


class Synthesizer(Protocol):
    """Shared by all sessions."""

    async def speak(self, text: str) -> Speech:
        """Speak `text`. Raises EngineFailure. The deadline is the caller's."""
        ...
