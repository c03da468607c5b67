"""A conversation as it is kept, so that it can go on over another connection, or on another server.

It holds what was said and what was heard, who answers, and what was still to be said. It is data:
JSON with a version, so that a server that is older or newer than the one that kept it can tell.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, TypeAlias

import msgspec

from .chat import ToolCall
from .tool_calls import ToolResult

VERSION = 1
"""Of the form. Another one is not understood, and the conversation begins anew."""


class KeptUser(msgspec.Struct, frozen=True, kw_only=True, tag="user", omit_defaults=True):
    id: str
    turn: int
    text: str
    spoken: bool = False


class KeptAssistant(msgspec.Struct, frozen=True, kw_only=True, tag="assistant", omit_defaults=True):
    id: str
    turn: int
    said: str
    heard: str | None = None
    """None: all of it."""
    given: bool = False
    interrupted: bool = False


class KeptCall(msgspec.Struct, frozen=True, kw_only=True, tag="call", omit_defaults=True):
    """`round`: the calls of one were asked for together."""

    id: str
    turn: int
    round: int
    call: ToolCall
    result: ToolResult | None = None
    result_id: str = ""
    by_client: bool = False
    dropped: bool = False


class KeptNote(msgspec.Struct, frozen=True, kw_only=True, tag="note", omit_defaults=True):
    id: str
    turn: int
    text: str


KeptItem: TypeAlias = KeptUser | KeptAssistant | KeptCall | KeptNote


class KeptReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The reply that was being made or said."""

    turn: int
    user_text: str = ""
    """What it answers; empty where that is an item already, or nobody asked for it."""
    text: str = ""
    """As far as it was written."""
    written: bool = False
    """Whether that is all of it."""
    heard: str = ""
    """So much of it was heard when it was kept."""
    steps: tuple[tuple[int, int], ...] = ()
    """Behind how many milliseconds of sound how many characters of `text` have been heard, counted
    from where the client has to count: the beginning, or where the reply last went on."""
    spoken: bool = True

    def heard_by(self, played_ms: int | None) -> str:
        """What was heard of it; `played_ms`: so much the client says that it has played."""
        if not self.spoken:
            return self.text
        if played_ms is None or not self.steps:
            return self.heard
        at = bisect_right(self.steps, played_ms, key=lambda step: step[0])
        return self.text[: self.steps[at - 1][1]].rstrip() if at else ""


class KeptConversation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    version: int = VERSION
    dialect: str = ""
    agent: str = ""
    """Who answers, by name; empty: no agent."""
    state: Any = None
    """The agent's own, as JSON values; None: there is none, or it cannot be kept."""
    voice: str = ""
    language: str = ""
    instructions: str = ""
    """The client's."""
    items: tuple[KeptItem, ...] = ()
    turns: int = 0
    """So many there were, and so their numbers go on."""
    unanswered: tuple[str, ...] = ()
    """What was said, and waits for its answer."""
    hearing: str = ""
    """What had been understood of something that was just being said."""
    reply: KeptReply | None = None
