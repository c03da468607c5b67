"""The addresses that services are given: of streams, instructions, callbacks and transfers.

All begin with PARLEY_PUBLIC_URL. A ticket is put into those of streams whose service cannot sign
them, or may sign them in a way that is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from ...config import Telephone
from ..http.head import BadRequest
from .gate import Gate
from .tickets import ROOT, TICKET_S, CallPath

SIGNS_STREAMS = frozenset({"twilio"})
"""Services whose signature of a stream is known for sure."""

NO_PUBLIC_URL = (
    "this server does not know its own address: set PARLEY_PUBLIC_URL to the https address by "
    "which telephone services reach it"
)


class Addresses:
    """One per server."""

    def __init__(self, telephone: Telephone, gate: Gate) -> None:
        self._public_url = telephone.public_url
        self._gate = gate

    @property
    def is_known(self) -> bool:
        return self._public_url is not None

    @property
    def base(self) -> str:
        """Raises BadRequest (503) where it is not set."""
        if self._public_url is None:
            raise BadRequest(503, NO_PUBLIC_URL)
        return self._public_url

    def stream(
        self,
        service: str,
        agent: str = "",
        *,
        proof: str | None = None,
        for_s: int = TICKET_S,
        parameters: Mapping[str, str] | None = None,
    ) -> str:
        """Of a WebSocket, for one call. `proof` None: a ticket where the service needs one."""
        if proof is None:
            signs = service in SIGNS_STREAMS
            proof = "" if signs else self._gate.ticket(service, agent, for_s=for_s)
        path = CallPath(service=service, agent=agent, proof=proof)
        return self.base.replace("http", "ws", 1) + path.quoted + _query(parameters)

    def answer(
        self, service: str, agent: str = "", parameters: Mapping[str, str] | None = None
    ) -> str:
        rest = f"/{quote(agent, safe='')}" if agent else ""
        return f"{self.base}{ROOT}/{service}/answer{rest}{_query(parameters)}"

    def status(self, service: str) -> str:
        return f"{self.base}{ROOT}/{service}/status"

    def transfer(self, service: str, to: str) -> str:
        return f"{self.base}{ROOT}/{service}/transfer{_query({'to': to})}"


def _query(parameters: Mapping[str, str] | None) -> str:
    return f"?{urlencode(parameters)}" if parameters else ""
