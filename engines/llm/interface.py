"""A responder answers a conversation, token by token; it may call tools, and have something said
later.

Between the tokens it may show that it is alive, and remark on a reply that stands as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import trio

from ...conversation.later import ForgetLater, SayLater, Wish
from ...conversation.writing import NoWord, Writing
from ...protocol.chat import ChatMessage, ToolCall, ToolOffer
from ..failures import EngineFailure

__all__ = [
    "Alive",
    "AnswersMeanwhile",
    "CallsTools",
    "ChatMessage",
    "ForgetLater",
    "Remark",
    "ReplyPart",
    "Responder",
    "SayLater",
    "ToolCall",
    "ToolOffer",
    "Warms",
    "Wish",
    "last_of",
    "offering",
    "second_of",
    "warm",
]


@dataclass(frozen=True, slots=True)
class Alive:
    """A sign of life: the model is at work, and what it wrote is not for people. It thinks, say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What people should know of a reply that stands as it is: that it was cut at its longest
    length, say. One line of words."""

    text: str


ReplyPart: TypeAlias = str | Wish | Alive | Remark | ToolCall


class Responder(Protocol):
    """Shared by all sessions; every reply is one context, and leaving it ends the request."""

    def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AbstractAsyncContextManager[AsyncIterator[ReplyPart]]:
        """Answer the last message of `conversation`.

        Entering may wait for the engine; iterating gives tokens that concatenate to the reply,
        none of them empty. Between them may stand wishes: what a session is to say later by itself,
        or is not to say after all. They count once the reply is written to its end. A sign of life
        gives a model that thinks more time for its first word. A call of a tool is whole, and
        counts once the reply is written to its end; the conversation that is asked next has it,
        and its result. Both raise EngineFailure. Deadlines are the caller's.
        """
        ...


@runtime_checkable
class CallsTools(Protocol):
    """A responder that can offer tools to its model."""

    def with_tools(self, tools: Sequence[ToolOffer]) -> Responder:
        """The same responder, whose replies may call these, and no others. Costs nothing."""
        ...


@runtime_checkable
class Warms(Protocol):
    """What a responder may do besides: get ready for a reply that is likely to be wanted soon."""

    async def warm(self) -> None:
        """Open a connection, say, where none is open. May be called at any time, by any number of
        sessions, and costs next to nothing where all is ready. It may take seconds, so nobody who
        has to answer should wait for it; cancelling it does no harm. Raises nothing, gives nothing.
        """
        ...


@runtime_checkable
class Runs(Protocol):
    """What a responder may need besides: something that runs for as long as the server does."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A child of the server's tree, begun before anybody is served, who wait for `started`.
        Run again when it raises."""
        ...


@runtime_checkable
class Loads(Protocol):
    """A responder that cannot answer before its model is loaded."""

    @property
    def ready(self) -> bool: ...

    @property
    def load_error(self) -> str | None:
        """Why it never will be; None while that is not known."""
        ...


@runtime_checkable
class AnswersMeanwhile(Protocol):
    """A responder with another one in its place while it cannot answer itself."""

    meanwhile: Responder


@runtime_checkable
class Described(Protocol):
    """A responder that knows what people would want to hear of it."""

    def described(self) -> str:
        """Who answers now, in one phrase: "llama3.2 by Ollama (port 11434)"."""
        ...

    def advice(self) -> str | None:
        """How to have a model answer, where none does and nobody wanted it so; else None."""
        ...


@runtime_checkable
class HasSecond(Protocol):
    """A responder with another one behind it."""

    @property
    def second(self) -> Responder | None:
        """Asked where this one has failed before its first word; see LLMActor, which does it."""
        ...


def second_of(responder: Responder) -> Responder | None:
    """Whom to ask where `responder` has failed before its first word, if anybody."""
    return responder.second if isinstance(responder, HasSecond) else None


@runtime_checkable
class AnswersByRules(Protocol):
    """A responder that may have no language model."""

    @property
    def by_rules(self) -> bool:
        """Whether rules would answer now."""
        ...


def answers_by_rules(responder: Responder) -> bool:
    """Whether no language model would answer now."""
    return isinstance(responder, AnswersByRules) and responder.by_rules


def offering(responder: Responder, tools: Sequence[ToolOffer]) -> Responder:
    """The responder with these tools, where it can offer any; else as it is."""
    if tools and isinstance(responder, CallsTools):
        return responder.with_tools(tools)
    return responder


def last_of(writing: Writing, *, silent: bool = False) -> list[str]:
    """What waited to the end of a reply. Raises EngineFailure for one without a word, unless it may
    be `silent`."""
    if silent and not writing.spoke:
        return []
    try:
        return writing.finish()
    except NoWord as without:
        raise EngineFailure(f"the language model {without}", retryable=False) from None


async def warm(responder: Responder) -> None:
    """Have `responder` get ready, where it can; see Warms."""
    if isinstance(responder, Warms):
        await responder.warm()
