"""A transcriber turns one utterance after another into text, while it is being spoken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..failures import EngineFailure


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
    language: str | None = None
    """A code, "de"; None where the engine does not say, or heard no words."""
    doubts: Mapping[str, int] = field(default_factory=dict)
    """What the engine did not believe of its own results, and how often, by the reason's name."""

    @property
    def rtf(self) -> float:
        return self.decode_ms / self.audio_ms if self.audio_ms else 0.0


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the first `audio_bytes` of the utterance seem to say."""

    text: str
    audio_bytes: int


class Transcriber(Protocol):
    """One per session; one utterance at a time: begin, feed..., then finish or abandon. `conclude`
    may come between.

    Two kinds of engines satisfy it. One decodes as it is fed and knows its hypothesis at any time;
    its `feed` gives it. The other only keeps the audio and decodes when it is asked; its `feed`
    gives None and does not wait for anything, and `hypothesis` is where it works.

    Every call may raise EngineFailure. After a failure the utterance is lost inside the engine;
    its owner calls `begin` again and feeds it from the start.
    """

    async def begin(self) -> None:
        """Open an utterance. An utterance left open by a failure is abandoned first."""
        ...

    async def feed(self, pcm16: bytes) -> str | None:
        """Take the next audio, all of it. Gives the hypothesis for all of it so far, or None where
        the engine decodes only when it is asked.

        Cancelled only where the whole utterance is given up: nobody could say whether a call that
        was cut has taken its audio."""
        ...

    async def hypothesis(self) -> Hypothesis | None:
        """Decode what was fed so far; None where it is too early for that, or nothing came of it.

        Asked only after a `feed` that gave None. It may be cancelled and nothing is lost; `feed`
        may be called meanwhile.
        """
        ...

    async def conclude(self) -> Transcript:
        """What `finish` would give now, and the utterance stays open: speech may go on.

        A `finish` before any further `feed` gives the same at once. It may be cancelled and nothing
        is lost.
        """
        ...

    async def finish(self) -> Transcript:
        """Close the utterance and give its final text (empty where nothing was said)."""
        ...

    async def abandon(self) -> None:
        """Close the utterance without a result. Harmless when none is open. Never raises
        EngineFailure."""
        ...


class LanguageUnknown(EngineFailure):
    """The recognizer does not know the language that somebody asked for."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message, retryable=retryable)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedWord:
    """A word, and when it sounds, counted from the first sample of the audio."""

    word: str
    start_s: float
    end_s: float


@runtime_checkable
class HearsFiles(Transcriber, Protocol):
    """One that can be told that it hears a recording. Optional: others hear it like a person."""

    def for_file(self, language: str | None) -> Transcriber:
        """A transcriber for one recording, whose decodes let those of conversations go first.
        `language` is a code, "" to find out, None for what is set. Raises LanguageUnknown."""
        ...


@runtime_checkable
class TimesWords(Transcriber, Protocol):
    """One that can say when each word sounds. Optional."""

    async def word_times(self, pcm16: bytes, text: str, language: str) -> Sequence[TimedWord]:
        """The words of `text`, which is what was heard in `pcm16`. Raises EngineFailure."""
        ...


@runtime_checkable
class Translates(Transcriber, Protocol):
    """One that can write down in English what is said in another language. Optional."""

    async def translated(self, pcm16: bytes) -> Transcript:
        """What is said in `pcm16`, in English. `language` is the one that is spoken. Raises
        EngineFailure."""
        ...
