"""What all events of a session have."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`turn` is the number of the turn an event belongs to, 0 for what belongs to none;
    `generation` counts how often that turn was suspended before it said this. The sender drops what
    is void by then."""

    turn: int = 0
    generation: int = 0
