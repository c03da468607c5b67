"""Replies from OpenAI, or from any server that speaks its chat API, as they are written.

One client for the whole server, opened by `open_openai` and closed with it (openai_client.py, which
says how it fails); one HTTP stream per reply, closed with that reply's context.

The SDK makes the request; its own event stream is not used, because it abandons four asynchronous
generators per reply, ends silently at half an event, and lets JSONDecodeError through.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, cast

import msgspec
import trio

from ...config import Answering
from ...protocol.chat import ChatMessage
from ..failures import EngineFailure
from ..services.json_answer import parse_json
from ..services.keys import plain_text
from ..services.openai_client import Blame, Client, open_client

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

TAIL_S = 0.1
"""How long a finished reply waits for its stream's end, so that the connection can be reused."""

MAX_EVENT_BYTES = 1 << 20
"""An event holds a few hundred bytes. A server that never ends a line must not fill the memory."""


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    error: Any = None


class EventDecoder:
    """Bytes in, the data of server-sent events out, however the bytes were cut. No I/O."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that `chunk` completes. Half an event stays inside."""
        events: list[bytes] = []
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line = bytes(self._line + end).removesuffix(b"\r")
            self._line.clear()
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                events.append(b"\n".join(self._data))
                self._data.clear()
        self._line += rest
        if len(self._line) + sum(map(len, self._data)) > MAX_EVENT_BYTES:
            raise EngineFailure("the model's server sent an event without an end")
        return events


class _Tokens:
    """The reply's text out of its byte stream. Complete at [DONE] or at a finish_reason.

    What follows these can no longer spoil the reply; it is read so that the connection is free
    again. A class, for a generator left early would have to be closed by somebody.
    """

    def __init__(self, chunks: AsyncIterator[bytes], blame: Blame) -> None:
        self._chunks = chunks
        self._blame = blame
        self._decoder = EventDecoder()
        self._events: deque[bytes] = deque()
        self._spoke = self._over = False
        self._finish: str | None = None
        self._deadline = inf

    def __aiter__(self) -> _Tokens:
        return self

    async def __anext__(self) -> str:
        await trio.lowlevel.checkpoint()
        try:
            while not self._over:
                while self._events:
                    if token := self._take(self._events.popleft()):
                        self._spoke = True
                        return token
                await self._read()
        except EngineFailure:
            self._over = True
            raise
        raise StopAsyncIteration

    def _take(self, event: bytes) -> str:
        if event.startswith(b"[DONE]"):
            self._end("[DONE]")
            return ""
        try:
            chunk = parse_json(event, _Chunk)
        except ValueError:
            raise EngineFailure(f"{self._blame.place} sent an event that is no JSON") from None
        if chunk.error and self._finish is None:
            raise self._blame.for_status(None, chunk.error)
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        if choice.finish_reason:
            self._end(choice.finish_reason)
        delta = choice.delta or _Delta()
        return (delta.content or "") + (delta.refusal or "")

    def _end(self, reason: str) -> None:
        if self._finish is None:
            self._finish = reason
            self._deadline = trio.current_time() + TAIL_S

    async def _read(self) -> None:
        from httpx2 import HTTPError

        chunk: bytes | None = None
        with trio.CancelScope(deadline=self._deadline):
            try:
                chunk = await anext(self._chunks, None)
            except HTTPError as error:
                if self._finish is None:
                    raise self._blame.for_error(error) from None
        if chunk is not None:
            self._events += self._decoder.feed(chunk)
        elif self._finish is None:
            raise EngineFailure(f"{self._blame.place} ended its stream in mid-reply")
        elif not self._spoke:
            empty = f"{self._blame.model!r} ended its reply ({self._finish}) without a word"
            advice = ": check OPENAI_MAX_TOKENS" if self._finish == "length" else ""
            raise EngineFailure(empty + advice, retryable=False)
        else:
            self._over = True


@dataclass(frozen=True, slots=True)
class OpenAIResponder:
    """A Responder on a client that somebody else closes; see `open_openai`."""

    client: Client = field(repr=False)
    model: str
    limits: dict[str, Any]
    """The request's length and temperature, as this server wants them named."""

    @asynccontextmanager
    async def reply(self, conversation: Sequence[ChatMessage]) -> AsyncIterator[AsyncIterator[str]]:
        said = [
            {"role": message.role, "content": _encodable(message.text)} for message in conversation
        ]
        request = self.client.sdk.chat.completions.with_streaming_response.create(
            model=self.model,
            messages=cast("list[ChatCompletionMessageParam]", said),
            stream=True,
            **self.limits,
        )
        async with self.client.stream(request) as (_, chunks):
            yield _Tokens(chunks, self.client.blame)

    def described(self) -> str:
        return f"{self.model} at {self.client.blame.place}"

    def advice(self) -> str | None:
        return None

    async def warm(self) -> None:
        """Have a connection open for the next reply; see warmth.py."""
        await self.client.warmer.warm()


def _encodable(text: str) -> str:
    """With a question mark for each half of a character (a lone surrogate), which has no UTF-8.
    A setting from an environment that is no UTF-8 holds such."""
    return text.encode("utf-8", "replace").decode("utf-8")


@asynccontextmanager
async def open_openai(
    *,
    model: str,
    max_tokens: int,
    temperature: float | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
) -> AsyncIterator[OpenAIResponder]:
    """The responder for as long as its client is open; see `open_client`.

    Without a `temperature` the model's own holds (reasoning models accept no other). Raises
    EngineUnavailable.
    """
    async with open_client(model=model, base_url=base_url, api_key=api_key) as client:
        # OpenAI's newer models refuse the old name; other servers may not know the new one.
        name = "max_completion_tokens" if client.hosted else "max_tokens"
        limits: dict[str, Any] = {name: max_tokens}
        if temperature is not None:
            limits["temperature"] = temperature
        _ = client.sdk.chat.completions.with_streaming_response  # its imports now, not at a reply
        yield OpenAIResponder(client=client, model=model, limits=limits)


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
