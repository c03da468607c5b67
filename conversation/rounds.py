"""The rounds of a reply: a model writes, calls tools, is told their results, and writes on.

Plain; part of a turn's record, so that an actor that is restarted goes on in the round in which it
crashed.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..protocol.chat import ToolCall

MAX_CALLS = 32
"""Of one round. A model that wants more at once is told so for each of the others."""

ID_LETTERS = string.digits + string.ascii_letters
ID_CHARS = 9
"""Some chat templates take ids of nine letters and digits, and no others."""


@dataclass(slots=True)
class Rounds:
    """Of one turn."""

    over: int = 0
    """How many rounds have ended with calls whose results are there."""
    calls: tuple[ToolCall, ...] = ()
    """What the round in hand wants called, once it is written."""
    told: bool = False
    """Whether the dialogue knows of these."""
    to_client: bool = False
    """Whether the client runs one of the calls: the reply ends with it."""
    text_from: int = 0
    """Where in the turn's text the round in hand begins."""

    @property
    def calling(self) -> bool:
        """Whether tools are at work, so that the model is not."""
        return bool(self.calls) and self.told

    def next(self, text_from: int) -> None:
        self.over, self.calls, self.told, self.text_from = self.over + 1, (), False, text_from


def taken_calls(
    calls: Sequence[ToolCall], *, taken: Callable[[str], bool], number: int
) -> list[ToolCall]:
    """The calls with ids that no other call of the conversation has. One that says all the same as
    another one of its round, the id included, is that one, and is left out.

    `taken` tells whether an id is in use; `number` makes new ones, and is this round's alone.
    """
    kept: list[ToolCall] = []
    seen: set[str] = set()
    for position, call in enumerate(calls):
        if call.id and call in calls[:position]:
            continue
        call_id = call.id
        attempt = 0
        while not call_id or call_id in seen or taken(call_id):
            call_id = _made_id(number, position, attempt)
            attempt += 1
        seen.add(call_id)
        kept.append(call if call_id == call.id else replace(call, id=call_id))
    return kept


def _made_id(number: int, position: int, attempt: int) -> str:
    digits, value = "", (number * MAX_CALLS * 4 + position) * 64 + attempt
    for _ in range(ID_CHARS - 1):
        value, digit = divmod(value, len(ID_LETTERS))
        digits = ID_LETTERS[digit] + digits
    return "c" + digits
