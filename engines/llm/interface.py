"""A responder answers a conversation, token by token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    role: Role
    text: str


class Responder(Protocol):
    """Shared by all sessions; every reply is one context, and leaving it ends the request."""

    def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Answer the last message of `conversation`.

        Entering may wait for the engine; iterating gives tokens that concatenate to the reply,
        none of them empty. Both raise EngineFailure. Deadlines are the caller's.
        """
        ...
