"""Replies from OpenAI, or from any server that speaks its chat API, as they are written.

One client for the whole server, opened by `open_openai` and closed with it (openai_client.py, which
says how it fails); one HTTP stream per reply, closed with that reply's context. How the server
wants to be asked is in openai_quirks.py and openai_messages.py, what it answers in
openai_events.py, openai_shapes.py, openai_calls.py, written_calls.py and openai_tokens.py.

The SDK makes the request; its own event stream is not used, because it abandons four asynchronous
generators per reply, ends silently at half an event, and lets JSONDecodeError through.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import structlog
from pydantic import SecretStr

from ...config import Answering
from ...protocol.chat import ChatMessage, ToolOffer
from ..pools.opening import Address, addresses_of, open_pool
from ..services.openai_client import CHAT_NAMES, Client, Request, SettingNames, open_client
from .interface import ReplyPart, Responder
from .openai_quirks import NEW_LIMIT, OLD_LIMIT, Quirks, advice_on_tools
from .openai_tokens import Tokens

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam


@dataclass(slots=True)
class _Manners:
    """How a server wants to be asked, by what it took last. One for all who ask it."""

    quirks: Quirks
    place: str

    def learn(self, asking: _Asking) -> None:
        """From a request that was taken."""
        known = self.quirks
        self.quirks = known.learned(asking.first, asking.quirks)
        if self.quirks == known:
            return
        log = structlog.get_logger()
        log.info("model_server_asked_otherwise", server=self.place, quirks=str(self.quirks))
        if known.tools and not self.quirks.tools:
            model, refusal = asking.responder.model, asking.refusal
            error = asking.responder.client.blame.clean(str(refusal))
            log.warning(
                "model_offers_no_tools",
                server=self.place,
                model=model,
                error=error,
                advice=advice_on_tools(refusal),
            )


@dataclass(slots=True)
class OpenAIResponder:
    """A Responder on a client that somebody else closes; see `open_openai`. Satisfies Warms,
    Described and CallsTools."""

    client: Client = field(repr=False)
    model: str
    max_tokens: int
    temperature: float | None
    manners: _Manners
    tools: tuple[ToolOffer, ...] = ()

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        asking = _Asking(self, conversation)
        async with self.client.stream(asking.request(), asking.otherwise, asking.request) as (
            _,
            chunks,
        ):
            self.manners.learn(asking)
            tools = self.tools if asking.quirks.tools else ()
            yield Tokens(chunks, self.client.blame, tools)

    def with_tools(self, tools: Sequence[ToolOffer]) -> OpenAIResponder:
        """On the same client, and what one learns of the server the other knows."""
        return replace(self, tools=tuple(tools))

    @property
    def quirks(self) -> Quirks:
        return self.manners.quirks

    def described(self) -> str:
        return f"{self.model} at {self.client.blame.place}"

    def advice(self) -> str | None:
        return None

    async def warm(self) -> None:
        """Have a connection open for the next reply; see warmth.py."""
        await self.client.warmer.warm()


class _Asking:
    """The requests of one reply: mostly one, and one more for each of the server's manners."""

    def __init__(self, responder: OpenAIResponder, conversation: Sequence[ChatMessage]) -> None:
        self.responder = responder
        self.first = self.quirks = responder.quirks
        self.refusal: object = None
        """What the server said when it took no tools."""
        self._conversation = conversation
        self._tried = {self.quirks}

    def request(self) -> Request:
        responder = self.responder
        messages = self.quirks.messages(self._conversation)
        return responder.client.sdk.chat.completions.with_streaming_response.create(
            model=responder.model,
            messages=cast("list[ChatCompletionMessageParam]", messages),
            stream=True,
            **self.quirks.options(responder.max_tokens, responder.temperature, responder.tools),
        )

    def otherwise(self, status: int, error: object) -> Request | None:
        """The request to make where the last one was refused, with quirks that were not tried."""
        other = self.quirks.after(status, error, self._conversation, self.responder.tools)
        if other is None or other in self._tried:
            return None
        self._tried.add(other)
        if self.quirks.tools and not other.tools:
            self.refusal = error
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
            manners=_Manners(quirks, client.blame.place),
        )


@asynccontextmanager
async def opened(answering: Answering) -> AsyncIterator[Responder]:
    """The responder as the settings describe it. Raises EngineUnavailable."""
    async with open_servers(
        answering,
        model=answering.model,
        base_url=answering.base_url,
        api_key=answering.api_key,
        names=CHAT_NAMES,
    ) as responder:
        yield responder


@asynccontextmanager
async def open_servers(
    answering: Answering,
    *,
    model: str,
    base_url: str | None,
    api_key: SecretStr | None,
    names: SettingNames,
    kind: str = "llm",
) -> AsyncIterator[Responder]:
    """A server, or a pool where `base_url` names several. Raises EngineUnavailable."""

    def opens(address: Address) -> AbstractAsyncContextManager[OpenAIResponder]:
        return open_openai(
            model=model,
            max_tokens=answering.max_tokens,
            temperature=answering.temperature,
            base_url=address.base_url,
            api_key=address.api_key,
            names=names,
        )

    addresses = addresses_of(base_url, api_key)
    if len(addresses) > 1:
        from .openai_pool import PooledResponder

        async with open_pool(kind, addresses, opens, lambda place: place.client.look) as pool:
            yield PooledResponder(pool)
    else:
        async with opens(addresses[0]) as responder:
            yield responder
