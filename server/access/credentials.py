"""What a request brings to prove who asks: a token in a header, or a ticket in the address. No I/O.

A token never belongs into an address: addresses stand in logs, histories and Referer headers. So
one that is there is refused, and its owner is told to make another. Browsers cannot give a
WebSocket a header; they bring a ticket, or the token as a subprotocol, as OpenAI's do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..http.head import BadRequest, Head
from ..http.upgrade import TOKEN_SUBPROTOCOLS
from .tokens import TOKEN

TICKET = "ticket"
"""The field of an address in which a ticket is brought."""
IN_ADDRESS = ("token", "access_token", "api_key", "api-key", "apikey", "authorization")
"""Fields of an address in which tokens are brought by mistake."""
SECRET_HEADERS = ("authorization", "api-key", "x-api-key", "sec-websocket-protocol", "cookie")
"""Headers that are kept from agents' code, and from what is logged of it."""

_BEARER = re.compile(r"bearer +([!-~]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Credentials:
    """At most one of the two is given."""

    token: str = field(default="", repr=False)
    ticket: str = field(default="", repr=False)


def credentials_of(head: Head) -> Credentials:
    """Raises BadRequest: 400 where there are several, or one that cannot be read; 401 for a token
    in the address."""
    if any(head.query.get(name) for name in IN_ADDRESS) or TOKEN.search(head.target):
        raise BadRequest(
            401,
            "a token does not belong into an address, which is written down in many places: send "
            "it as `Authorization: Bearer ...`, or get a ticket by POST /tickets. Whoever may "
            "have seen this one can use it; replace it",
            CHALLENGE,
        )
    tokens = list(dict.fromkeys(_tokens(head)))
    ticket = head.query.get(TICKET, "")
    if len(tokens) + bool(ticket) > 1:
        raise BadRequest(400, "more than one token or ticket; send one")
    return Credentials(token=tokens[0] if tokens else "", ticket=ticket)


def _tokens(head: Head) -> Iterator[str]:
    given = [value for name, value in head.headers if name == b"authorization"]
    if len(given) > 1:
        raise BadRequest(400, "more than one Authorization header; send one")
    for value in given:
        found = _BEARER.fullmatch(value.decode("latin-1").strip())
        if found is None:
            raise BadRequest(
                401,
                "Authorization is not understood; send `Authorization: Bearer TOKEN`",
                CHALLENGE,
            )
        yield found[1]
    for name in ("api-key", "x-api-key"):
        if named := head.header(name):
            yield named.strip()
    for offered in head.tokens("sec-websocket-protocol"):
        for prefix in TOKEN_SUBPROTOCOLS:
            if offered.startswith(prefix):
                yield offered.removeprefix(prefix)


CHALLENGE = (("WWW-Authenticate", 'Bearer realm="parley"'),)
