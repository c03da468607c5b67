"""Somebody who was let in: by which token, from where, and what it uses of its share.

One per request or WebSocket. Whoever works for it finds it by `current_guest`, which is that of the
task's own connection, and tells it what was spent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import trio

from ...engines.spending import Unit, spend_for
from ..http.head import BadRequest
from .limits import Meter
from .tokens import Token


@dataclass(slots=True, kw_only=True)
class Guest:
    """`meters` are those of its token and of its address; `token` None: nobody was asked for one.
    `claims` are the token's and its ticket's."""

    token: Token | None = None
    address: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    meters: Sequence[Meter] = ()
    on_refused: Callable[[str], None] = lambda reason: None
    on_exhausted: Callable[[Unit], None] | None = None
    """Called once, when a share is used up in the middle of something."""

    def spend(self, unit: Unit, amount: float) -> None:
        """Something was used. That it is too much has consequences for what comes next."""
        now_s = trio.current_time()
        for meter in self.meters:
            meter.spend(unit, amount, now_s)
            if self.on_exhausted is not None and (over := meter.exhausted(now_s)) is not None:
                told, self.on_exhausted = self.on_exhausted, None
                self.on_refused("share_used_up")
                told(over[0])

    def wait_for_bytes(self, count: int) -> float:
        """`count` bytes were read; how many seconds to wait before more are read."""
        now_s, wait_s = trio.current_time(), 0.0
        for meter in self.meters:
            meter.bytes.take(count, now_s)
            wait_s = max(wait_s, meter.bytes.wait_s(now_s))
        return wait_s

    def check_share(self) -> None:
        """Raises BadRequest (429) where a share is used up."""
        now_s = trio.current_time()
        for meter in self.meters:
            if (over := meter.exhausted(now_s)) is not None:
                unit, wait_s = over
                raise too_many(f"the {unit.value} of {meter.name} are used up for now", wait_s)

    @contextmanager
    def conversation(self) -> Iterator[None]:
        """A place for one session. Raises BadRequest (429) where there is none."""
        for meter in self.meters:
            if meter.full:
                self.on_refused("too_many_sessions")
                raise too_many(
                    f"{meter.name} has {meter.all_sessions} conversations, and may not have more "
                    "at once",
                    SESSION_WAIT_S,
                )
        for meter in self.meters:
            meter.sessions += 1
        try:
            yield
        finally:
            for meter in self.meters:
                meter.sessions -= 1


SESSION_WAIT_S = 5.0
"""What one is asked to wait for a place."""


def too_many(message: str, wait_s: float) -> BadRequest:
    """429, and when to come back."""
    told = (("Retry-After", str(max(1, ceil(wait_s)))),)
    return BadRequest(429, f"{message}; try again in {ceil(wait_s)} s", told)


NOBODY = Guest()
"""Whoever came by no door: without limits, and nothing is known of it."""

_current: ContextVar[Guest] = ContextVar("parley_guest", default=NOBODY)


def current_guest() -> Guest:
    """The one that the current task works for."""
    return _current.get()


def work_for(guest: Guest) -> None:
    """From now on the current task works for `guest`."""
    _current.set(guest)
    spend_for(guest.spend)
