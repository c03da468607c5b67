"""The responder that needs no key, no model and no network: a few rules (rules/) that say so.

It streams word by word like a real one, so everything behind it is exercised. What it says depends
on the conversation, the clock and, of jokes and coins, on chance. It calls a tool whose name was
said, and reads its result aloud (rules/tools.py). Never fails.
"""

from __future__ import annotations

import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import trio

from ...protocol.chat import ChatMessage, ToolCall, ToolOffer
from .interface import ReplyPart
from .offered import WithTools
from .rules.rule import Answer, asked_of
from .rules.table import answer
from .rules.tools import called, result_of

NO_MODEL = "no language model is connected"

WORD_INTERVAL_S = 0.005
"""Between two words: a stream, as a model's is, and no reason to wait for it."""


def here_and_now() -> datetime:
    """The time of this machine, with its time zone."""
    return datetime.now().astimezone()


@dataclass(frozen=True, slots=True)
class LocalResponder:
    """Satisfies Responder and CallsTools; shared by all sessions, for it keeps nothing."""

    word_interval_s: float = WORD_INTERVAL_S
    clock: Callable[[], datetime] = here_and_now
    chance: random.Random = field(default_factory=random.Random)

    @property
    def by_rules(self) -> bool:
        return True

    def described(self) -> str:
        return f"a few rules of Parley's own: {NO_MODEL}"

    def advice(self) -> str | None:
        return None  # whoever is asked for by name is wanted

    def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AbstractAsyncContextManager[AsyncIterator[ReplyPart]]:
        return self.reply_with(conversation, ())

    def with_tools(self, tools: Sequence[ToolOffer]) -> WithTools:
        return WithTools(self, tuple(tools))

    @asynccontextmanager
    async def reply_with(
        self, conversation: Sequence[ChatMessage], tools: Sequence[ToolOffer]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        async with aclosing(self._parts(self._answer(conversation, tools))) as parts:
            yield parts

    def _answer(
        self, conversation: Sequence[ChatMessage], tools: Sequence[ToolOffer]
    ) -> Answer | ToolCall:
        if (result := result_of(conversation)) is not None:
            return Answer(result)
        asked = asked_of(conversation, self.clock(), self.chance)
        return called(asked, tools) or answer(asked)

    async def _parts(self, answered: Answer | ToolCall) -> AsyncGenerator[ReplyPart, None]:
        await trio.lowlevel.checkpoint()
        if isinstance(answered, ToolCall):
            yield answered
            return
        for wish in answered.wishes:
            yield wish
        for number, word in enumerate(re.findall(r"\s*\S+", answered.text)):
            if number:
                await trio.sleep(self.word_interval_s)
            yield word
