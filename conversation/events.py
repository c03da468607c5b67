"""What an embedder can watch: sessions as they come, hear, and go.

A watcher is a plain function that is given each event as it happens. It must not block; one that
raises is logged and harms nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(SessionEvent):
    dialect: str
    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected(SessionEvent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioHeard(SessionEvent):
    """Audio came: PCM16 mono at 16 kHz, whatever the client sends."""

    pcm16: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TextHeard(SessionEvent):
    """The person said this, or typed it."""

    text: str
    typed: bool
    language: str = ""
    """Its code; empty where nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BargedIn(SessionEvent):
    """The person interrupted; `heard` is what they had heard of the reply. It ends here, unless a
    Resumed follows."""

    turn: int
    heard: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(SessionEvent):
    """Nobody said anything after all: the reply that was interrupted goes on."""

    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack(SessionEvent):
    """The person was not done: the reply that was interrupted never was, and what they said is
    answered together with what they say now."""

    turn: int


Watcher: TypeAlias = Callable[[SessionEvent], None]
