"""The telephone's door, put together: HTTP routes, the check of each stream, control of calls.

GET /telephone                            which services are set up, and what to paste where
GET, POST /telephone/<service>/answer     instructions for a call, also .../answer/<agent>
POST /telephone/<service>/status          what a service tells of a call
GET, POST /telephone/plivo/transfer       whom Plivo dials for a call that is transferred
POST /telephone/calls                     makes a call; GET /telephone/calls/<id> tells how it goes

One per server. Every request of a service is checked by the gate before anything else is done.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator

import structlog
import trio

from ...agents.registry import Agents, UnknownAgent
from ...config import TELEPHONE_SERVICES, Settings
from ...engines.services.keys import plain_text
from ...telemetry import Telemetry
from ..http.front import ANY_PATH, HttpHandler
from ..http.head import BadRequest, Head
from ..http.request_body import read_body
from ..http.responses import Response, json_response
from ..http.upgrade import BadUpgrade
from .addresses import Addresses
from .answers import IN_ADDRESS, Places, answer, xml
from .asked import Asked, NotSigned
from .calls_in import CallIn, call_in, json_of
from .carrier_http import CarrierClients
from .control import CallControl, CarrierRefused
from .control_plivo import dial_xml
from .control_telnyx import TelnyxControl
from .controls import controls_of
from .gate import BASIC, Gate
from .hints import HINTS
from .numbers import BadNumber, destination
from .outbound import Outbound
from .overview import overview, wanting
from .statuses import CallStatus, call_status
from .tickets import ROOT, CallPath, call_path
from .tokens import MISSING

BODY_BYTES = 64 * 1024
"""Many times what a service tells of a call."""
BODY_S = 10.0


def _ignore(news: CallStatus) -> None:
    pass


async def _nobody_else(news: CallStatus) -> None:
    pass


class TelephoneDoor:
    """`on_status` is told what services tell of calls; it must not block, and may not raise."""

    def __init__(
        self,
        settings: Settings,
        telemetry: Telemetry,
        agents: Agents,
        *,
        on_status: Callable[[CallStatus], None] = _ignore,
        key: str = "",
        is_first: Callable[[str], bool] = lambda nonce: True,
    ) -> None:
        """`key` and `is_first`: see Gate."""
        self.on_news: Callable[[CallStatus], Awaitable[None]] = _nobody_else
        """Told what a service told of a call: it may be another process' call."""
        telephone, carriers = settings.telephone, settings.carriers
        self._telephone = telephone
        self._telemetry = telemetry
        self._agents = agents
        self._on_status = on_status
        self._log = structlog.get_logger(__name__)
        self._clients = CarrierClients()
        shared_key = settings.clustering.shared_key
        self.gate = Gate(
            telephone, carriers, telemetry, shared_key=shared_key, key=key, is_first=is_first
        )
        self.addresses = Addresses(telephone, self.gate)
        self.controls = controls_of(carriers, self.addresses, self._clients, self.gate.now_s)
        self._outbound = Outbound(telephone, self.controls, self.addresses, agents, telemetry)
        self._wanting = wanting(carriers)
        for service in self._wanting:
            self._log.warning("telephone_package_missing", service=service, advice=MISSING)

    def check(self, service: str) -> Callable[[Head], None]:
        """For a WebSocketRoute. Raises BadUpgrade before the upgrade is accepted: 403 for what is
        not the service's, 404 for an agent that there is not."""
        return functools.partial(self._check_stream, service)

    def _check_stream(self, service: str, head: Head) -> None:
        self.gate.check_stream(service, head)
        try:
            self._agents.choose(agent_of(head))
        except UnknownAgent as problem:
            raise BadUpgrade(404, str(problem)) from None

    def control(self, service: str) -> CallControl | None:
        """What can be done to calls of a service; None where its stream is all there is."""
        return self.controls.get(service)

    async def call_state(self, head: Head, stream: trio.abc.Stream) -> Response:
        """How a call goes that this process made, for another process of the same server."""
        return await self._outbound.state_here(head, stream)

    async def aclose(self) -> None:
        """The server ends."""
        await self._clients.aclose()

    # Routes

    @property
    def routes(self) -> dict[tuple[str, str], HttpHandler]:
        """For a Front."""
        routes: dict[tuple[str, str], HttpHandler] = {
            ("GET", ROOT): self._overview,
            ("POST", f"{ROOT}/calls"): self._outbound.make,
            ("GET", f"{ROOT}/calls/{ANY_PATH}"): self._outbound.state,
        }
        for service in TELEPHONE_SERVICES:
            for place in self._below(service, "answer"):
                routes["GET", place] = self._answer
                routes["POST", place] = self._answer
            for place in (f"{ROOT}/{service}/status", f"{ROOT}/{service}/status/{ANY_PATH}"):
                routes["GET", place] = self._status
                routes["POST", place] = self._status
        for method in ("GET", "POST"):
            routes[method, f"{ROOT}/plivo/transfer"] = self._transfer
        return routes

    def _below(self, service: str, what: str) -> Iterator[str]:
        """A path, the same with an agent or a proof behind it, and with both."""
        place = f"{ROOT}/{service}/{what}"
        yield place
        yield f"{place}/{ANY_PATH}"
        for name in self._agents.names:
            yield f"{place}/{name}/{ANY_PATH}"

    # What services ask and tell

    async def _answer(self, head: Head, stream: trio.abc.Stream) -> Response:
        path, asked = await self._known(head, stream, "answer")
        service = path.service
        try:
            self._agents.choose(path.agent)
        except UnknownAgent as problem:
            self._log.warning("telephone_agent_unknown", service=service, reason=str(problem))
            raise BadRequest(404, str(problem)) from None
        event = json_of(asked).get("data") if service == "telnyx" else None
        if isinstance(event, dict):
            return await self._call_control(path, asked, event)
        call = call_in(service, path.agent, asked)
        places = self._places(service, call)
        self._log.info("telephone_answer", service=service, agent=path.agent, call_id=call.call_id)
        return answer(call, places)

    def _places(self, service: str, call: CallIn) -> Places:
        """Raises BadRequest (503) where this server does not know its own address."""
        password = plain_text(self._telephone.password) if service in BASIC else None
        pasted = service in HINTS
        shows = pasted or (service == "jambonz" and password is not None)
        return Places(
            stream=self.addresses.stream(
                service,
                call.agent,
                proof="" if shows else None,
                parameters=call.parameters if service in IN_ADDRESS else None,
            ),
            status=self.addresses.status(service),
            user=self._telephone.user,
            password=password,
        )

    async def _call_control(
        self, path: CallPath, asked: Asked, event: dict[str, object]
    ) -> Response:
        """An event of Telnyx' Call Control: a call that comes in is answered by its API."""
        payload = event.get("payload")
        call = payload if isinstance(payload, dict) else {}
        incoming = call.get("direction") == "incoming"
        await self._tell(call_status(path.service, asked))
        if event.get("event_type") != "call.initiated" or not incoming:
            return Response(204)
        control = self.controls.get("telnyx")
        if not isinstance(control, TelnyxControl):
            raise BadRequest(503, "a call of Call Control is answered by PARLEY_TELNYX_API_KEY")
        parameters = call_in("telnyx", path.agent, asked).parameters
        try:
            await control.answer(str(call.get("call_control_id", "")), path.agent, parameters)
        except CarrierRefused as problem:
            self._telemetry.count("call_controls_failed")
            self._log.warning("telephone_answer_failed", service="telnyx", reason=str(problem))
            raise BadRequest(502, str(problem)) from None
        return Response(204)

    async def _status(self, head: Head, stream: trio.abc.Stream) -> Response:
        path, asked = await self._known(head, stream, "status")
        await self._tell(call_status(path.service, asked))
        return Response(204)

    async def _transfer(self, head: Head, stream: trio.abc.Stream) -> Response:
        await self._known(head, stream, "transfer")
        try:
            return xml(dial_xml(destination(head.query.get("to", ""))))
        except BadNumber as problem:
            raise BadRequest(400, str(problem)) from None

    async def _known(
        self, head: Head, stream: trio.abc.Stream, below: str
    ) -> tuple[CallPath, Asked]:
        """The request, once its body is read and it is known to be the service's. Raises
        BadRequest."""
        path = call_path(head.path, below=below)
        if path is None or path.service not in TELEPHONE_SERVICES:
            raise BadRequest(404, "not found", code="unknown_url")
        body = await read_body(stream, head, BODY_BYTES, BODY_S)
        asked = self.gate.check_webhook(path, head, body)
        try:
            _ = asked.query, asked.form
        except NotSigned as problem:  # it cannot be read, which not every proof takes
            raise BadRequest(400, str(problem)) from None
        return path, asked

    async def _tell(self, news: CallStatus) -> None:
        self._telemetry.count("call_statuses")
        self._log.info(
            "call_status",
            service=news.service,
            call_id=news.call_id,
            status=news.status,
            answered_by=news.answered_by,
            detail=news.detail[:80],
        )
        self.told_elsewhere(news)
        await self.on_news(news)

    def told_elsewhere(self, news: CallStatus) -> None:
        """What a service told of a call, to this server's process or to another one of it."""
        self._outbound.told(news)
        try:
            self._on_status(news)
        except Exception as error:
            self._telemetry.count("observer_failures")
            self._log.error("call_status_observer_failed", exc_info=error)

    async def _overview(self, head: Head, stream: trio.abc.Stream) -> Response:
        makers = self._outbound.services
        return json_response(overview(self.gate, self.addresses, makers, self._wanting))


def agent_of(head: Head) -> str:
    """Who answers on a stream, by its path; empty for the first agent."""
    path = call_path(head.path)
    return path.agent if path is not None else ""
