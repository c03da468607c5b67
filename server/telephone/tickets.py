"""Tickets: addresses that let one call in for a while, and what stands in a telephone path.

A service that asks for instructions proves who it is; the address of the WebSocket in the answer
then ends in a ticket, so that the stream is let in even where the service cannot sign that, or
signs it in a way that nobody has written down. A ticket is a moment and a code over it, the service
and the agent. Servers with the same settings take each other's tickets.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from .signatures import same

ROOT = "/telephone"
TICKET_S = 120
"""From the answer to the stream's beginning it takes a second or two."""
RINGING_S = 600
"""Where the address is given before somebody picks up."""

KEY_MARK = "key-"
TICKET_MARK = "call-"
"""How the last part of a path begins that is a proof, and not an agent."""

_TICKET = re.compile(r"call-([0-9a-f]{8,12})-([0-9a-f]{32})")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPath:
    """What a path below /telephone says. `proof` is the last part where it is a token or a ticket;
    `agent` may be empty."""

    service: str
    agent: str = ""
    proof: str = ""

    @property
    def quoted(self) -> str:
        """The path of a WebSocket."""
        parts = (self.service, self.agent, self.proof)
        return "/".join((ROOT, *(quote(part, safe="") for part in parts if part)))


def call_path(path: str, *, below: str = "") -> CallPath | None:
    """A decoded path taken apart: `/telephone/<service>[/<below>][/<agent>][/<proof>]`. None where
    it is no such path."""
    root, _, rest = path.partition(f"{ROOT}/")
    parts = rest.split("/")
    if root or not all(parts):
        return None
    service, *more = parts
    if below:
        if more[:1] != [below]:
            return None
        del more[:1]
    proof = more.pop() if more and more[-1].startswith((KEY_MARK, TICKET_MARK)) else ""
    if len(more) > 1:
        return None
    return CallPath(service=service, agent=more[0] if more else "", proof=proof)


class Tickets:
    """Makes and checks tickets. `keys` are secrets that all servers of a kind share; without any,
    tickets hold for this process alone."""

    def __init__(self, keys: Iterable[str]) -> None:
        known = "\n".join(keys)
        material = known.encode() if known else secrets.token_bytes(32)
        self._key = hashlib.sha256(b"parley-telephone-ticket\n" + material).digest()

    def make(self, service: str, agent: str, *, now_s: int, for_s: int = TICKET_S) -> str:
        moment = f"{now_s + for_s:08x}"
        return f"{TICKET_MARK}{moment}-{self._code(service, agent, moment)}"

    def holds(self, path: CallPath, *, now_s: int) -> bool:
        """Whether the path ends in a ticket for it that is not over."""
        found = _TICKET.fullmatch(path.proof)
        if found is None:
            return False
        right = self._code(path.service, path.agent, found[1])
        return same(found[2], right) and now_s <= int(found[1], 16)

    def _code(self, service: str, agent: str, moment: str) -> str:
        text = "\n".join((service, agent, moment)).encode("utf-8", "replace")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]
