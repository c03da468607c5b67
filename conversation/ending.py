"""How a session ends: open, draining, goodbye said. Plain; there is no way back."""

from __future__ import annotations

from enum import IntEnum

from ..protocol import close_codes


class Ending(IntEnum):
    OPEN = 0
    DRAINING = 1
    """The live reply may finish, and no other begins."""
    GOODBYE = 2
    """The connection's close is on its way to the peer."""


class EndingState:
    """At which of them a session is, and with which words it ends."""

    def __init__(self) -> None:
        self.stage = Ending.OPEN
        self.code = close_codes.GOING_AWAY
        self.reason = "server shutting down"
        self.transfer = ""
        """Where the caller is put through to."""
        self._farewell = ""

    @property
    def may_begin(self) -> bool:
        """Whether a turn may begin."""
        return self.stage is Ending.OPEN

    @property
    def draining(self) -> bool:
        return self.stage is Ending.DRAINING

    def drain(self) -> None:
        """The server stops."""
        self.stage = max(self.stage, Ending.DRAINING)

    def leave(self, code: int, reason: str, *, farewell: str = "", transfer: str = "") -> bool:
        """Somebody ends the conversation; `farewell` is still to be said. False where it is ending
        already."""
        if not self.may_begin:
            return False
        self.stage = Ending.DRAINING
        self.code, self.reason, self.transfer, self._farewell = code, reason, transfer, farewell
        return True

    @property
    def has_farewell(self) -> bool:
        """Whether something is still to be said before the goodbye."""
        return bool(self._farewell)

    def farewell(self) -> str:
        """What is still to be said before the goodbye, once."""
        words, self._farewell = self._farewell, ""
        return words

    @property
    def in_peace(self) -> bool:
        """Whether it was ended by its client's wish or a conductor's, and not by the server's."""
        return self.stage is Ending.GOODBYE and self.code == close_codes.NORMAL

    def say_goodbye(self, code: int) -> bool:
        """True the first time: a goodbye is said once. `code` closes the connection."""
        if self.stage is Ending.GOODBYE:
            return False
        self.stage, self.code = Ending.GOODBYE, code
        return True
