"""A synthesizer speaks one phrase, whole or piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ...conversation.word_times import WordTime

__all__ = [
    "ManyLanguages",
    "ManyVoices",
    "Paced",
    "Speech",
    "Streams",
    "Synthesizer",
    "WordTime",
    "spoken_in",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """PCM16 little-endian mono at `rate_hz`. Empty where there was nothing to say.

    `words` are those whose times the voice knows, in the order in which they sound; empty where it
    knows none, and the times are estimated.
    """

    pcm16: bytes
    rate_hz: int
    words: tuple[WordTime, ...] = ()

    @property
    def duration_s(self) -> float:
        return len(self.pcm16) / 2 / self.rate_hz


class Synthesizer(Protocol):
    """Shared by all sessions."""

    async def speak(self, text: str) -> Speech:
        """Speak `text`. Raises EngineFailure. The deadline is the caller's."""
        ...


@runtime_checkable
class Streams(Synthesizer, Protocol):
    """One that gives a phrase's audio while it is being made. Optional: others give it whole."""

    def stream(self, text: str) -> AbstractAsyncContextManager[AsyncIterator[Speech]]:
        """Speak `text`, as pieces whose audio follows each other, at one rate, none of them empty.
        The times of words count from the first sample of the first piece; a piece has those that
        became known with it. Leaving the context ends the work. Entering and iterating raise
        EngineFailure; deadlines are the caller's."""
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


@runtime_checkable
class Paced(Synthesizer, Protocol):
    """One that can speak slower or faster by itself. Optional: the sound of others is stretched."""

    @property
    def speeds(self) -> tuple[float, float]:
        """The slowest and the fastest that still sound well; 1 is as it is set."""
        ...

    def at_speed(self, speed: float) -> Synthesizer:
        """The same voice at another pace, for whoever wants it."""
        ...


@runtime_checkable
class ManyLanguages(Synthesizer, Protocol):
    """One that has voices for several languages. Optional: others speak everything with the one
    they have."""

    @property
    def languages(self) -> Sequence[str]:
        """Codes of those that it has a voice of; it may speak others, too."""
        ...

    def for_language(self, code: str) -> Synthesizer:
        """The voice that is best for a language, by its code; "" where nobody knows which.

        Never fails: where there is nothing better it gives the voice that speaks otherwise.
        """
        ...


def spoken_in(synthesizer: Synthesizer, code: str) -> Synthesizer:
    """The same synthesizer, or its voice for a language, where it has several."""
    return synthesizer.for_language(code) if isinstance(synthesizer, ManyLanguages) else synthesizer
