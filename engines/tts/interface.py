"""A synthesizer speaks one phrase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


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


@runtime_checkable
class ManyVoices(Synthesizer, Protocol):
    """One that a session may ask for a voice of its own. Optional: others have one voice."""

    @property
    def voices(self) -> Sequence[str]:
        """Some, to suggest to a person; others may exist."""
        ...

    def with_voice(self, voice: str) -> Synthesizer:
        """The same engine, for whoever wants this voice; the others hear what they did before.

        Never fails: where there is no such voice, `speak` raises EngineUnavailable or what the
        engine has to say about it.
        """
        ...
