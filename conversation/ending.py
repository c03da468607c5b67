"""How a session ends: open, draining, goodbye said. Plain; there is no way back."""

from __future__ import annotations

from enum import IntEnum


class Ending(IntEnum):
    OPEN = 0
    DRAINING = 1
    """The server stops: the live reply may finish, and no other begins."""
    GOODBYE = 2
    """The connection's close is on its way to the peer."""


class EndingState:
    """At which of them a session is."""

    def __init__(self) -> None:
        self.stage = Ending.OPEN

    @property
    def may_begin(self) -> bool:
        """Whether a turn may begin."""
        return self.stage is Ending.OPEN

    @property
    def draining(self) -> bool:
        return self.stage is Ending.DRAINING

    def drain(self) -> None:
        self.stage = max(self.stage, Ending.DRAINING)

    def say_goodbye(self) -> bool:
        """True the first time: a goodbye is said once."""
        first = self.stage is not Ending.GOODBYE
        self.stage = Ending.GOODBYE
        return first
