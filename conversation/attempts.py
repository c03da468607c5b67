"""What an actor holds while it works on it. Its owner keeps it, so that an incarnation that comes
after a crash goes on with the same thing instead of losing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_ATTEMPTS = 2
"""One failure is bad luck: a worker was killed, a call hung. After a second one on the same thing
that thing is given up, and the next one gets its chance."""


@dataclass(slots=True)
class Attempts(Generic[T]):
    """One thing in hand, and how often its work was begun."""

    item: T | None = None
    attempts: int = 0
    max_attempts: int = MAX_ATTEMPTS
    begun: bool = False
    """Whether some of its result is on its way already, so that doing it again would repeat it."""

    def take(self, item: T) -> T:
        self.item = item
        self.attempts = 0
        self.begun = False
        return item

    def attempt(self) -> None:
        """Count a beginning. Call it before the work, so that a crash has been counted."""
        self.attempts += 1

    @property
    def spent(self) -> bool:
        """Whether the thing has failed as often as it may."""
        return self.attempts >= self.max_attempts

    def put_down(self) -> None:
        self.item = None
        self.attempts = 0
        self.begun = False
