"""The early reply: one that was begun at a short silence, in case that is the end of the turn.

It is taken up if in the end exactly what it answers is to be answered; else it is dropped, and
nobody ever hears of it. Plain; `Exit` is whatever holds back what it says meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from ..protocol.chat import ChatMessage
from .record import TurnRecord

Exit = TypeVar("Exit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun(Generic[Exit]):
    record: TurnRecord
    conversation: list[ChatMessage]
    exit: Exit


class EarlyReply(Generic[Exit]):
    """At most one at a time, and at most `max_per_utterance` for one utterance."""

    def __init__(self, max_per_utterance: int) -> None:
        self._max = max_per_utterance
        self._utterance = 0
        self._count = 0
        self._begun: Begun[Exit] | None = None

    @property
    def begun(self) -> bool:
        return self._begun is not None

    def may_begin(self, utterance: int) -> bool:
        """Whether another one may be begun for this utterance; there is none now."""
        count = self._count if utterance == self._utterance else 0
        return self._begun is None and count < self._max

    def begin(self, utterance: int, begun: Begun[Exit]) -> None:
        self._count = self._count + 1 if utterance == self._utterance else 1
        self._utterance = utterance
        self._begun = begun

    def take(self) -> Begun[Exit] | None:
        """What was begun, which is the caller's now: to take it up or to drop it."""
        begun, self._begun = self._begun, None
        return begun
