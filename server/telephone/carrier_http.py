"""Requests to a service's API: clients for all, deadlines, one more attempt, and blame.

A client is made at the first request, since its library takes half a second to import, and is
closed by the server at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import trio

from ...addresses import is_loopback
from ...engines.services.answer_body import bound_body
from ...engines.services.http_client import BadEnvironment, open_http
from .control import CarrierRefused

if TYPE_CHECKING:
    import httpx2

ATTEMPT_S = 8.0
"""A caller hears nothing meanwhile, so nobody waits longer."""
CONNECT_S = 4.0
AGAIN_AFTER_S = 0.5
ATTEMPTS = 2
MESSAGE_CHARS = 200
CONNECTIONS_MAX = 20


@dataclass(frozen=True, slots=True)
class Told:
    """What a service answered. `body` is its JSON object, or an empty one."""

    status: int
    body: Mapping[str, Any]

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


class CarrierClients:
    """The HTTP clients that all services share: one for what is elsewhere, and one for what is on
    this machine. One per server."""

    def __init__(self) -> None:
        self._clients: dict[bool, httpx2.AsyncClient] = {}
        self._closed = False

    def get(self, url: str) -> httpx2.AsyncClient:
        """One that may ask `url`. Raises CarrierRefused once the server ends, and where the
        environment lets nobody ask."""
        if self._closed:
            raise CarrierRefused("the server is stopping")
        here = is_loopback(urlsplit(url).hostname or "")
        if here not in self._clients:
            import httpx2

            try:
                self._clients[here] = open_http(
                    url,
                    timeout=httpx2.Timeout(ATTEMPT_S, connect=CONNECT_S),
                    limits=httpx2.Limits(max_connections=CONNECTIONS_MAX),
                    event_hooks={"response": [bound_body]},
                )
            except BadEnvironment as problem:
                raise CarrierRefused(str(problem)) from None
        return self._clients[here]

    async def aclose(self) -> None:
        self._closed = True
        for client in self._clients.values():
            await client.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierHttp:
    """One service's API. `secrets` are cut out of everything that is said about failures;
    `credentials` names the settings that it may refuse."""

    service: str
    base_url: str = field(repr=False)
    clients: CarrierClients
    secrets: tuple[str, ...] = field(repr=False)
    credentials: str

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        form: Iterable[tuple[str, str]] | None = None,
        json: object = None,
        again: bool = False,
    ) -> Told:
        """Ask once; or, where `again` says that twice does no harm, once more after a failure of
        the service or of the network. Raises CarrierRefused where no answer came."""
        import httpx2

        content, kind = _body(form, json)
        more = {"Content-Type": kind} if kind else {}
        attempts = ATTEMPTS if again else 1
        for left in range(attempts - 1, -1, -1):
            reason = "it did not answer in time"
            try:
                with trio.move_on_after(ATTEMPT_S):
                    response = await self.clients.get(self.base_url).request(
                        method,
                        self.base_url.rstrip("/") + path,
                        headers={**headers, **more, "Accept": "application/json"},
                        content=content,
                    )
                    if response.status_code < 500 or not left:
                        return Told(response.status_code, _object(response.content))
                    reason = f"it answered {response.status_code}"
            except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
                reason = self.clean(f"{type(error).__name__}: {error}")
            if left:
                await trio.sleep(AGAIN_AFTER_S)
        raise CarrierRefused(f"{self.service} cannot be reached at {self._place}: {reason}")

    def refused(self, told: Told, what: str) -> CarrierRefused:
        """The exception for an answer that is no success. `what` is what was asked."""
        if told.status in (401, 403):
            why = f"it refused the credentials ({told.status}): check {self.credentials}"
        elif told.status == 429:
            why = "it is asked too often (429)"
        else:
            why = f"it answered {told.status}{self._message(told.body)}"
        return CarrierRefused(f"{self.service} did not {what}: {why}")

    def clean(self, text: str) -> str:
        """Fit for a message: without secrets, on one line, and not too long."""
        for secret in self.secrets:
            text = text.replace(secret, "[secret]")
        return " ".join(text.split())[:MESSAGE_CHARS]

    @property
    def _place(self) -> str:
        return urlsplit(self.base_url).hostname or "its address"

    def _message(self, body: Mapping[str, Any]) -> str:
        """The service's own words, wherever it puts them."""
        errors = body.get("errors")
        first = errors[0] if isinstance(errors, list) and errors else {}
        found = first if isinstance(first, dict) else {}
        for source in (found, body):
            for name in ("detail", "message", "error", "title"):
                word = source.get(name)
                if isinstance(word, str) and word:
                    return f": {self.clean(word)}"
        return ""


def _body(form: Iterable[tuple[str, str]] | None, json: object) -> tuple[bytes | None, str]:
    if form is not None:
        from urllib.parse import urlencode

        return urlencode(list(form)).encode(), "application/x-www-form-urlencoded"
    return (None, "") if json is None else (msgspec.json.encode(json), "application/json")


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
