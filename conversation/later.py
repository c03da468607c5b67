"""What is to be said later in a conversation, when nobody asks for it: a timer that rings.

A responder asks for it beside its words (`SayLater`, `ForgetLater`). The dialogue keeps the wishes
of a reply that was written to its end, and says what is due as a reply of its own, at the first
moment after it at which nobody speaks and nothing is being said. Plain: no task, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

LATER_MAX = 50
"""So much may wait in one session: more than a person sets in a call, and a bound for a responder
that never stops. What is asked for beyond that is not kept, and counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SayLater:
    """Say `text` in this conversation, `after_s` seconds from now. Another wish of the same name
    takes its place; the empty name is everybody's, and replaces nothing."""

    text: str
    after_s: float
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetLater:
    """Do not say what was asked for by this name; None: nothing of all that waits."""

    name: str | None = None


Wish: TypeAlias = SayLater | ForgetLater


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    due_s: float
    number: int
    turn: int
    wish: SayLater


@dataclass(slots=True)
class Later:
    """Of one session."""

    _waiting: list[_Waiting] = field(default_factory=list)
    """In the order in which it is due."""
    _asked: int = 0

    def take(self, wish: Wish, turn: int, now_s: float) -> bool:
        """Keep a wish of this turn's reply. False where too much waits already."""
        if isinstance(wish, ForgetLater):
            self._keep(lambda waiting: wish.name not in (None, waiting.wish.name))
            return True
        if wish.name:
            self._keep(lambda waiting: waiting.wish.name != wish.name)
        if len(self._waiting) >= LATER_MAX:
            return False
        self._asked += 1
        due_s = now_s + (wish.after_s if wish.after_s > 0 else 0.0)  # so is what is no number
        self._waiting.append(_Waiting(due_s=due_s, number=self._asked, turn=turn, wish=wish))
        self._waiting.sort(key=lambda waiting: (waiting.due_s, waiting.number))
        return True

    def take_back(self, turn: int) -> None:
        """The turn was cancelled, and with it what it wished for."""
        self._keep(lambda waiting: waiting.turn != turn)

    @property
    def due_s(self) -> float:
        """When something is due next; inf: nothing waits."""
        return self._waiting[0].due_s if self._waiting else math.inf

    def next(self, now_s: float) -> str | None:
        """The text that has been due for longest, which is then no longer kept; None: none is."""
        if not self._waiting or self._waiting[0].due_s > now_s:
            return None
        return self._waiting.pop(0).wish.text

    def _keep(self, wanted: Callable[[_Waiting], bool]) -> None:
        self._waiting = [waiting for waiting in self._waiting if wanted(waiting)]
