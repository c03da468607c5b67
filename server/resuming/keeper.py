"""Keeps a conversation while it lasts: looks a few times a second, and writes what has changed.

It looks from outside, as `GET /sessions` does, so no actor knows of it and nothing of it is on a
session's tape. What is lost with a process that dies is what happened since the last look.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import trio

from ...supervisor import Child, Restart
from ...transport import Transport
from .resumption import Held, Resumption

EVERY_S = 0.5
"""Between two looks: two words, of a reply that is being said."""
ELSEWHERE_S = 5.0
"""Between two looks whether the conversation goes on elsewhere. A connection that is lost without a
word seems open for as long as a ping may take; its agent would act in two places meanwhile."""


async def keep_looking(
    resumption: Resumption, held: Held, *, has_spoken: Callable[[], bool]
) -> None:
    """Until it is cancelled, or the conversation goes on elsewhere: then the connection is cut.
    `has_spoken`: whether the client has sent anything over this connection."""
    look_elsewhere_s = trio.current_time() + ELSEWHERE_S
    while True:
        if held.before is not None and has_spoken():
            resumption.confirm(held)
        resumption.keep(held)
        if trio.current_time() >= look_elsewhere_s:
            look_elsewhere_s += ELSEWHERE_S
            if await resumption.goes_on_elsewhere(held):
                held.drop()
                return
        await trio.sleep(EVERY_S)


def keeper(resumption: Resumption, held: Held, transport: Transport) -> Child:
    """As a child of the session."""
    opened_s = trio.current_time()

    def has_spoken() -> bool:
        return bool(getattr(transport, "last_received", opened_s) > opened_s)

    look = functools.partial(keep_looking, resumption, held, has_spoken=has_spoken)
    return Child("keeper", run=look, restart=Restart.TRANSIENT)
