"""Replies from OpenAI, or from any server that speaks its chat API, as they are written.

One client for the whole server, opened by `open_openai` and closed with it; one HTTP stream per
reply, closed with that reply's context. Nothing is retried and no deadline is kept here: the
caller owns time, the supervisor reads `EngineFailure.retryable`. Everything the SDK, its HTTP
library or the server can do wrong leaves as EngineFailure, with no key in its message.

The SDK makes the request; its own event stream is not used, because it abandons four asynchronous
generators per reply, ends silently at half an event, and lets JSONDecodeError through.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, cast

import msgspec
import trio

from ..failures import EngineFailure, EngineTimeout, EngineUnavailable
from .interface import ChatMessage

if TYPE_CHECKING:  # half a second of imports, which only `open_openai` has to pay
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessageParam

OPENAI_BASE_URL = "https://api.openai.com/v1"
PLACEHOLDER_KEY = "no-key"
"""Sent to servers of one's own, which want some key and look at none."""

CONNECT_TIMEOUT_S = 3.0
"""Shorter than a caller's wait for the first token (5 s), so that the failure can say why."""

BACKSTOP_S = 120.0
"""Far above any deadline of a caller: only a request that nobody watches ever meets it."""

TAIL_S = 0.1
"""How long a finished reply waits for its stream's end, so that the connection can be reused."""

MAX_EVENT_BYTES = 1 << 20
"""An event holds a few hundred bytes. A server that never ends a line must not fill the memory."""

MAX_DETAIL_CHARS = 200

FINAL_WORDS = frozenset(
    {"insufficient_quota", "invalid_request_error", "invalid_api_key", "model_not_found"}
    | {"context_length_exceeded", "content_policy_violation", "unsupported_parameter"}
)
"""Error codes and types that the same request would meet again."""


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


@dataclass(frozen=True, slots=True)
class Blame:
    """Turns what went wrong into an EngineFailure that says what to do about it."""

    model: str
    place: str
    """The server's host and port."""
    key: str = field(repr=False)

    def for_error(self, error: Exception) -> EngineFailure:
        import openai
        from httpx2 import HTTPError, TimeoutException

        cause = error.__cause__ or error
        match error:
            case openai.APITimeoutError() | TimeoutException():
                return EngineTimeout(f"{self.place} did not answer ({type(cause).__name__})")
            case openai.APIStatusError():
                return self.for_status(error.status_code, error.body)
            case openai.APIConnectionError() | HTTPError():
                reason = self._clean(f"{type(cause).__name__}: {cause}")
                return EngineFailure(f"the connection to {self.place} failed ({reason})")
        reason = self._clean(f"{type(error).__name__}: {error}")
        return EngineFailure(f"the request could not be made ({reason})", retryable=False)

    def for_status(self, status: int | None, body: object) -> EngineFailure:
        """For an HTTP status and its error object; for one within a stream, without a status."""
        told = body if isinstance(body, dict) else {"message": body or ""}
        code, kind = told.get("code"), told.get("type")
        if status is None and isinstance(code, int):
            status = code  # some gateways put the status of the server behind them there
        words = [word for word in (code, kind) if isinstance(word, str)]
        sign = ", ".join(map(str, filter(None, (status, *words[:1]))))
        sign = f" ({self._clean(sign)})" if sign else ""
        if status == 404 or "model_not_found" in words:
            what = f"has no model {self.model!r} for this key{sign}"
            advice = ": check OPENAI_MODEL, and OPENAI_BASE_URL if it is set"
        elif status in {401, 403}:  # what the server says then may quote the key
            what, advice = f"refused the API key{sign}", ": check OPENAI_API_KEY"
        elif "insufficient_quota" in words:
            what, advice = f"says that the account's quota is used up{sign}", ": check its billing"
        else:
            what = "is asked too often" if status == 429 else "reported an error"
            what, advice = f"{what}{sign}", f": {self._clean(str(told.get('message') or body))}"
        passing = status is None or status in {408, 409, 425, 429} or status >= 500
        retryable = passing and FINAL_WORDS.isdisjoint(words)
        return EngineFailure(f"{self.place} {what}{advice}", retryable=retryable)

    def _clean(self, text: str) -> str:
        text = re.sub(r"//[^/\s@]*@", "//", text.replace(self.key, "[key]"))
        return text if len(text) <= MAX_DETAIL_CHARS else text[: MAX_DETAIL_CHARS - 1] + "…"


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
            chunk = msgspec.json.decode(event, type=_Chunk)
        except ValueError:  # msgspec's DecodeError and UnicodeDecodeError are ValueErrors
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


async def _unwind(chunks: AsyncGenerator[bytes]) -> None:
    """Closes a byte stream by cancelling its next read.

    `chunks.aclose()` would leave one of the generators inside to the garbage collector: httpx2's
    transport closes none that it iterates over. A cancelled read unwinds them all, and never
    waits; hence the shield, which keeps the exception that brought us here.
    """
    from httpx2 import HTTPError

    with suppress(HTTPError), trio.CancelScope(shield=True) as scope:
        scope.cancel()
        async for _ in chunks:
            pass


@dataclass(frozen=True, slots=True)
class OpenAIResponder:
    """A Responder on a client that somebody else closes; see `open_openai`."""

    client: AsyncOpenAI = field(repr=False)
    blame: Blame = field(repr=False)
    model: str
    limits: dict[str, Any]
    """The request's length and temperature, as this server wants them named."""

    @asynccontextmanager
    async def reply(self, conversation: Sequence[ChatMessage]) -> AsyncIterator[AsyncIterator[str]]:
        import openai
        from httpx2 import HTTPError

        said = [{"role": message.role, "content": message.text} for message in conversation]
        request = self.client.chat.completions.with_streaming_response.create(
            model=self.model,
            messages=cast("list[ChatCompletionMessageParam]", said),
            stream=True,
            **self.limits,
        )
        async with AsyncExitStack() as stack:
            try:
                response = await stack.enter_async_context(request)
            except (openai.OpenAIError, HTTPError) as error:
                raise self.blame.for_error(error) from None
            chunks = response.http_response.aiter_bytes()
            stack.push_async_callback(_unwind, chunks)
            yield _Tokens(chunks, self.blame)


@asynccontextmanager
async def open_openai(
    *,
    model: str,
    max_tokens: int,
    temperature: float | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
) -> AsyncIterator[OpenAIResponder]:
    """The responder for as long as its client is open.

    Without a `base_url` it asks OpenAI, and needs a key; a server of one's own may need none.
    Without a `temperature` the model's own holds (reasoning models accept no other). Importing
    the SDK takes a second, so open it before serving. Raises EngineUnavailable.
    """
    import httpx2
    from openai import AsyncOpenAI, Timeout

    try:
        url = httpx2.URL(base_url or OPENAI_BASE_URL)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise EngineUnavailable("OPENAI_BASE_URL is no address that starts with http(s)://")
    hosted = url.host == httpx2.URL(OPENAI_BASE_URL).host
    key = (api_key or "").strip() or ("" if hosted else PLACEHOLDER_KEY)
    if not key:
        raise EngineUnavailable("OpenAI wants a key: set OPENAI_API_KEY")
    if not re.fullmatch(r"[!-~]+", key):
        raise EngineUnavailable("OPENAI_API_KEY holds a character that no key has: copy it again")
    # OpenAI's newer models refuse the old name; other servers may not know the new one.
    limits: dict[str, Any] = {"max_completion_tokens" if hosted else "max_tokens": max_tokens}
    if temperature is not None:
        limits["temperature"] = temperature
    place = url.host if url.port is None else f"{url.host}:{url.port}"
    async with AsyncOpenAI(
        api_key=key,
        base_url=str(url),
        max_retries=0,
        timeout=Timeout(BACKSTOP_S, connect=CONNECT_TIMEOUT_S),
    ) as client:
        _ = client.chat.completions.with_streaming_response  # its imports now, not at a reply
        blame = Blame(model=model, place=place, key=key)
        yield OpenAIResponder(client=client, blame=blame, model=model, limits=limits)
