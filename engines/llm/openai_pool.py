"""Replies from a pool of model servers: each reply is one server's, from its first piece on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import trio

from ...protocol.chat import ChatMessage, ToolOffer
from ..pools.pool import Pool
from ..pools.streams import first_to_begin
from .interface import Alive, ReplyPart, offering
from .openai import OpenAIResponder

WARMED = 3
"""Places at which a connection is opened while somebody speaks: the next reply is asked of one of
them, if there are no more."""


@dataclass(slots=True)
class PooledResponder:
    """Satisfies Responder, CallsTools, Warms, Described and HasPools. How a server wants to be
    asked is learned of each by itself."""

    pool: Pool[OpenAIResponder] = field(repr=False)
    tools: tuple[ToolOffer, ...] = ()

    @property
    def pools(self) -> tuple[Pool[Any], ...]:
        return (self.pool,)

    def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AbstractAsyncContextManager[AsyncIterator[ReplyPart]]:
        return first_to_begin(
            self.pool,
            lambda place: offering(place, self.tools).reply(conversation),
            lambda part: not isinstance(part, Alive),
        )

    def with_tools(self, tools: Sequence[ToolOffer]) -> PooledResponder:
        return replace(self, tools=tuple(tools))

    async def warm(self) -> None:
        async with trio.open_nursery() as nursery:
            for place in self.pool.some_well(WARMED):
                nursery.start_soon(place.engine.warm)

    def described(self) -> str:
        names = [place.name for place in self.pool.places]
        return f"{self.pool.places[0].engine.model} at {len(names)} places ({', '.join(names)})"

    def advice(self) -> str | None:
        return None
