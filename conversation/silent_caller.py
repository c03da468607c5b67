"""The caller who says nothing: after a while somebody asks, and after more the call is ended.

What counts is the time at which nobody speaks, nothing is being said and the microphone is open.
Plain: no task, no clock. Off where both times are 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


class Due(Enum):
    NOTHING = "nothing"
    ASK = "ask whether somebody is there"
    END = "end the call"


@dataclass(slots=True)
class SilentCaller:
    """Of one session. `ask_after_s` of silence brings the question, `end_after_s` more the end of
    the call; 0: never."""

    ask_after_s: float = 0.0
    end_after_s: float = 0.0
    model_asks: bool = False
    """The model says something instead, each time."""
    asked: bool = False
    _since_s: float = math.inf
    """Since when it is silent; inf: it is not."""

    def spoke(self) -> None:
        """The person said something, or made the beginning."""
        self.asked, self._since_s = False, math.inf

    def silent(self, silent: bool, now_s: float) -> None:
        """Whether it is silent now. Told whenever that may have changed."""
        if not silent:
            self._since_s = math.inf
        elif self._since_s == math.inf:
            self._since_s = now_s

    @property
    def due_s(self) -> float:
        """When something is due if it stays silent; inf: nothing is."""
        after_s = self.ask_after_s if self._asks_next else self.end_after_s
        return self._since_s + after_s if after_s > 0 else math.inf

    def due(self, now_s: float) -> Due:
        """What is due now. What is given counts as done."""
        if now_s < self.due_s:
            return Due.NOTHING
        self._since_s = now_s
        if not self._asks_next:
            return Due.END
        self.asked = True
        return Due.ASK

    @property
    def _asks_next(self) -> bool:
        return self.ask_after_s > 0 and not self.asked
