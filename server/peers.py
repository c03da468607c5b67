"""Asks the other servers of a cluster what is for administration there, by their registry entries.

Whoever can write to the store could name an address of their own, and would get the token that
comes with a question. So an entry says nothing here that nobody with the shared key has signed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio
from pydantic import SecretStr

from ..addresses import is_loopback
from ..cluster.registry import Node
from ..engines.services.answer_body import body_bound
from ..engines.services.http_client import BadEnvironment, open_http

if TYPE_CHECKING:
    import httpx2

ASK_S = 2.0
CONNECT_S = 1.0
ANSWER_MAX_BYTES = 16 * 1024 * 1024
"""The lines of some thirty thousand sessions."""
AT_ONCE = 50
"""Servers that are asked at the same time."""

NOWHERE = "it says nowhere that it can be asked: PARLEY_ADVERTISE, and the same PARLEY_SHARED_KEY"
REFUSED = "it refused ({}): give all servers the same PARLEY_ADMIN_TOKEN"


class NoAnswer(Exception):
    """A server did not answer; the message says why, without any secret."""


@dataclass(frozen=True, slots=True)
class Told:
    status: int
    body: bytes


@dataclass(slots=True)
class Answers:
    """What each server said, and why the others did not; by their names."""

    given: dict[str, Told]
    missing: dict[str, str]


class Peers:
    """The HTTP clients of one server; made at the first question, closed at the server's end."""

    def __init__(self, token: SecretStr | None) -> None:
        """`token` is that of PARLEY_ADMIN_TOKEN, which all have."""
        self._token = token
        self._clients: dict[bool, httpx2.AsyncClient] = {}

    async def ask_all(
        self,
        nodes: Iterable[Node],
        path: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        within_s: float = ASK_S,
    ) -> Answers:
        """Ask them at once."""
        answers = Answers({}, {})
        room = trio.CapacityLimiter(AT_ONCE)

        async def ask_one(node: Node) -> None:
            async with room:
                try:
                    answers.given[node.shown] = await self.ask(
                        node, path, method=method, body=body, within_s=within_s
                    )
                except NoAnswer as problem:
                    answers.missing[node.shown] = str(problem)

        async with trio.open_nursery() as nursery:
            for node in nodes:
                nursery.start_soon(ask_one, node)
        return answers

    async def ask(
        self,
        node: Node,
        path: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        within_s: float = ASK_S,
    ) -> Told:
        """Ask one. `path` begins with a slash, and may have a query. Raises NoAnswer; an answer
        that refuses the token is one too."""
        import httpx2

        if not node.admin_url:
            raise NoAnswer(NOWHERE)
        headers = {}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        try:
            with trio.fail_after(within_s):
                response = await self._client(node.admin_url).request(
                    method, node.admin_url.rstrip("/") + path, headers=headers, content=body
                )
        except trio.TooSlowError:
            raise NoAnswer(f"no answer within {within_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise NoAnswer(f"cannot be reached ({type(error).__name__})") from None
        if response.status_code in (401, 403, 421):
            raise NoAnswer(REFUSED.format(response.status_code))
        return Told(response.status_code, response.content)

    def _client(self, url: str) -> httpx2.AsyncClient:
        """One for what is on this machine, and one for what is elsewhere."""
        here = is_loopback(urlsplit(url).hostname or "")
        if here not in self._clients:
            import httpx2  # it takes half a second

            try:
                self._clients[here] = open_http(
                    url,
                    timeout=httpx2.Timeout(None, connect=CONNECT_S),
                    limits=httpx2.Limits(max_connections=2 * AT_ONCE),
                    event_hooks={"response": [body_bound(ANSWER_MAX_BYTES)]},
                )
            except BadEnvironment as problem:
                raise NoAnswer(str(problem)) from None
        return self._clients[here]

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()
