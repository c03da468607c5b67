"""What a language model is asked: a conversation as a list of messages, and the tools that it may
call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A model wants a tool to be called."""

    id: str
    """The model's own; unique within a conversation once the conversation has taken the call."""
    name: str
    arguments: str
    """As the model wrote them: a JSON object, if it did that right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    role: Role
    text: str
    calls: tuple[ToolCall, ...] = ()
    """The tools that an assistant's message calls. Each call has one message of a tool behind."""
    call_id: str = ""
    """Of a tool's message: the call whose result `text` is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOffer:
    """A tool as a model is told of it. `parameters` is the JSON schema of its arguments, of the
    type "object"."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(
        default_factory=lambda: {"type": "object", "properties": {}}
    )
    forced: bool = False
    """The model must call it, or another one that is forced, where its server can make it do so."""
