"""A tone from its beginning to its end, and which key of a telephone it is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .dtmf import COLUMNS_HZ, KEYS, ROWS_HZ

OFF = 0.02
"""A key's frequencies may be off by so much. ITU-T Q.24 wants 1.5 % taken and 3.5 % left."""
LEAST_RATIO = 0.125
"""Of the power of the weaker line to that of the stronger: 9 dB."""
KEY_LOOKS = 2
"""A key is told when it was seen in so many looks in a row."""

SAME = 0.015
"""A tone that moves by a greater share is another one."""
LEAST_MS = 60
"""What is shorter is no tone."""
FALL_DB = 6.0
"""A tone ends, and begins, where half of a look is filled with it: 6 dB under its level."""
STEP_MS = 20
"""Between two looks."""
HALF_WINDOW_MS = 32
"""A look is at what was there so long before its end, more than at anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTone:
    """A tone that is over. Its length is right to some 20 ms."""

    hertz: tuple[float, ...]
    """One or two frequencies, the stronger first."""
    key: str
    """The key of a telephone, "0" to "9", "*", "#", "A" to "D"; "" where it is none."""
    ms: int
    ended_ms: int
    """Where it ended, in the stream's time."""
    level_dbfs: float

    @property
    def single(self) -> bool:
        return len(self.hertz) == 1


def key_of(hertz: Sequence[float], ratio: float) -> str:
    """The key whose two frequencies these are; "" where they are none's. `ratio` is the power of
    the weaker to that of the stronger."""
    if len(hertz) != 2 or ratio < LEAST_RATIO:
        return ""
    low, high = sorted(hertz)
    row, column = _nearest(low, ROWS_HZ), _nearest(high, COLUMNS_HZ)
    return KEYS[row][column] if row is not None and column is not None else ""


def _nearest(hertz: float, known: Sequence[float]) -> int | None:
    for index, right in enumerate(known):
        if abs(hertz - right) <= OFF * right:
            return index
    return None


@dataclass(slots=True)
class ToneRun:
    """Looks in a row at which the same tone was all that there was."""

    looks: int = 0
    """How many; 0 where there is no tone."""
    _key: str = ""
    _seen: list[tuple[float, tuple[float, ...]]] = field(default_factory=list)
    """Level and frequencies of each look."""

    def take(
        self, hertz: tuple[float, ...], key: str, level_dbfs: float, now_ms: int
    ) -> LineTone | None:
        """One look: what was seen, nothing for no tone. Gives the tone that is over by that."""
        if hertz and self.looks and self._same(hertz, key):
            self.looks += 1
            self._seen.append((level_dbfs, hertz))
            return None
        over = self._over(now_ms)
        self.looks, self._key = (1, key) if hertz else (0, "")
        self._seen = [(level_dbfs, hertz)] if hertz else []
        return over

    def _same(self, hertz: tuple[float, ...], key: str) -> bool:
        if self._key or key:
            return self._key == key
        before = self._seen[0][1]
        if len(hertz) != len(before):
            return abs(hertz[0] - before[0]) <= SAME * hertz[0]
        pairs = zip(sorted(hertz), sorted(before), strict=True)
        return all(abs(now - then) <= SAME * then for now, then in pairs)

    def _over(self, now_ms: int) -> LineTone | None:
        if not self.looks:
            return None
        loudest = max(dbfs for dbfs, _ in self._seen)
        loud = [at for at, (dbfs, _) in enumerate(self._seen) if dbfs >= loudest - FALL_DB]
        ms = len(loud) * STEP_MS
        if (self._key and self.looks < KEY_LOOKS) or (not self._key and ms < LEAST_MS):
            return None
        after = self.looks - 1 - loud[-1]
        return LineTone(
            hertz=self._seen[loud[len(loud) // 2]][1],
            key=self._key,
            ms=ms,
            ended_ms=max(0, now_ms - (after + 1) * STEP_MS - HALF_WINDOW_MS),
            level_dbfs=loudest,
        )
