"""What one server answers for all that share its store.

GET /sessions               every server's sessions
GET, DELETE /sessions/ID    of the server where the session is
POST /sessions/ID/cancel    the same
POST /broadcast             to the clients of all

With `?here=1` a server, with all its workers, answers for itself alone: so servers ask each other.
One that does not answer is left out, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
import trio

from ..cluster.registry import Node, Registry
from ..cluster.store import StoreUnavailable
from .http.front import Answer, HttpHandler
from .http.head import Head
from .http.responses import JSON, Response, error_response, json_response
from .peers import Answers, NoAnswer, Peers
from .session_desk import BROADCAST, BROADCAST_S, CANCEL, ONE, Played, SessionDesk, session_of

HERE = "here"
CLOSE_MORE_S = 5.0
"""On top of STREAM_DRAIN_S, which a session has for its end."""

Routes = Mapping[tuple[str, str], HttpHandler]


class Everywhere:
    """One per server that shares a store."""

    def __init__(
        self, registry: Registry, peers: Peers, desk: SessionDesk, *, drain_s: float
    ) -> None:
        self._registry = registry
        self._peers = peers
        self._desk = desk
        self._drain_s = drain_s

    def routes(self, here: Routes) -> dict[tuple[str, str], HttpHandler]:
        """The routes of a server, with those that are about all servers in their places."""
        instead: dict[tuple[str, str], Callable[[HttpHandler], HttpHandler]] = {
            ("GET", "/sessions"): self._sessions,
            ("GET", ONE): self._of_one,
            ("DELETE", ONE): self._of_one,
            ("POST", CANCEL): self._of_one,
            ("POST", BROADCAST): self._broadcast,
        }
        return {
            place: self._or_here(instead[place](handler), handler) if place in instead else handler
            for place, handler in here.items()
        }

    @staticmethod
    def _or_here(all_of_them: HttpHandler, this_one: HttpHandler) -> HttpHandler:
        async def answer(head: Head, stream: trio.abc.Stream) -> Answer:
            return await (this_one if HERE in head.query else all_of_them)(head, stream)

        return answer

    def _sessions(self, here: HttpHandler) -> HttpHandler:
        async def answer(head: Head, stream: trio.abc.Stream) -> Answer:
            own = await here(head, stream)
            if not isinstance(own, Response):
                return own
            told = msgspec.json.decode(own.body)
            missing = list(told.get("missing", ()))
            shown = self._registry.node().shown
            found = [{**line, "node": shown} for line in told["sessions"]]
            others = await self._others(missing)
            answers = await self._peers.ask_all(others, f"/sessions?{HERE}=1")
            for node, lines in sorted(_read(answers, "sessions", list).items()):
                found += [{**line, "node": node} for line in lines if isinstance(line, dict)]
            missing += _said(answers.missing)
            body = {"ok": True, "count": len(found), "sessions": found}
            return json_response({**body, "missing": missing} if missing else body)

        return answer

    def _of_one(self, here: HttpHandler) -> HttpHandler:
        async def answer(head: Head, stream: trio.abc.Stream) -> Answer:
            session_id = session_of(head)
            try:
                node = await self._registry.node_of(session_id)
            except StoreUnavailable as problem:
                answered = await here(head, stream)
                if isinstance(answered, Response) and answered.status == 404:
                    why = f"it is not on this server, and the others cannot be asked: {problem}"
                    return error_response(503, why)
                return answered
            if node is None or self._registry.is_own(node):
                return await here(head, stream)
            within_s = self._drain_s + CLOSE_MORE_S if head.method == "DELETE" else CLOSE_MORE_S
            path = f"{head.path}?{HERE}=1"
            try:
                told = await self._peers.ask(node, path, method=head.method, within_s=within_s)
            except NoAnswer as problem:
                return error_response(502, f"the session is on {node.shown}: {problem}")
            return Response(
                told.status, {"Content-Type": JSON, "Cache-Control": "no-store"}, told.body
            )

        return answer

    def _broadcast(self, here: HttpHandler) -> HttpHandler:
        async def answer(head: Head, stream: trio.abc.Stream) -> Response:
            announcement = await self._desk.read(head, stream)
            missing: list[dict[str, Any]] = []
            others = await self._others(missing)
            query = urlencode({HERE: 1, **announcement.query})
            played = Played()

            async def play_here() -> None:
                here = await self._desk.play(announcement)
                played.clients += here.clients
                played.missing += here.missing

            async with trio.open_nursery() as nursery:
                nursery.start_soon(play_here)
                answers = await self._peers.ask_all(
                    others,
                    f"{BROADCAST}?{query}",
                    method="POST",
                    body=announcement.file,
                    within_s=BROADCAST_S,
                )
            played.clients += sum(_read(answers, "clients", int).values())
            played.missing += missing + _said(answers.missing)
            return played.response()

        return answer

    async def _others(self, missing: list[dict[str, Any]]) -> Sequence[Node]:
        """One node of each other server; nobody, and why, where the store does not answer."""
        try:
            return await self._registry.other_servers()
        except StoreUnavailable as problem:
            missing.append({"node": "all others", "why": f"the store cannot be asked: {problem}"})
            return ()


def _read(answers: Answers, field: str, kind: type) -> dict[str, Any]:
    """One field of each answer; an answer that has it not is one that is missing."""
    found = {}
    for node, told in answers.given.items():
        try:
            value = msgspec.json.decode(told.body)[field]
        except (msgspec.DecodeError, KeyError, TypeError):
            value = None
        if told.status == 200 and isinstance(value, kind):
            found[node] = value
        else:
            answers.missing[node] = f"its answer cannot be read ({told.status})"
    return found


def _said(missing: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"node": node, "why": why} for node, why in sorted(missing.items())]
