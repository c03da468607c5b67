"""Tickets: what lets a browser in for a minute, once, instead of a token. No I/O.

A ticket is what it says, signed by this server: whose token it stands for, until when, and what
else its maker wanted said of the caller. So nothing is kept of tickets that nobody uses; those that
were used are remembered until they are over. Servers that share a key and a store know each other's
tickets, and the store says whether one was used (see once.py); then nobody's clock counts.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec

from ...cluster.shared_key import SharedKey
from .doors import Door

USUAL_S = 60
LONGEST_S = 600
"""A ticket stands in an address. It is for the next moment, not for keeping."""
PURPOSE = "ticket"
"""Apart from whatever else is signed by the same key."""
USED_MAX = 100_000
"""Remembered at most; with more tickets than that in ten minutes the oldest count as over."""


class NoTicket(Exception):
    """Why a ticket does not let in, in words."""


class Once(Enum):
    """What the store says of a ticket."""

    FIRST = "first"
    """It is good, and used up by having asked."""
    OVER = "over"
    """It was used, or its time is over."""
    UNKNOWN = "unknown"
    """There is no store, it does not answer, or it never knew the ticket: this server decides by
    its own clock and memory."""


class Said(msgspec.Struct, frozen=True):
    """What a ticket says. `kept`: the store was told of it."""

    name: str
    until: float
    once: str
    doors: list[str]
    claims: dict[str, Any]
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Of whose token it is, for which of that token's doors (none: all), and further claims."""

    name: str
    doors: frozenset[Door] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=dict)


class Tickets:
    """Makes and takes tickets. One per server; `now_s` is the moment in Unix seconds."""

    def __init__(
        self, key: SharedKey | None = None, is_first: Callable[[str], bool] = lambda once: True
    ) -> None:
        """`key` None: of this server alone. `is_first` says whether no other process of this server
        has taken the ticket of this number before, and notes it."""
        self._key = key or SharedKey()
        self._is_first = is_first
        self._used: OrderedDict[str, float] = OrderedDict()
        self._all_over_until_s = 0.0

    def make(
        self,
        ticket: Ticket,
        *,
        now_s: float,
        for_s: float = USUAL_S,
        once: str | None = None,
        kept: bool = False,
    ) -> str:
        """`once` names it where the store knows it already, and `kept` says so."""
        said = Said(
            name=ticket.name,
            until=now_s + for_s,
            once=once or new_once(),
            doors=sorted(door.value for door in ticket.doors),
            claims=dict(ticket.claims),
            kept=kept,
        )
        text = _plain(msgspec.json.encode(said))
        return f"{text}.{_plain(self._key.sign(PURPOSE, text.encode()))}"

    def read(self, given: str) -> Said:
        """What a ticket says, whether it is over or not. Raises NoTicket."""
        text, _, signature = given.partition(".")
        try:
            code = base64.urlsafe_b64decode(signature + "==")
        except (binascii.Error, ValueError):
            code = b""
        canonical = _plain(code) == signature  # of all spellings of a code one is taken
        signed = self._key.holds(PURPOSE, text.encode("utf-8", "replace"), code)
        if not signed or not canonical:
            raise NoTicket("the ticket is not one of this server")
        try:
            return msgspec.json.decode(base64.urlsafe_b64decode(text + "=="), type=Said)
        except (binascii.Error, msgspec.MsgspecError, ValueError):
            raise NoTicket("the ticket is not one of this server") from None

    def take(self, given: str, *, now_s: float, once: Once = Once.UNKNOWN) -> Ticket:
        """What a ticket says; it is used up by that. Raises NoTicket."""
        said = self.read(given)
        try:
            doors = frozenset(Door(name) for name in said.doors)
        except ValueError:
            raise NoTicket("the ticket is not one of this server") from None
        over = now_s >= said.until or said.until <= self._all_over_until_s
        if once is Once.OVER or (once is Once.UNKNOWN and over):
            raise NoTicket("the ticket is over, or was used before; get another one")
        if said.once in self._used or not self._is_first(said.once):
            raise NoTicket("the ticket was used before; get another one")
        self._remember(said, now_s)
        return Ticket(name=said.name, doors=doors, claims=said.claims)

    def _remember(self, said: Said, now_s: float) -> None:
        for once, until in list(self._used.items()):
            if until > now_s:
                break
            del self._used[once]
        while len(self._used) >= USED_MAX:
            _, until = self._used.popitem(last=False)
            self._all_over_until_s = max(self._all_over_until_s, until)
        self._used[said.once] = said.until


def new_once() -> str:
    """A name for a ticket that nobody guesses."""
    return secrets.token_urlsafe(12)


def _plain(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
