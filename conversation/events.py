"""What an embedder can watch, and what the conductor of a conversation is told: sessions as they
come, hear, call tools, and go.

A watcher is a plain function that is given each event as it happens. It must not block; one that
raises is logged and harms nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ..protocol.chat import ToolCall
from ..protocol.tool_calls import ToolResult


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyOver(SessionEvent):
    """A reply has ended: `heard` is what the person heard of `text`. `interrupted`: not all of it.
    What a conductor had said, or a timer, is a reply too."""

    turn: int
    text: str
    heard: str
    interrupted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SayOver(SessionEvent):
    """What the conductor wanted said under this number is over: `heard` of it. `dropped`: nothing
    was begun of it, and nothing will be."""

    id: int
    heard: str = ""
    interrupted: bool = False
    dropped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(SessionEvent):
    """The words that answer the conductor's question of this number; None: there will be none."""

    id: int
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled(SessionEvent):
    """The language model calls a tool."""

    turn: int
    call: ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReturned(SessionEvent):
    """What became of it."""

    turn: int
    call: ToolCall
    result: ToolResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsDropped(SessionEvent):
    """The turn that waited for its tools has ended: nobody waits for them any more."""

    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerSilent(SessionEvent):
    """The person was asked whether they are there; `ending`: they were, and the call ends now."""

    ending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConductorChanged(SessionEvent):
    """Who answers from now on."""

    name: str
    voice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnding(SessionEvent):
    """The conductor, or the silence, ends the call. `transfer`: it goes on there."""

    reason: str
    transfer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitPressed(SessionEvent):
    """The person pressed this key: one of "0123456789*#ABCD"."""

    digit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineNews(SessionEvent):
    """What is known of the other end of the line: "machine" (a voicemail answers, by the telephone
    service's word or by what it said), "human", "beep" (it can be spoken to now), or another word
    of the service's."""

    news: str


Watcher: TypeAlias = Callable[[SessionEvent], None]
