"""What a client is told that has asked to be able to go on over another connection: by which
ticket. The dialects spell it alike."""

from __future__ import annotations

from typing import Any

from . import events

RESUME_QUERY = "resume"
"""The parameter of an address that asks for a ticket, or brings one."""
PLAYED_QUERY = "played_ms"
"""Beside a ticket: so much of the reply that was cut the client has played."""


def ticket_message(event: events.TicketTold) -> dict[str, Any]:
    """`why` stands there only where a ticket was brought and is of no use."""
    message: dict[str, Any] = {"type": "resume", "ticket": event.ticket, "resumed": event.resumed}
    return {**message, "why": event.why} if event.why else message
