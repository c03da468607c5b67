"""The responder of a turn whose words are given: what was asked to be said later, say."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import trio

from ...protocol.chat import ChatMessage


@dataclass(frozen=True, slots=True)
class GivenWords:
    """Says `words`, whatever it is asked. Satisfies Responder."""

    words: str

    @asynccontextmanager
    async def reply(self, conversation: Sequence[ChatMessage]) -> AsyncIterator[AsyncIterator[str]]:
        async with aclosing(self._tokens()) as tokens:
            yield tokens

    async def _tokens(self) -> AsyncGenerator[str, None]:
        await trio.lowlevel.checkpoint()
        yield self.words
