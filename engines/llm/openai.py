"""Replies from OpenAI, or from any server that speaks its chat API, as they are written.

One client for the whole server, opened by `open_openai` and closed with it (openai_client.py, which
says how it fails); one HTTP stream per reply, closed with that reply's context. How the server
wants to be asked is in openai_quirks.py, what it answers in openai_events.py, openai_shapes.py and
openai_tokens.py.

The SDK makes the request; its own event stream is not used, because it abandons four asynchronous
generators per reply, ends silently at half an event, and lets JSONDecodeError through.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import structlog

from ...config import Answering
from ...protocol.chat import ChatMessage
from ..services.keys import plain_text
from ..services.openai_client import CHAT_NAMES, Client, Request, SettingNames, open_client
from .interface import ReplyPart
from .openai_quirks import NEW_LIMIT, OLD_LIMIT, Quirks, has_system
from .openai_tokens import Tokens

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam


@dataclass(slots=True)
class OpenAIResponder:
    """A Responder on a client that somebody else closes; see `open_openai`."""

    client: Client = field(repr=False)
    model: str
    max_tokens: int
    temperature: float | None
    quirks: Quirks
    """How its server wants to be asked, by what it took last."""

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        asking = _Asking(self, conversation, self.quirks)
        async with self.client.stream(asking.request(), asking.otherwise) as (_, chunks):
            self._learn(asking.quirks)
            yield Tokens(chunks, self.client.blame)

    def _learn(self, quirks: Quirks) -> None:
        if quirks != self.quirks:
            structlog.get_logger().info(
                "model_server_asked_otherwise", server=self.client.blame.place, quirks=str(quirks)
            )
            self.quirks = quirks

    def described(self) -> str:
        return f"{self.model} at {self.client.blame.place}"

    def advice(self) -> str | None:
        return None

    async def warm(self) -> None:
        """Have a connection open for the next reply; see warmth.py."""
        await self.client.warmer.warm()


class _Asking:
    """The requests of one reply: mostly one, and one more for each of the server's manners."""

    def __init__(
        self, responder: OpenAIResponder, conversation: Sequence[ChatMessage], quirks: Quirks
    ) -> None:
        self.quirks = quirks
        self._responder = responder
        self._conversation = conversation
        self._tried = {quirks}

    def request(self) -> Request:
        responder = self._responder
        messages = self.quirks.messages(self._conversation)
        return responder.client.sdk.chat.completions.with_streaming_response.create(
            model=responder.model,
            messages=cast("list[ChatCompletionMessageParam]", messages),
            stream=True,
            **self.quirks.options(responder.max_tokens, responder.temperature),
        )

    def otherwise(self, status: int, error: object) -> Request | None:
        """The request to make where the last one was refused, with quirks that were not tried."""
        other = self.quirks.after(status, error, has_system=has_system(self._conversation))
        if other is None or other in self._tried:
            return None
        self._tried.add(other)
        self.quirks = other
        return self.request()


@asynccontextmanager
async def open_openai(
    *,
    model: str,
    max_tokens: int,
    temperature: float | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    names: SettingNames = CHAT_NAMES,
) -> AsyncIterator[OpenAIResponder]:
    """The responder for as long as its client is open; see `open_client`.

    Without a `temperature` the model's own holds. Raises EngineUnavailable.
    """
    async with open_client(model=model, base_url=base_url, api_key=api_key, names=names) as client:
        # OpenAI's newer models refuse the old name; other servers may not know the new one.
        quirks = Quirks(limit_name=NEW_LIMIT if client.hosted else OLD_LIMIT)
        _ = client.sdk.chat.completions.with_streaming_response  # its imports now, not at a reply
        yield OpenAIResponder(
            client=client,
            model=model,
            max_tokens=max_tokens,
            temperature=temperature,
            quirks=quirks,
        )


@asynccontextmanager
async def opened(answering: Answering) -> AsyncIterator[OpenAIResponder]:
    """The responder as the settings describe it. Raises EngineUnavailable."""
    async with open_openai(
        model=answering.model,
        max_tokens=answering.max_tokens,
        temperature=answering.temperature,
        base_url=answering.base_url,
        api_key=plain_text(answering.api_key),
    ) as responder:
        yield responder
