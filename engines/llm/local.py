"""The responder that needs no key, no model and no network: a few rules (rules/) that say so.

It streams word by word like a real one, so everything behind it is exercised. What it says depends
on the conversation, the clock and, of jokes and coins, on chance. Never fails.
"""

from __future__ import annotations

import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import trio

from ...conversation.later import Wish
from ...protocol.chat import ChatMessage
from .rules.rule import Answer, asked_of
from .rules.table import answer

NO_MODEL = "no language model is connected"

WORD_INTERVAL_S = 0.005
"""Between two words: a stream, as a model's is, and no reason to wait for it."""


def here_and_now() -> datetime:
    """The time of this machine, with its time zone."""
    return datetime.now().astimezone()


@dataclass(frozen=True, slots=True)
class LocalResponder:
    """Satisfies Responder; shared by all sessions, for it keeps nothing."""

    word_interval_s: float = WORD_INTERVAL_S
    clock: Callable[[], datetime] = here_and_now
    chance: random.Random = field(default_factory=random.Random)

    def described(self) -> str:
        return f"a few rules of Parley's own: {NO_MODEL}"

    def advice(self) -> str | None:
        return None  # whoever is asked for by name is wanted

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[str | Wish]]:
        answered = answer(asked_of(conversation, self.clock(), self.chance))
        async with aclosing(self._tokens(answered)) as tokens:
            yield tokens

    async def _tokens(self, answered: Answer) -> AsyncGenerator[str | Wish, None]:
        await trio.lowlevel.checkpoint()
        for wish in answered.wishes:
            yield wish
        for number, word in enumerate(re.findall(r"\s*\S+", answered.text)):
            if number:
                await trio.sleep(self.word_interval_s)
            yield word
