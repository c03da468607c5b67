"""What a session tells a client whose dialect shows the conversation as a list of items, and lets
the client change it: OpenAI's Realtime. Sent where the profile says `by_items`, and only there.

`ref` is the client's own id of what it asked for; empty where it gave none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from .event_base import Event

ReplyOutcome = Literal["completed", "interrupted", "cancelled", "failed", "too_long"]
"""What became of a reply: it was said to its end, somebody spoke over it, the client cancelled it,
the model failed, or it reached the most tokens that were allowed."""


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """An item as clients are shown it."""

    id: str
    kind: Literal["message", "function_call", "function_call_output"] = "message"
    role: Literal["user", "assistant", "system"] = "user"
    text: str = ""
    """Of what Parley said: what was heard of it."""
    spoken: bool = False
    """Whether it is sound with a transcript; else it is text."""
    incomplete: bool = False
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: str = ""


class ItemEvent(Event, frozen=True, kw_only=True):
    """Of no use to a dialect that does not show items."""


class Verbatim(ItemEvent, frozen=True, kw_only=True):
    """A message of the dialect's own that its codec made while it read one of the client's. It goes
    through the outbox, so that it stands where it belongs among the others."""

    message: Mapping[str, Any]


class BufferCommitted(ItemEvent, frozen=True, kw_only=True):
    """What the client sent is an utterance, because it said so. Its words follow as a Final."""

    utterance: int
    audio_ms: int


class BufferCleared(ItemEvent, frozen=True, kw_only=True):
    """What the client sent and was no utterance yet is forgotten, because it said so."""


class SpeechForgotten(ItemEvent, frozen=True, kw_only=True):
    """What seemed to be an utterance came to nothing: there will be no Final for it."""

    utterance: int


class CallerIdle(ItemEvent, frozen=True, kw_only=True):
    """Nobody has said anything for as long as the client wanted it; a reply follows. The silence
    counts as an utterance without words."""

    item: str
    idle_ms: int


class ReplyBegan(ItemEvent, frozen=True, kw_only=True):
    """A reply begins: its tokens and its audio follow."""

    reply: int
    """The number of its turn."""
    spoken: bool = True
    voice: str = ""
    aside: bool = False
    """It is no part of the conversation."""
    metadata: Mapping[str, str] | None = None
    max_tokens: int = 0
    """0: no limit is known."""
    asked_chars: int = 0
    """How much text the model is asked with."""


class ReplyEnded(ItemEvent, frozen=True, kw_only=True):
    """It is over, and this is what was heard of it."""

    reply: int
    outcome: ReplyOutcome
    heard: str
    message: str = ""
    """Why it failed."""


class ItemTold(ItemEvent, frozen=True, kw_only=True):
    """An item that the client put into the conversation is there, or one that it wanted to see."""

    item: ItemView
    retrieved: bool = False
    after: str | None = None
    """Behind which item the client wanted it; empty: before all others; None: it is the last."""
    utterance: int = 0
    """Whose words it will have, where the client gave its sound."""


class ItemDeleted(ItemEvent, frozen=True, kw_only=True):
    id: str


class ItemTruncated(ItemEvent, frozen=True, kw_only=True):
    """So much of what was said in it was heard, as the client tells."""

    id: str
    audio_ms: int


class RequestRefused(ItemEvent, frozen=True, kw_only=True):
    """What the client asked for cannot be. Nothing has changed."""

    code: str
    message: str
    param: str = ""
    ref: str = ""
