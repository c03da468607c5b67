"""What one worker answers for all of them, at the doors that the world sees.

GET /metrics           every worker's, each line with its worker
GET /sessions          every worker's sessions
GET /ready, /health    of the whole: somebody lets somebody in
GET, DELETE /sessions/ID, POST /sessions/ID/cancel
                       of the worker where the session is
POST /broadcast        to the clients of all
GET /recordings/TOKEN  of the worker that recorded it
GET /telephone/calls/… of the worker that made the call
POST, GET …/status     what a service tells of a call, told to whichever worker holds it

A worker that does not answer within a second is left out, and the answer says so. At its own socket
each worker answers for itself alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import urlencode

import msgspec
import structlog
import trio

from ..http.front import ANY_PATH, Answer, Front, HttpHandler
from ..http.head import BadRequest, Head
from ..http.request_body import read_body
from ..http.responses import Response, json_response, text_response
from ..session_desk import BROADCAST, BROADCAST_S, CANCEL, ONE, Announcement, Played, SessionDesk
from ..status import PROMETHEUS_TEXT, Status
from ..telephone.door import TelephoneDoor
from ..telephone.statuses import CallStatus
from . import metrics_text, siblings
from .link import Link, serve_at
from .quotas import SPENT, SPENT_BYTES, SharedQuotas, Spent

CALL_STATUS = "/workers/call-status"
"""At a worker's own socket: what a telephone service told another one."""
NEWS_BYTES = 64 * 1024
NEWS_S = 5.0
ELSEWHERE_S = 35.0
"""For a recording of up to 100 MB, or a session that ends within STREAM_DRAIN_S."""

Routes = Mapping[tuple[str, str], HttpHandler]


class Together:
    """One per worker."""

    def __init__(
        self,
        link: Link,
        status: Status,
        desk: SessionDesk,
        telephone: TelephoneDoor,
        quotas: SharedQuotas,
    ) -> None:
        self._link = link
        self._quotas = quotas
        self._status = status
        self._telephone = telephone
        self._desk = desk
        telephone.on_news = self._tell_others
        desk.beside = self._announce

    async def run(self, front: Front) -> NoReturn:
        """A child of the server's tree: tell the others how this worker stands and what its guests
        use, and answer them by `front`, which has the private routes."""
        link = self._link
        async with serve_at(link.folder, link.number) as listener, trio.open_nursery() as nursery:
            nursery.start_soon(link.beat)
            nursery.start_soon(self._quotas.run)
            await trio.serve_listeners(front.handle, [listener], handler_nursery=nursery)

    def routes(self, own: Routes) -> dict[tuple[str, str], HttpHandler]:
        """The routes of a server, `own`, with those that are about all workers in their places."""
        calls = ("GET", f"/telephone/calls/{ANY_PATH}")
        recordings = ("GET", f"/recordings/{ANY_PATH}")
        instead: dict[tuple[str, str], HttpHandler] = {
            ("GET", "/metrics"): self._metrics,
            ("GET", "/sessions"): self._sessions,
            ("GET", "/health"): self._health,
            ("GET", "/healthz"): self._health,
        }
        for path in ("/ready", "/readyz"):
            instead["GET", path] = self._ready
        for place in (calls, recordings, ("GET", ONE), ("DELETE", ONE), ("POST", CANCEL)):
            if place in own:
                instead[place] = self._found_somewhere(own[place])
        return {**own, **{place: handler for place, handler in instead.items() if place in own}}

    def private_routes(self, own: Routes) -> dict[tuple[str, str], HttpHandler]:
        """For this worker's own socket."""
        return {
            **own,
            ("POST", BROADCAST): self._desk.broadcast_alone,
            ("POST", CALL_STATUS): self._told,
            ("POST", SPENT): self._spent,
            ("GET", f"/telephone/calls/{ANY_PATH}"): self._telephone.call_state,
        }

    async def _ask(
        self, path: str, *, method: str = "GET", body: bytes = b"", within_s: float = siblings.ASK_S
    ) -> siblings.Answers:
        link = self._link
        return await siblings.ask(
            link.folder,
            link.siblings(),
            path,
            method=method,
            body=body,
            within_s=within_s,
        )

    # Administration

    async def _metrics(self, head: Head, stream: trio.abc.Stream) -> Response:
        answers = await self._ask("/metrics")
        texts = {worker: answer.body.decode() for worker, answer in answers.given.items()}
        texts[self._link.number] = self._status.exposition()
        told = dict.fromkeys(texts, True) | dict.fromkeys(answers.missing, False)
        text = metrics_text.merged(dict(sorted(texts.items()))) + metrics_text.up(told)
        return text_response(text, content_type=PROMETHEUS_TEXT)

    async def _sessions(self, head: Head, stream: trio.abc.Stream) -> Response:
        answers = await self._ask("/sessions")
        found: list[dict[str, Any]] = [
            {**session, "worker": self._link.number} for session in self._status.session_lines()
        ]
        for worker, answer in sorted(answers.given.items()):
            try:
                told = msgspec.json.decode(answer.body)["sessions"]
            except (msgspec.DecodeError, KeyError, TypeError):
                answers.missing[worker] = "its answer cannot be read"
            else:
                found += [{**session, "worker": worker} for session in told]
        body = {"ok": True, "count": len(found), "sessions": found}
        if answers.missing:
            body["missing"] = _said(answers.missing)
        return json_response(body)

    async def _ready(self, head: Head, stream: trio.abc.Stream) -> Response:
        """200 where anybody would let somebody in: whoever comes is left to those workers."""
        link = self._link
        living = link.living()
        able = [worker for worker, one in living.items() if one.open]
        body, good = self._status.readiness()
        body["workers"] = {
            "serving": 1 + len(living),
            "open": len(able) + (1 if good else 0),
            "wanted": link.handed.workers,
        }
        if not good and able:
            body |= {"ok": True, "ready": True, "accepting": True, "waiting_for": []}
            body.pop("reason", None)
        return json_response(body, status=200 if good or able else 503)

    async def _health(self, head: Head, stream: trio.abc.Stream) -> Response:
        sessions = self._link.worker.sessions() + self._link.sessions_elsewhere()
        return json_response({**self._status.health(), "sessions": sessions})

    # What one worker knows

    def _found_somewhere(self, here: HttpHandler) -> HttpHandler:
        """A handler that asks the others where this worker knows of nothing."""

        async def find(head: Head, stream: trio.abc.Stream) -> Answer:
            try:
                answer = await here(head, stream)
            except BadRequest as problem:
                if problem.status != 404:
                    raise
                if (found := await self._elsewhere(head)) is None:
                    raise
                return found
            if isinstance(answer, Response) and answer.status == 404:
                return await self._elsewhere(head) or answer
            return answer

        return find

    async def _elsewhere(self, head: Head) -> Response | None:
        path = head.target.partition("?")[0]
        answers = await self._ask(path, method=head.method, within_s=ELSEWHERE_S)
        found = next((one for one in answers.given.values() if one.status == 200), None)
        if found is None:
            return None
        if head.path.startswith("/recordings/"):
            return self._status.recording_response(found.body)
        return Response(200, {"Content-Type": "application/json"}, found.body)

    async def _announce(self, announcement: Announcement) -> Played:
        """To the clients of all other workers."""
        path = f"{BROADCAST}?{urlencode(announcement.query)}"
        answers = await self._ask(path, method="POST", body=announcement.file, within_s=BROADCAST_S)
        played = Played()
        for worker, answer in answers.given.items():
            try:
                played.clients += msgspec.json.decode(answer.body)["clients"]
            except (msgspec.DecodeError, KeyError, TypeError):
                answers.missing[worker] = "its answer cannot be read"
        played.missing += _said(answers.missing)
        return played

    # News of telephone calls

    async def _tell_others(self, news: CallStatus) -> None:
        answers = await self._ask(CALL_STATUS, method="POST", body=msgspec.json.encode(news))
        if answers.missing:
            structlog.get_logger().warning(
                "call_status_not_told", workers=sorted(answers.missing), call_id=news.call_id
            )

    async def _told(self, head: Head, stream: trio.abc.Stream) -> Response:
        body = await read_body(stream, head, NEWS_BYTES, NEWS_S)
        self._telephone.told_elsewhere(msgspec.json.decode(body, type=CallStatus))
        return Response(204)

    # What was used

    async def _spent(self, head: Head, stream: trio.abc.Stream) -> Response:
        body = await read_body(stream, head, SPENT_BYTES, NEWS_S)
        self._quotas.take(msgspec.json.decode(body, type=Spent))
        return Response(204)


def _said(missing: Mapping[int, str]) -> list[dict[str, Any]]:
    return [{"worker": worker, "why": why} for worker, why in sorted(missing.items())]
