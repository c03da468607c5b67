"""POST /telephone/calls: a call is made by a service, on behalf of whoever has the token.

GET /telephone/calls/<id> tells how it goes, as far as the service has told. The last calls are
remembered, by this server alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
import trio

from ...agents.registry import Agents, UnknownAgent
from ...agents.running import DIRECTION, OUTBOUND
from ...config import Telephone
from ...engines.services.keys import plain_text
from ...telemetry import Telemetry
from ..http.head import BadRequest, Head
from ..http.request_body import read_body
from ..http.responses import Response, json_response
from ..v1.bodies import json_body
from .addresses import NO_PUBLIC_URL, Addresses
from .calls_in import NAME_CHARS, PARAMETERS_MAX, VALUE_CHARS
from .control import ByClosing, CallControl, CallOut, CarrierRefused
from .controls import NEEDED
from .numbers import BadNumber, destination
from .signatures import same
from .statuses import OVER, CallStatus

BODY_BYTES = 32 * 1024
BODY_S = 10.0
REMEMBERED = 1000
"""Calls whose state is kept, the newest: a call is asked after for minutes."""
AT_ONCE = 8
"""Calls that are asked for at once; a service takes a second to agree."""


class _Wanted(msgspec.Struct):
    """What is asked for."""

    to: str
    agent: str = ""
    service: str = ""
    from_: str = msgspec.field(name="from", default="")
    parameters: dict[str, str] = {}
    detect_machine: bool = False


class CallState(msgspec.Struct, kw_only=True):
    """How a call goes."""

    call_id: str
    service: str
    status: str = "dialing"
    answered_by: str = ""
    over: bool = False


class Outbound:
    """The handlers, for a Front."""

    def __init__(
        self,
        telephone: Telephone,
        controls: Mapping[str, CallControl],
        addresses: Addresses,
        agents: Agents,
        telemetry: Telemetry,
    ) -> None:
        self._token = plain_text(telephone.token)
        self._number = telephone.number
        self._controls = controls
        self._addresses = addresses
        self._agents = agents
        self._telemetry = telemetry
        self._log = structlog.get_logger(__name__)
        self._calls: OrderedDict[str, CallState] = OrderedDict()
        self._places = trio.Semaphore(AT_ONCE)

    @property
    def services(self) -> list[str]:
        """Those that can make calls."""
        return [name for name, each in self._controls.items() if not isinstance(each, ByClosing)]

    def told(self, news: CallStatus) -> None:
        """What a service tells of a call. Only calls that were made here are remembered."""
        state = self._calls.get(news.call_id) or self._calls.get(news.request_id)
        if state is None or state.over:
            return
        if news.status and not news.status.startswith("stream-"):
            state.status = news.status
            state.over = news.status in OVER
        state.answered_by = news.answered_by or state.answered_by

    async def make(self, head: Head, stream: trio.abc.Stream) -> Response:
        """Raises BadRequest for what cannot be done, and (502) where the service will not."""
        self._check_token(head)
        wanted = json_body(await read_body(stream, head, BODY_BYTES, BODY_S), _Wanted)
        service = self._service(wanted.service.strip().lower())
        out = self._checked(wanted)
        if not self._addresses.is_known:
            raise BadRequest(503, NO_PUBLIC_URL)
        try:
            async with self._places:
                call_id = await self._controls[service].dial(out)
        except CarrierRefused as problem:
            self._telemetry.count("call_controls_failed")
            self._log.warning("call_not_made", service=service, reason=str(problem))
            raise BadRequest(502, str(problem)) from None
        self._telemetry.count("calls_made")
        self._log.info("call_made", service=service, call_id=call_id)
        self._remember(CallState(call_id=call_id, service=service))
        return json_response({"ok": True, "call_id": call_id, "service": service}, status=202)

    async def state(self, head: Head, stream: trio.abc.Stream) -> Response:
        self._check_token(head)
        return await self.state_here(head, stream)

    async def state_here(self, head: Head, stream: trio.abc.Stream) -> Response:
        """The same for another process of this server, which has looked at the token."""
        await trio.lowlevel.checkpoint()
        found = self._calls.get(head.path.rpartition("/")[2])
        if found is None:
            raise BadRequest(404, "this server made no such call, or has forgotten it")
        return json_response({"ok": True, **msgspec.structs.asdict(found)})

    def _remember(self, state: CallState) -> None:
        self._calls[state.call_id] = state
        while len(self._calls) > REMEMBERED:
            self._calls.popitem(last=False)

    def _check_token(self, head: Head) -> None:
        """Raises BadRequest: 403 where nobody may, 401 for who has no token or a wrong one."""
        if self._token is None:
            raise BadRequest(403, "no calls are made here: set PARLEY_TELEPHONE_TOKEN")
        scheme, _, token = (head.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not same(token.strip(), self._token):
            told = (("WWW-Authenticate", "Bearer"),)
            raise BadRequest(401, "the token is missing, or not PARLEY_TELEPHONE_TOKEN", told)

    def _service(self, named: str) -> str:
        """The service that is named, or else the first that can. Raises BadRequest (400, 503)."""
        able = self.services
        if named and named not in NEEDED:
            raise BadRequest(
                400, f"calls can be made by {', '.join(NEEDED)}, not by {named[:40]!r}"
            )
        if named and named not in able:
            raise BadRequest(503, f"{named} cannot be asked: set {' and '.join(NEEDED[named])}")
        if not able:
            raise BadRequest(
                503,
                "no service is set up that makes calls: see PARLEY_TWILIO_… and PARLEY_TELNYX_…",
            )
        return named or able[0]

    def _checked(self, wanted: _Wanted) -> CallOut:
        """Raises BadRequest (400, 404)."""
        try:
            to = destination(wanted.to)
            from_ = destination(wanted.from_ or self._number or "")
        except BadNumber as problem:
            if not wanted.from_ and self._number is None:
                told = (
                    'there is no number to call from: give "from", or set PARLEY_TELEPHONE_NUMBER'
                )
                raise BadRequest(400, told) from None
            raise BadRequest(400, str(problem)) from None
        try:
            self._agents.choose(wanted.agent.strip())
        except UnknownAgent as problem:
            raise BadRequest(404, str(problem)) from None
        return CallOut(
            to=to,
            from_=from_,
            agent=wanted.agent.strip(),
            parameters={**_checked_parameters(wanted.parameters), DIRECTION: OUTBOUND},
            detect_machine=wanted.detect_machine,
        )


def _checked_parameters(given: dict[str, Any]) -> dict[str, str]:
    """Raises BadRequest (400) for what would not arrive."""
    most = PARAMETERS_MAX - 1  # one is that we call
    if len(given.keys() - {DIRECTION}) > most:
        raise BadRequest(400, f"a call that is made may have {most} parameters")
    for name, value in given.items():
        plain = name.isascii() and name.replace("_", "").isalnum() and name[:1].islower()
        if not plain or len(name) > NAME_CHARS or len(value) > VALUE_CHARS:
            raise BadRequest(
                400,
                f"parameter {name[:40]!r}: a name has letters, digits and _, begins with a small "
                f"letter and has at most {NAME_CHARS} characters, a value at most {VALUE_CHARS}",
            )
    return given
