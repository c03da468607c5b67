"""What a client shows to go on with its conversation: which one it is, and a secret.

It is a capability: who has it has the conversation. It cannot be guessed (144 bits), and each
connection of a conversation gives a new one (`generation`), so that an older one is told from a
newer one. Nothing is stored of it but a hash of the secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

_TICKET = re.compile(r"([0-9a-f]{16})\.([1-9][0-9]{0,8})\.([\w-]{24})")


class BadTicket(ValueError):
    """It is no ticket at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeTicket:
    conversation: str
    generation: int
    """1 for the first connection of a conversation."""
    secret: str

    def __str__(self) -> str:
        return f"{self.conversation}.{self.generation}.{self.secret}"

    @property
    def key(self) -> str:
        """Where the conversation is kept, as this connection left it."""
        return f"parley:conversation:{self.conversation}:{self.generation}"

    @property
    def claim(self) -> str:
        """Where it is noted that somebody goes on from there."""
        return f"parley:claim:{self.conversation}:{self.generation}"

    @property
    def hashed(self) -> str:
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def proves(self, hashed: str) -> bool:
        """Whether its secret is the one of this hash; takes the same time in any case."""
        return hmac.compare_digest(self.hashed, hashed)

    def next(self) -> ResumeTicket:
        """Of the connection that goes on from this one."""
        return ResumeTicket(
            conversation=self.conversation, generation=self.generation + 1, secret=_secret()
        )


def new_ticket() -> ResumeTicket:
    """Of a conversation that begins."""
    return ResumeTicket(conversation=secrets.token_hex(8), generation=1, secret=_secret())


def ticket_of(text: str) -> ResumeTicket:
    """Raises BadTicket."""
    found = _TICKET.fullmatch(text)
    if found is None:
        raise BadTicket("this is no ticket to go on with a conversation")
    return ResumeTicket(conversation=found[1], generation=int(found[2]), secret=found[3])


def _secret() -> str:
    return secrets.token_urlsafe(18)
