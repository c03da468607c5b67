"""A responder with tools to offer, for those whose replies are made anew each time they are asked:
they have a model server today and none tomorrow, say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from ...protocol.chat import ChatMessage, ToolOffer
from .interface import ReplyPart, Responder, offering, second_of, warm


class RepliesWithTools(Responder, Protocol):
    def reply_with(
        self, conversation: Sequence[ChatMessage], tools: Sequence[ToolOffer]
    ) -> AbstractAsyncContextManager[AsyncIterator[ReplyPart]]:
        """As `reply`, and the reply may call these tools."""
        ...


@dataclass(frozen=True, slots=True)
class WithTools:
    """Satisfies Responder, CallsTools, HasSecond and Warms."""

    inner: RepliesWithTools
    tools: tuple[ToolOffer, ...]

    def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AbstractAsyncContextManager[AsyncIterator[ReplyPart]]:
        return self.inner.reply_with(conversation, self.tools)

    def with_tools(self, tools: Sequence[ToolOffer]) -> WithTools:
        return WithTools(self.inner, tuple(tools))

    @property
    def second(self) -> Responder | None:
        behind = second_of(self.inner)
        return None if behind is None else offering(behind, self.tools)

    async def warm(self) -> None:
        await warm(self.inner)
