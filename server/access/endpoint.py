"""POST /tickets: whoever has a token gets a ticket for a browser.

The body may be empty, or an object: `seconds` for which the ticket is to hold (60), the `doors`
that it is for (those of the token), and `claims`, what is to be said of the caller to agents' code.
So a product's own server, which knows its user and holds the token, says who it is that calls.
"""

from __future__ import annotations

from typing import Any

import msgspec
import trio

from ..http.front import HttpHandler
from ..http.head import BadRequest, Head
from ..http.request_body import read_body
from ..http.responses import Response, json_response
from .access import Access
from .doors import FOR_TOKENS, Door
from .guest import current_guest
from .tickets import LONGEST_S, USUAL_S, Ticket

BODY_BYTES = 2048
"""What is claimed stands in an address, which many programs cut at some 8 KB."""
BODY_S = 10.0


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    seconds: float = USUAL_S
    doors: list[str] = []
    claims: dict[str, Any] = {}


class TicketEndpoint:
    """One per server."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @property
    def routes(self) -> dict[tuple[str, str], HttpHandler]:
        """For a Front."""
        return {("POST", "/tickets"): self.make}

    async def make(self, head: Head, stream: trio.abc.Stream) -> Response:
        guest = current_guest()
        body = await read_body(stream, head, BODY_BYTES, BODY_S)
        token = guest.token
        if token is None:
            raise BadRequest(404, "this server asks nobody for a token, so it has no tickets")
        wanted = _wanted(body)
        doors = {door for door in FOR_TOKENS if door.value in wanted.doors}
        if len(doors) < len(set(wanted.doors)):
            known = ", ".join(door.value for door in FOR_TOKENS)
            raise BadRequest(400, f"doors are a list of {known}")
        if not doors <= token.doors:
            raise BadRequest(403, f"the token {token.name} is not for all of these doors")
        ticket = Ticket(
            name=token.name,
            doors=frozenset(doors or token.doors) - {Door.ADMIN},
            claims=wanted.claims,
        )
        given = await self._access.ticket(ticket, wanted.seconds)
        told = {"ticket": given, "expires_in": wanted.seconds}
        return json_response(told, headers={"Cache-Control": "no-store"})


def _wanted(body: bytes) -> _Wanted:
    try:
        wanted = msgspec.json.decode(body, type=_Wanted) if body.strip() else _Wanted()
    except msgspec.MsgspecError as error:
        raise BadRequest(400, f"the body is not understood: {error}"[:200]) from None
    if not 1 <= wanted.seconds <= LONGEST_S:
        raise BadRequest(400, f"seconds must be 1 to {LONGEST_S}")
    return wanted
