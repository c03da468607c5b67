"""What the rooms of the dialogue have it do: see `actor.py` for how they belong together."""

from __future__ import annotations

from typing import Protocol

from ...conversation.record import TurnRecord
from ...protocol.item_events import ReplyOutcome
from ..messages import UtteranceHeard


class Hands(Protocol):
    async def answer(
        self, report: UtteranceHeard | None = None, final_s: float | None = None
    ) -> None:
        """Answer what was said, if it may be answered now."""
        ...

    async def interrupt(self, record: TurnRecord, *, outcome: ReplyOutcome = "interrupted") -> None:
        """The live reply ends here."""
        ...

    async def close(self, code: int, reason: str) -> None: ...
