"""Text that is rewritten step by step and still knows where each of its characters comes from."""

from __future__ import annotations

from collections.abc import Callable
from re import Match, Pattern

Rewrite = Callable[[Match[str]], str | None]
"""What a match becomes; None leaves it as it is."""


class Mapped:
    """A text, and for each of its characters the slice of the original text that it says.

    A replacement as a whole says what it replaced: its last character has the original's slice, and
    the characters before it an empty one at its beginning, so that nothing counts as said before
    the replacement was said to its end. What is removed is said by nobody.
    """

    __slots__ = ("_ends", "_starts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = list(range(len(text)))
        self._ends = list(range(1, len(text) + 1))

    def sub(self, pattern: Pattern[str], rewrite: str | Rewrite) -> None:
        """Replace each match of `pattern`. A plain string is meant as it stands."""
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for match in pattern.finditer(self.text):
            new = rewrite if isinstance(rewrite, str) else rewrite(match)
            start, end = match.span()
            if new is None or new == match[0]:
                continue
            pieces += (self.text[at:start], new)
            starts += self._starts[at:start]
            ends += self._ends[at:start]
            kept = _common_prefix(self.text[start:end], new)
            starts += self._starts[start : start + kept]
            ends += self._ends[start : start + kept]
            if len(new) > kept:
                first = self._starts[start + kept] if start + kept < end else self._last(end)
                starts += [first] * (len(new) - kept)
                ends += [first] * (len(new) - kept - 1)
                ends.append(self._last(end))
            at = end
        if pieces:
            pieces.append(self.text[at:])
            starts += self._starts[at:]
            ends += self._ends[at:]
            self.text = "".join(pieces)
            self._starts, self._ends = starts, ends

    def _last(self, at: int) -> int:
        """Where the original text stands behind everything before `at`."""
        return self._ends[at - 1] if at else 0

    def sources(self) -> list[tuple[int, int]]:
        """For each character, the slice of the original text that is said with it."""
        return list(zip(self._starts, self._ends, strict=True))


def _common_prefix(old: str, new: str) -> int:
    """How many characters a replacement leaves as they were. They keep their own places."""
    length = min(len(old), len(new))
    for at in range(length):
        if old[at] != new[at]:
            return at
    return length if len(new) > length or len(old) == len(new) else max(0, length - 1)
