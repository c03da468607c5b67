"""What a recording tells, on one time axis: plain values that a page and a text are made of.

All times are seconds since the session began. What was not recorded is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Span:
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """What was understood by `at_s`; the first `stable_chars` will not change any more."""

    at_s: float
    text: str
    stable_chars: int = 0
    audio_ms: int | None = None
    """The session's audio that it covers, where the dialect tells it."""


class Fate(Enum):
    """What became of an utterance."""

    FINAL = "final"
    TYPED = "typed"
    DROPPED = "dropped"
    """It was no speech after all, or nobody wanted it any more."""
    FAILED = "failed"
    OPEN = "open"
    """The recording ends in it."""


@dataclass(slots=True, kw_only=True)
class Utterance:
    """What the caller said: `start_s` and `end_s` are its first and last voiced frame."""

    start_s: float
    end_s: float
    partials: list[Partial] = field(default_factory=list)
    text: str = ""
    final_s: float | None = None
    fate: Fate = Fate.OPEN


@dataclass(frozen=True, slots=True)
class Token:
    at_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A piece of a reply that was synthesized. Where nothing of it was played, `start_s` and
    `end_s` say where it would have been, and `heard` is empty."""

    text: str
    ready_s: float
    """When its audio was there."""
    start_s: float
    end_s: float
    heard: str
    heard_until_s: float
    """Where its sound ended at the client; `start_s` where there was none."""


class Outcome(Enum):
    """How a turn ended."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNFINISHED = "unfinished"
    """The recording, or the connection, ended first."""


@dataclass(slots=True, kw_only=True)
class Turn:
    number: int
    asked: str
    """The caller's words that it answers."""
    asked_s: float
    """When they were final."""
    speech_end_s: float | None
    """When the caller fell silent; None where the words were typed."""
    tokens: list[Token] = field(default_factory=list)
    phrases: list[Phrase] = field(default_factory=list)
    first_token_s: float | None = None
    first_audio_s: float | None = None
    end_s: float = 0.0
    outcome: Outcome = Outcome.UNFINISHED
    cut_s: float | None = None
    """When it was interrupted or cancelled."""
    latencies_ms: dict[str, float] = field(default_factory=dict)
    """By what they measure, in words."""

    @property
    def text(self) -> str:
        return "".join(token.text for token in self.tokens).strip()

    @property
    def heard(self) -> str:
        return " ".join(phrase.heard for phrase in self.phrases if phrase.heard)


class Kind(Enum):
    """Of a mark."""

    INTERRUPTION = "interruption"
    ERROR = "error"
    RESTART = "restart"
    DEADLINE = "deadline"
    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened in one moment."""

    at_s: float
    kind: Kind
    text: str


@dataclass(slots=True, kw_only=True)
class Timeline:
    title: str
    facts: Mapping[str, str]
    """What the header says, in words."""
    notes: list[str]
    """What a reader must know: what is missing, what was cut."""
    duration_s: float
    opened_ms: int
    caller: Samples
    parley: Samples
    """What the client played."""
    lost: Samples
    """What it would have played, had nobody cut it."""
    has_audio: bool
    """Whether the tracks hold anything."""
    heard_known: bool
    """Whether it is known what was heard of replies."""
    words_known: bool
    """False where words were not recorded: then texts are empty."""
    voiced: list[Span]
    """Where the detector heard speech."""
    utterances: list[Utterance]
    turns: list[Turn]
    holds: list[Span]
    """Where a reply was held back because a sound was heard."""
    marks: list[Mark]

    def count(self, kind: Kind) -> int:
        return sum(mark.kind is kind for mark in self.marks)
