"""What follows a conversation from outside, turn by turn, for traces (server/traces.py).

It hears what a conductor hears, at the same moment; it must not block and may not raise.
"""

from __future__ import annotations

from typing import Protocol

from ..conversation.events import SessionEvent
from ..conversation.record import TurnRecord


class SessionTrace(Protocol):
    """One per session."""

    def told(
        self, event: SessionEvent, turn: TurnRecord | None, *, zero_s: float, now_s: float
    ) -> None:
        """Something happened. `turn` is the one that is live, or was last; of a Disconnected the
        one in whose middle the session ended. Times are seconds of
        the session's clock, which was at `zero_s` when the session began."""
        ...
