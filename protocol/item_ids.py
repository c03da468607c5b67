"""The ids of items and replies as clients are told them: made of the session's and of numbers, so
that they are known before the item is there, and the same in a replay."""

from __future__ import annotations

from dataclasses import dataclass

_TAG_CHARS = 8


@dataclass(frozen=True, slots=True)
class ItemIds:
    """Of one session."""

    session_id: str

    def utterance(self, number: int) -> str:
        """What was said in the utterance of this number."""
        return self._id("item", f"u{number}")

    def reply(self, turn: int) -> str:
        """What Parley said in this turn."""
        return self._id("item", f"r{turn}")

    def call(self, turn: int, position: int) -> str:
        """A call of a tool in this turn, counted from 0."""
        return self._id("item", f"r{turn}f{position}")

    def given(self, number: int) -> str:
        """What a client put into the conversation without an id of its own."""
        return self._id("item", f"g{number}")

    def response(self, turn: int) -> str:
        return self._id("resp", str(turn))

    @property
    def session(self) -> str:
        return self._id("sess", "1")

    @property
    def conversation(self) -> str:
        return self._id("conv", "1")

    def turn_of(self, response_id: str) -> int:
        """The turn of a response's id; 0: it is none of this session's."""
        prefix = self._id("resp", "")
        number = response_id.removeprefix(prefix)
        return int(number) if response_id.startswith(prefix) and number.isdecimal() else 0

    def _id(self, kind: str, number: str) -> str:
        tag = "".join(c for c in self.session_id if c.isalnum())[:_TAG_CHARS]
        return f"{kind}_{tag}_{number}"
