"""How long to wait before another attempt. No I/O, no clock."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Twice as long after each attempt, from `first_s` to `most_s`, and a random share of a half
    less, so that many servers do not come back at one moment."""

    first_s: float = 0.25
    most_s: float = 5.0
    chance: random.Random = field(default_factory=random.Random, repr=False)
    _attempts: int = 0

    def next_s(self) -> float:
        wait_s = min(self.most_s, self.first_s * 2.0 ** min(self._attempts, 30))
        self._attempts += 1
        return wait_s * (1 - self.chance.random() / 2)

    def begin_again(self) -> None:
        self._attempts = 0
