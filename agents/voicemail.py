"""A message for an answering machine that took a call which was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from ..conversation.events import LineNews, SessionEvent
from ..protocol.effects import Conduct

if TYPE_CHECKING:
    from .call import Call

MACHINE, BEEP = "machine", "beep"
"""News of the line. Some services tell of a machine by its beep alone."""

BEEP_S = 30.0
"""From the moment at which it is known to be a machine. Some do not beep: the message is left all
the same."""


async def leave_message(call: Call[Any], text: str) -> None:
    """Wait until a machine is there, say nothing to its greeting, leave the message behind its
    beep, and end the call. An empty text ends it at once."""
    async with call.events() as events:
        known_by = await _told(events, MACHINE, BEEP)
        if not known_by:
            return
        # Nobody answers what a machine says.
        await call._do(Conduct(name=call.agent.name, model=False))
        await call.interrupt()
        if not text:
            await call.end(at_once=True, reason="an answering machine took the call")
            return
        if known_by != BEEP:
            with trio.move_on_after(BEEP_S):
                await _told(events, BEEP)
        await call.end(call.filled(text), reason="a message was left on an answering machine")


async def _told(events: trio.MemoryReceiveChannel[SessionEvent], *news: str) -> str:
    """The first of these that is told; empty where the call is over before that."""
    async for event in events:
        if isinstance(event, LineNews) and event.news in news:
            return event.news
    return ""
