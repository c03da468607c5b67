"""Figures of the last seconds, and a threshold that does not flap. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from statistics import fmean
from typing import ClassVar

EVERY_S = 0.2
"""Between two samples: five wake-ups a second cost a thousandth of a core."""
SAMPLES = 25
"""Five seconds: a burst of work passes in less, and an overload that lasts is seen within half a
second of its tenth sample."""
LEAST = 5
"""Of fewer samples nothing is said: a server that starts is late at first."""


@dataclass(slots=True)
class Window:
    """The newest samples of one figure."""

    samples: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))

    def note(self, value: float) -> None:
        self.samples.append(value)

    @property
    def p90(self) -> float:
        """What nine of ten samples do not exceed; 0 while there are too few."""
        return below(9, self.samples)

    @property
    def mean(self) -> float:
        return fmean(self.samples) if len(self.samples) >= LEAST else 0.0


def below(tenths: int, samples: Collection[float]) -> float:
    """What so many tenths of the samples do not exceed; 0 while there are too few."""
    return sorted(samples)[len(samples) * tenths // 10] if len(samples) >= LEAST else 0.0


def note_lateness(window: Window, late_s: float) -> None:
    """A wake-up that came `late_s` late. Those that would have come meanwhile were late as well:
    who counts only the wake-ups that there were takes a long stall for a single one."""
    for missed in range(min(int(late_s / EVERY_S), SAMPLES - 1), -1, -1):
        window.note(late_s - missed * EVERY_S)


@dataclass(slots=True)
class Threshold:
    """Passed from `limit` on, and again only once the figure has fallen to `OPENS` of it. A limit
    of 0 is never passed."""

    limit: float
    passed: bool = False

    OPENS: ClassVar[float] = 0.6
    """A figure that wavers about its limit wavers by less."""

    def look(self, value: float) -> bool:
        if self.limit <= 0:
            return False
        self.passed = value >= (self.limit * self.OPENS if self.passed else self.limit)
        return self.passed
