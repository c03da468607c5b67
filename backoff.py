"""How long whoever failed pauses before the next attempt. No I/O, no clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

Chance: TypeAlias = Callable[[], float]
"""Gives numbers from 0 up to 1, as `random.random` does."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The pause before attempt after attempt: it doubles from `first_s` up to `most_s`, and of
    that a part, up to `jitter` of it, is left out by chance, so that those which failed together
    do not all begin again at the same moment."""

    first_s: float
    most_s: float
    jitter: float = 0.0

    def pause_s(self, failures: int, chance: Chance = random.random) -> float:
        """After `failures` failures in a row; none after none."""
        if not failures:
            return 0.0
        whole_s = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return whole_s * (1 - self.jitter * chance())


@dataclass(slots=True)
class Attempts:
    """Attempts in a row of one who fails, and how long to wait before the next."""

    backoff: Backoff
    chance: Chance = field(default=random.random, repr=False)
    _failures: int = 0

    def next_s(self) -> float:
        """After one more failure."""
        self._failures += 1
        return self.backoff.pause_s(self._failures, self.chance)

    def begin_again(self) -> None:
        """One did not fail."""
        self._failures = 0
