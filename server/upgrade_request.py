"""What the address and the headers of an upgrade say of the session that is to be: how its dialect
is spoken, and who calls."""

from __future__ import annotations

from ..conversation.caller import Caller
from ..protocol.dialect import BadChoice, Dialect
from ..protocol.ticket_message import PLAYED_QUERY, RESUME_QUERY
from .access.credentials import SECRET_HEADERS, TICKET
from .access.guest import current_guest
from .http.head import Head
from .http.upgrade import BadUpgrade

OWN_QUERIES = frozenset({TICKET, RESUME_QUERY, PLAYED_QUERY})
"""Parameters of an address that let somebody in, or on: nobody's business any more behind that."""


def as_chosen(dialect: Dialect, head: Head) -> Dialect:
    """The dialect with the options of this upgrade's address. Raises BadUpgrade."""
    try:
        fields = {name: head.header(name) or "" for name in dialect.headers}
        return dialect.with_choices(head.query, fields)
    except BadChoice as problem:
        raise BadUpgrade(400, str(problem)) from None


def caller_of(head: Head, peer: str) -> Caller:
    """Who calls over a socket, as far as the request and the token say."""
    guest = current_guest()
    names = {name.decode("latin-1") for name, _ in head.headers}
    query = {name: value for name, value in head.query.items() if name not in OWN_QUERIES}
    if guest.token is not None:  # what proved it is nobody's business any more
        names -= set(SECRET_HEADERS)
    return Caller(
        path=head.shown_path,
        peer=peer,
        query=query,
        headers={name: head.header(name) or "" for name in names},
        claims=guest.claims,
    )
