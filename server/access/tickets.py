"""Tickets: what lets a browser in for a minute, once, instead of a token. No I/O.

A ticket is what it says, signed by this server: whose token it stands for, until when, and what
else its maker wanted said of the caller. So nothing is kept of tickets that nobody uses; those that
were used are remembered until they are over.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .doors import Door

USUAL_S = 60
LONGEST_S = 600
"""A ticket stands in an address. It is for the next moment, not for keeping."""
USED_MAX = 100_000
"""Remembered at most; with more tickets than that in ten minutes the oldest count as over."""


class NoTicket(Exception):
    """Why a ticket does not let in, in words."""


class _Said(msgspec.Struct, frozen=True):
    name: str
    until: float
    once: str
    doors: list[str]
    claims: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Of whose token it is, for which of that token's doors (none: all), and further claims."""

    name: str
    doors: frozenset[Door] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=dict)


class Tickets:
    """Makes and takes tickets. One per server; `now_s` is the moment in Unix seconds."""

    def __init__(
        self, key: bytes | None = None, is_first: Callable[[str], bool] = lambda once: True
    ) -> None:
        """`key` signs, where several processes take each other's tickets; `is_first` says whether
        none of them has taken the one of this number before, and notes it."""
        self._key = key or secrets.token_bytes(32)
        self._is_first = is_first
        self._used: OrderedDict[str, float] = OrderedDict()
        self._all_over_until_s = 0.0

    def make(self, ticket: Ticket, *, now_s: float, for_s: float = USUAL_S) -> str:
        said = _Said(
            name=ticket.name,
            until=now_s + for_s,
            once=secrets.token_urlsafe(12),
            doors=sorted(door.value for door in ticket.doors),
            claims=dict(ticket.claims),
        )
        text = _plain(msgspec.json.encode(said))
        return f"{text}.{_plain(self._sign(text))}"

    def take(self, given: str, *, now_s: float) -> Ticket:
        """What a ticket says; it is used up by that. Raises NoTicket."""
        text, _, signature = given.partition(".")
        if not hmac.compare_digest(
            _plain(self._sign(text)).encode(), signature.encode("utf-8", "replace")
        ):
            raise NoTicket("the ticket is not one of this server")
        try:
            said = msgspec.json.decode(base64.urlsafe_b64decode(text + "=="), type=_Said)
            doors = frozenset(Door(name) for name in said.doors)
        except (binascii.Error, msgspec.MsgspecError, ValueError):
            raise NoTicket("the ticket is not one of this server") from None
        if now_s >= said.until or said.until <= self._all_over_until_s:
            raise NoTicket("the ticket is over; get another one")
        if said.once in self._used or not self._is_first(said.once):
            raise NoTicket("the ticket was used before; get another one")
        self._remember(said, now_s)
        return Ticket(name=said.name, doors=doors, claims=said.claims)

    def _remember(self, said: _Said, now_s: float) -> None:
        for once, until in list(self._used.items()):
            if until > now_s:
                break
            del self._used[once]
        while len(self._used) >= USED_MAX:
            _, until = self._used.popitem(last=False)
            self._all_over_until_s = max(self._all_over_until_s, until)
        self._used[said.once] = said.until

    def _sign(self, text: str) -> bytes:
        return hmac.new(self._key, text.encode("utf-8", "replace"), hashlib.sha256).digest()


def _plain(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
