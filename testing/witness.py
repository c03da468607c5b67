"""What a language model is asked in a test, noted; and what is wrong with the test's model.

A model of a test that raises what is no engine's failure (its script is over, a rule has a bug) has
a problem that the test must hear of: it is kept here, and the session sees an engine that failed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from ..engines.failures import EngineFailure
from ..engines.llm.interface import (
    ReplyPart,
    Responder,
    ToolOffer,
    answers_by_rules,
    offering,
    second_of,
)
from ..protocol.chat import ChatMessage
from .models import Request


@dataclass(slots=True)
class _Notes:
    asked: list[Request] = field(default_factory=list)
    problem: Exception | None = None


class Witness:
    """In the place of a responder, which it asks."""

    def __init__(
        self, inner: Responder, *, tools: Sequence[ToolOffer] = (), notes: _Notes | None = None
    ) -> None:
        self._inner = inner
        self._tools = tuple(tool.name for tool in tools)
        self._notes = notes or _Notes()
        second = second_of(inner)
        self.second: Responder | None = None
        if second is not None:
            self.second = Witness(second, tools=tools, notes=self._notes)

    @property
    def asked(self) -> list[Request]:
        """All requests, in order."""
        return self._notes.asked

    @property
    def problem(self) -> Exception | None:
        """What the test's model raised first."""
        return self._notes.problem

    @property
    def by_rules(self) -> bool:
        return answers_by_rules(self._inner)

    def with_tools(self, tools: Sequence[ToolOffer]) -> Responder:
        return Witness(offering(self._inner, tools), tools=tools, notes=self._notes)

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        self._notes.asked.append(Request(tuple(conversation), self._tools))
        async with AsyncExitStack() as stack:
            with self._kept():
                tokens = await stack.enter_async_context(self._inner.reply(conversation))
            yield await stack.enter_async_context(aclosing(self._watched(tokens)))

    async def _watched(self, tokens: AsyncIterator[ReplyPart]) -> AsyncGenerator[ReplyPart, None]:
        with self._kept():
            async for token in tokens:
                yield token

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except EngineFailure:
            raise
        except Exception as error:  # whatever a test's model raises, the test hears of it
            self._notes.problem = self._notes.problem or error
            raise EngineFailure(f"the test's model: {error}", retryable=False) from error
