"""The responder for tests: it says what the script says, when the script says it.

Time is Trio's, so it is exact under a virtual clock. A script that is not well formed, or that is
asked for one reply too many, raises ValueError or LookupError: the test's fault, not an engine's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from enum import Enum
from math import inf

import trio

from ...protocol.chat import ChatMessage, ToolOffer
from .interface import Alive, ForgetLater, Remark, ReplyPart, Responder, SayLater, ToolCall
from .offered import WithTools


class Mark(Enum):
    ENTERED = "entered"
    """What stands before it happens while the reply is being entered: a pause, a failure."""
    HANG = "hang"
    """Nothing more comes, until the reply is cancelled."""


ENTERED = Mark.ENTERED
HANG = Mark.HANG

Wait = float | Exception | Mark
"""A pause in seconds; an exception to raise; a mark."""

Step = ReplyPart | Wait
"""A part of a reply, or a wait for one."""


PARTS = (str, SayLater, ForgetLater, Alive, Remark, ToolCall)


class ScriptedResponder:
    """Gives its replies in order, then `then` for ever, if there is one."""

    def __init__(
        self,
        replies: Iterable[Sequence[Step]] = (),
        *,
        then: Sequence[Step] | None = None,
        second: Responder | None = None,
    ) -> None:
        self.second: Responder | None = second
        self._replies = [_split(reply) for reply in replies]
        self._then = None if then is None else _split(then)
        self.conversations: list[tuple[ChatMessage, ...]] = []
        """What it was asked, in order."""
        self.offered: list[tuple[ToolOffer, ...]] = []
        """The tools that each of these replies was offered."""
        self.active = 0
        """Replies that were begun and not yet left."""
        self.cancelled = 0
        """Replies that were left because of a cancellation."""

    def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AbstractAsyncContextManager[AsyncIterator[ReplyPart]]:
        return self.reply_with(conversation, ())

    def with_tools(self, tools: Sequence[ToolOffer]) -> WithTools:
        """With the same script, and counted together."""
        return WithTools(self, tuple(tools))

    @asynccontextmanager
    async def reply_with(
        self, conversation: Sequence[ChatMessage], tools: Sequence[ToolOffer]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        turn = len(self.conversations)
        self.conversations.append(tuple(conversation))
        self.offered.append(tuple(tools))
        script = self._replies[turn] if turn < len(self._replies) else self._then
        if script is None:
            raise LookupError(f"asked for reply {turn + 1}, and {turn} are in the script")
        entering, saying = script
        self.active += 1
        try:
            for step in entering:
                await _live(step)
            async with aclosing(_play(saying)) as tokens:
                yield tokens
        finally:
            self.active -= 1
            if trio.current_effective_deadline() == -inf:
                self.cancelled += 1


async def _play(steps: Iterable[Step]) -> AsyncGenerator[ReplyPart, None]:
    for step in steps:
        if isinstance(step, PARTS):
            await trio.lowlevel.checkpoint()
            yield step
        else:
            await _live(step)


async def _live(step: Wait) -> None:
    if isinstance(step, Exception):
        raise step
    await trio.sleep(inf if isinstance(step, Mark) else step)


def _split(reply: Sequence[Step]) -> tuple[list[Wait], list[Step]]:
    """What happens on entering, and what is said then."""
    steps = list(reply)
    at = steps.index(ENTERED) if ENTERED in steps else -1
    entering = [step for step in steps[: max(at, 0)] if not isinstance(step, PARTS)]
    saying = steps[at + 1 :]
    if len(entering) + len(saying) + (at >= 0) < len(steps):
        raise ValueError("a token cannot come before ENTERED")
    if "" in saying or ENTERED in saying:
        raise ValueError("a reply holds no empty token, and is entered once")
    return entering, saying
