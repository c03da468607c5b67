"""A client for OpenAI, or for any server that speaks its API: opened, blamed and closed here.

One client per kind of engine (chat, speech, transcription), since each may have a server of its
own. Nothing is retried and no deadline is kept here: the caller owns time, the supervisor reads
`EngineFailure.retryable`. Everything the SDK, its HTTP library or the server can do wrong leaves
as EngineFailure, with no key in its message.
"""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from ..failures import (
    EngineFailure,
    EngineTimeout,
    EngineUnavailable,
    EngineUnreachable,
    ServiceBusy,
)
from ..spending import Unit, spent
from .answer_body import MAX_ERROR_BYTES, guard_body, unwind
from .http_client import BadEnvironment, open_http
from .quoted import without_quotations
from .retry_after import wanted_s
from .warmth import Warmer

if TYPE_CHECKING:  # half a second of imports, which only `open_client` has to pay
    import httpx2
    from openai import AsyncOpenAI

OPENAI_BASE_URL = "https://api.openai.com/v1"
PLACEHOLDER_KEY = "no-key"
"""Sent to servers of one's own, which want some key and look at none."""

CONNECT_TIMEOUT_S = 3.0
"""Shorter than a caller's wait for the first token (5 s), so that the failure can say why."""

BACKSTOP_S = 120.0
"""Far above any deadline of a caller: only a request that nobody watches ever meets it."""

IDLE_S = 60.0
"""How long an idle connection is kept, if the server keeps it too (the pool sees when it does not).
The SDK's 5 s end before most people have said their next sentence; what stands between drops idle
connections after minutes."""

MAX_DETAIL_CHARS = 200

FINAL_WORDS = frozenset(
    {"insufficient_quota", "invalid_request_error", "invalid_api_key", "model_not_found"}
    | {"context_length_exceeded", "content_policy_violation", "unsupported_parameter"}
)
"""Error codes and types that the same request would meet again."""


@dataclass(frozen=True, slots=True)
class SettingNames:
    """What the settings of this client are called, for advice."""

    model: str = "OPENAI_MODEL"
    base_url: str = "OPENAI_BASE_URL"
    api_key: str = "OPENAI_API_KEY"


CHAT_NAMES = SettingNames()


@dataclass(frozen=True, slots=True)
class Blame:
    """Turns what went wrong into an EngineFailure that says what to do about it."""

    model: str
    place: str
    """The server's host and port."""
    key: str = field(repr=False)
    names: SettingNames = CHAT_NAMES

    def for_error(self, error: Exception) -> EngineFailure:
        import openai
        from httpx2 import HTTPError, TimeoutException

        cause = error.__cause__ or error
        match error:
            case openai.APITimeoutError() | TimeoutException():
                return EngineTimeout(f"{self.place} did not answer ({type(cause).__name__})")
            case openai.APIStatusError():
                wanted = wanted_s(error.response.headers)
                asked = error.request.content if _was_read(error.request) else b""
                return self.for_status(
                    error.status_code, error.body, retry_after_s=wanted, asked=asked
                )
            case openai.APIConnectionError() | HTTPError():
                reason = self.clean(f"{type(cause).__name__}: {cause}")
                return EngineUnreachable(f"the connection to {self.place} failed ({reason})")
        reason = self.clean(f"{type(error).__name__}: {error}")
        return EngineFailure(f"the request to {self.place} failed ({reason})", retryable=False)

    def for_status(
        self,
        status: int | None,
        body: object,
        *,
        retry_after_s: float | None = None,
        asked: bytes = b"",
    ) -> EngineFailure:
        """For an HTTP status and its error object; for one within a stream, without a status.
        `retry_after_s` is how long the service wants to be left alone, `asked` the request's body:
        what is quoted of it is not told."""
        told = body if isinstance(body, dict) else {"message": body or ""}
        code, kind = told.get("code"), told.get("type")
        if status is None and isinstance(code, int):
            status = code  # some gateways put the status of the server behind them there
        words = [word for word in (code, kind) if isinstance(word, str)]
        sign = ", ".join(map(str, filter(None, (status, *words[:1]))))
        sign = f" ({self.clean(sign)})" if sign else ""
        if status == 404 or "model_not_found" in words:
            what = f"has no model {self.model!r} for this key{sign}"
            advice = f": check {self.names.model}, and {self.names.base_url} if it is set"
        elif status in {401, 403}:  # what the server says then may quote the key
            what, advice = f"refused the API key{sign}", f": check {self.names.api_key}"
        elif "insufficient_quota" in words:
            what, advice = f"says that the account's quota is used up{sign}", ": check its billing"
        else:
            what = "is asked too often" if status == 429 else "reported an error"
            said = str(told.get("message") or body)
            what, advice = f"{what}{sign}", f": {self.clean(without_quotations(said, asked))}"
        passing = status is None or status in {408, 409, 425, 429} or status >= 500
        retryable = passing and FINAL_WORDS.isdisjoint(words)
        if not retryable:
            retry_after_s = None
        elif retry_after_s is not None:
            advice += f"; it is to be asked again in {max(1, round(retry_after_s))} s"
        busy = retryable and (status == 429 or retry_after_s is not None)
        failure = ServiceBusy if busy else EngineFailure
        line = f"{self.place} {what}{advice}"
        return failure(line, retryable=retryable, retry_after_s=retry_after_s)

    def clean(self, text: str) -> str:
        """`text` fit for a message: without the key and credentials, and not too long."""
        text = _without_credentials(text.replace(self.key, "[key]"))
        return text if len(text) <= MAX_DETAIL_CHARS else text[: MAX_DETAIL_CHARS - 1] + "…"


def _was_read(request: httpx2.Request) -> bool:
    """Whether the request's body is in memory: an upload's is not."""
    return hasattr(request, "_content")


def _without_credentials(text: str) -> str:
    return re.sub(r"//[^/\s@]*@", "//", text)


Request: TypeAlias = AbstractAsyncContextManager[Any]
OtherRequest: TypeAlias = Callable[[int, object], Request | None]


@dataclass(frozen=True, slots=True)
class Client:
    """The SDK's client, which somebody else closes, and who is to blame."""

    sdk: AsyncOpenAI = field(repr=False)
    blame: Blame = field(repr=False)
    hosted: bool
    """Whether this is OpenAI itself, which asks for names that others may not know."""
    warmer: Warmer = field(repr=False)
    paid: bool = True
    """Whether its requests are counted: it is not on this machine."""
    look: Callable[[], Awaitable[None]] = field(default=trio.lowlevel.checkpoint, repr=False)
    """Asks for the list of models, and raises EngineFailure where there is no server that works:
    nobody answers, or with a status from 500 on. A server without such a list is one too."""

    @asynccontextmanager
    async def stream(
        self,
        request: Request,
        other_request: OtherRequest | None = None,
        again: Callable[[], Request] | None = None,
    ) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """Make a `with_streaming_response` request: its content type and its body, as it comes.

        The connection is closed with the context, wherever the body is then. `other_request` is
        asked what to ask instead of a request that was refused, by its status and its error.
        `again` makes the same request once more, where the server closed the connection before it
        answered a word: it took the one before to be the last on it (llama.cpp's server does).
        Raises EngineFailure where the request or the head of the answer fails; reading the body
        raises HTTPError.
        """
        import openai

        async with AsyncExitStack() as stack:
            self.warmer.idle.left()
            asked: Request | None = request
            if self.paid:
                spent(Unit.REQUESTS, 1)
            while asked is not None:
                try:
                    response = await stack.enter_async_context(asked)
                    break
                except Exception as error:  # also what an answer's head or error body makes them
                    asked = None
                    if other_request is not None and isinstance(error, openai.APIStatusError):
                        asked = other_request(error.status_code, error.body)
                    elif again is not None and _was_hung_up_on(error):
                        asked, again = again(), None
                    if asked is None:
                        raise self.blame.for_error(error) from None
            chunks = response.http_response.aiter_bytes()
            stack.push_async_callback(unwind, chunks)
            content_type = response.http_response.headers.get("content-type", "")
            yield content_type.partition(";")[0].strip().lower(), chunks
            if response.http_response.is_closed:  # read to its end, so its connection is free
                self.warmer.idle.came_home(trio.current_time())

    async def fetch(
        self, request: AbstractAsyncContextManager[Any], *, limit_bytes: int
    ) -> tuple[str, bytes]:
        """The content type and the whole body of the answer. EngineFailure where it is longer than
        `limit_bytes`, or the connection ends within it."""
        from httpx2 import HTTPError

        body = bytearray()
        async with self.stream(request) as (content_type, chunks):
            try:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > limit_bytes:
                        raise EngineFailure(
                            f"{self.blame.place} sent more than {limit_bytes} bytes",
                            retryable=False,
                        )
            except HTTPError as error:
                raise self.blame.for_error(error) from None
        return content_type, bytes(body)


def _is_here(host: str) -> bool:
    """Whether it is this machine."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _was_hung_up_on(error: Exception) -> bool:
    """Whether the server closed the connection without a word of an answer."""
    from httpx2 import RemoteProtocolError

    cause = error.__cause__
    return isinstance(cause, RemoteProtocolError) and "without sending a response" in str(cause)


@asynccontextmanager
async def open_client(
    *,
    model: str,
    base_url: str | None = None,
    api_key: str | None = None,
    names: SettingNames = CHAT_NAMES,
) -> AsyncIterator[Client]:
    """A client for as long as the context is open; `model` is named in failures.

    Without a `base_url` it asks OpenAI, and needs a key; a server of one's own may need none.
    Importing the SDK takes a second, so open it before serving. Raises EngineUnavailable.
    """
    import httpx2
    from openai import DEFAULT_CONNECTION_LIMITS, AsyncOpenAI, Timeout

    try:
        url = httpx2.URL(base_url or OPENAI_BASE_URL)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise EngineUnavailable(f"{names.base_url} is no address that starts with http(s)://")
    hosted = url.host == httpx2.URL(OPENAI_BASE_URL).host
    key = (api_key or "").strip() or ("" if hosted else PLACEHOLDER_KEY)
    if not key:
        raise EngineUnavailable(f"OpenAI wants a key: set {names.api_key}")
    if not re.fullmatch(r"[!-~]+", key):
        raise EngineUnavailable(f"{names.api_key} holds a character that no key has: copy it again")
    place = url.host if url.port is None else f"{url.host}:{url.port}"
    timeout = Timeout(BACKSTOP_S, connect=CONNECT_TIMEOUT_S)
    try:
        limits = replace(DEFAULT_CONNECTION_LIMITS, keepalive_expiry=IDLE_S)
        http = open_http(
            str(url),
            timeout=timeout,
            limits=limits,
            follow_redirects=True,
            event_hooks={"response": [guard_body]},
        )
    except BadEnvironment as problem:
        raise EngineUnavailable(f"{place} cannot be asked: {problem}") from None
    async with AsyncOpenAI(
        api_key=key, base_url=str(url), max_retries=0, timeout=timeout, http_client=http
    ) as sdk:
        blame = Blame(model=model, place=place, key=key, names=names)
        models = f"{str(url).rstrip('/')}/models"
        warmer = Warmer(touch=functools.partial(_touch, http, models, blame), place=place)
        yield Client(
            sdk=sdk,
            blame=blame,
            hosted=hosted,
            warmer=warmer,
            paid=not _is_here(url.host),
            look=functools.partial(_look, http, models, blame),
        )


async def _touch(http: httpx2.AsyncClient, url: str, blame: Blame) -> bool:
    """OPTIONS of the list of models, whatever the answer: whether its connection stays open.

    It is no completion, and its answer is short, where the list itself may have half a megabyte. A
    server that does not know it says 404 or 405 on a connection as good as any. (To HEAD, some send
    a body that may not be there, and the next answer on that connection is garbage.) With the key
    it is no stranger's knocking. Opening a connection without a request is nothing that the HTTP
    library offers. Raises EngineFailure.
    """
    response = await _asked(http, "OPTIONS", url, blame)
    if response is None:
        return False
    kept = response.headers.get("connection", "keep-alive").lower()
    return response.http_version != "HTTP/1.0" and kept != "close"


async def _look(http: httpx2.AsyncClient, url: str, blame: Blame) -> None:
    """GET of the list of models. Raises EngineFailure."""
    response = await _asked(http, "GET", url, blame)
    if response is not None and response.status_code >= 500:
        raise blame.for_status(response.status_code, None)


async def _asked(
    http: httpx2.AsyncClient, method: str, url: str, blame: Blame
) -> httpx2.Response | None:
    """The head of the answer, whose body was read to its end; None where that is too far away.
    Raises EngineFailure."""
    from httpx2 import HTTPError

    request = http.build_request(method, url, headers={"Authorization": f"Bearer {blame.key}"})
    try:
        async with AsyncExitStack() as stack:
            response = await http.send(request, stream=True, follow_redirects=False)
            stack.push_async_callback(response.aclose)
            chunks = response.aiter_bytes()
            stack.push_async_callback(unwind, chunks)
            read = 0
            async for chunk in chunks:
                read += len(chunk)
                if read > MAX_ERROR_BYTES:
                    return None
    except HTTPError as error:
        raise blame.for_error(error) from None
    return response
