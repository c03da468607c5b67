"""A second model behind the first one: OPENAI_FALLBACK_MODEL and its kin.

The LLMActor asks it where the first has failed before its first word, so that each has deadlines of
its own. Here the two are opened, held together, and told apart for people.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import trio

from ...config import Answering, Fallback
from ...protocol.chat import ChatMessage, ToolOffer
from ..pools.opening import pools_of
from ..pools.pool import Pool
from ..services.openai_client import SettingNames
from .interface import (
    Described,
    Loads,
    ReplyPart,
    Responder,
    Runs,
    answers_by_rules,
    offering,
    warm,
)
from .offered import WithTools

NAMES = SettingNames(
    model="OPENAI_FALLBACK_MODEL",
    base_url="OPENAI_FALLBACK_BASE_URL",
    api_key="OPENAI_FALLBACK_API_KEY",
)


@asynccontextmanager
async def open_second(answering: Answering, fallback: Fallback) -> AsyncIterator[Responder]:
    """Raises EngineUnavailable."""
    from .openai import open_servers  # its SDK takes a second to import

    async with open_servers(
        answering,
        model=fallback.model or answering.model,
        base_url=fallback.base_url,
        api_key=fallback.api_key,
        names=NAMES,
        kind="second_llm",
    ) as responder:
        yield responder


@dataclass(slots=True)
class _Noted:
    """A responder, and whom to tell that it is the one that answers."""

    inner: Responder
    owner: WithSecond

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        async with self.inner.reply(conversation) as parts:
            self.owner.second_answers = True
            yield parts

    def with_tools(self, tools: Sequence[ToolOffer]) -> _Noted:
        return replace(self, inner=offering(self.inner, tools))


@dataclass(slots=True)
class WithSecond:
    """Satisfies Responder, CallsTools, HasSecond, Warms, Runs, Loads, HasPools and Described: the
    first one does what it can of these."""

    first: Responder
    inner: Responder
    """The second one."""
    second_answers: bool = field(default=False, init=False)
    """Whether the newest reply was the second one's."""

    def __post_init__(self) -> None:
        for pool in self.pools:
            pool.spare = True

    @property
    def second(self) -> Responder:
        return _Noted(self.inner, self)

    def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AbstractAsyncContextManager[AsyncIterator[ReplyPart]]:
        return self.reply_with(conversation, ())

    def with_tools(self, tools: Sequence[ToolOffer]) -> WithTools:
        """Each of the two offers them, if it can."""
        return WithTools(self, tuple(tools))

    @asynccontextmanager
    async def reply_with(
        self, conversation: Sequence[ChatMessage], tools: Sequence[ToolOffer]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        async with offering(self.first, tools).reply(conversation) as parts:
            self.second_answers = False
            yield parts

    @property
    def pools(self) -> tuple[Pool[Any], ...]:
        return (*pools_of(self.first), *pools_of(self.inner))

    async def warm(self) -> None:
        await trio.lowlevel.checkpoint()
        await warm(self.inner if self.second_answers else self.first)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        if isinstance(self.first, Runs):
            await self.first.run(task_status=task_status)
        else:
            task_status.started()

    @property
    def ready(self) -> bool:
        """A first one that will never be leaves the second."""
        first = self.first
        return not isinstance(first, Loads) or first.ready or first.load_error is not None

    @property
    def load_error(self) -> str | None:
        return None

    @property
    def by_rules(self) -> bool:
        return answers_by_rules(self.first)

    def described(self) -> str:
        first, second = _described(self.first), _described(self.inner)
        if self.second_answers:
            return f"{second}, since this failed: {first}"
        return f"{first}; where that fails, {second}"

    def advice(self) -> str | None:
        """Of a model that nobody wanted to be without; here is a second one."""
        return self.first.load_error if isinstance(self.first, Loads) else None


def _described(responder: Responder) -> str:
    return responder.described() if isinstance(responder, Described) else type(responder).__name__
