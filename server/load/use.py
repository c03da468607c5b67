"""How much of the processor people take together, of the last minutes. Pure.

People talk for seconds and listen for more, and what they need together wavers: among forty of whom
four talk, the busier moments of one half minute take 80 % of the processor and those of the next
one 92 %. Nobody who is in is sent away again, so a door that opened in each quiet half minute would
let more and more people in. So two windows are looked at, and what is more counts: a short one,
which sees at once that it has become too much, and a long one, which forgets it slowly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from .window import LEAST, below

SHORT = 30
"""Samples, one a second: what people need together is seen in nothing shorter."""
LONG = 180
"""Samples: what is rare among so many people comes a few times in so long."""
MANY_MORE = 1.5
"""What fewer people took counts for so much more at most: three who talk all the time say little of
twenty who mostly listen."""


@dataclass(slots=True)
class ProcessorUse:
    """A sample is which share of the processor was taken, and how many people were in."""

    samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=LONG))

    def note(self, share: float, people: int) -> None:
        self.samples.append((share, people))

    @property
    def p80(self) -> float:
        """What was taken in the busier moments of the last half minute."""
        return below(8, [share for share, _ in self._newest()])

    def with_people(self, people: int, most_each: float) -> float:
        """What so many would take in the busier moments. Who came since it was measured counts as
        the others do, or as `most_each`; what more or fewer people took before counts for as much
        less or more."""
        crowd = _mean(count for _, count in self._newest())
        each = min(self.p80 / max(crowd, 1.0), most_each)
        now = self.p80 + each * max(0.0, people - crowd)
        scaled = [share * min(MANY_MORE, people / max(count, 1)) for share, count in self.samples]
        return max(now, below(8, scaled))

    def _newest(self) -> Iterable[tuple[float, int]]:
        return islice(reversed(self.samples), SHORT)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if len(found) >= LEAST else 0.0
