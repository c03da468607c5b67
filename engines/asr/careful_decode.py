"""The final pass over some audio, and what is done about a text that cannot be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from .decoded import Decoded, Guard
from .decoding import Job


class CarefulDecode:
    """What a guard does not believe is decoded again in another way, and if that is not believed
    either, it is nothing or the likelier of the two. What is the same words twice in both looks was
    said twice.

    `job` makes a decode; it is told whether it is the second one. Whoever drives this asks for
    `next_job` and gives its result to `take`, until there is none.
    """

    def __init__(
        self,
        *,
        job: Callable[[bool], Job],
        guard: Callable[[Decoded], Guard | None],
        doubts: Counter[str],
    ) -> None:
        """`doubts` counts what was not believed, by the guard's name."""
        self._job = job
        self._guard = guard
        self._doubts = doubts
        self._first: Decoded | None = None
        self._over = False
        self.believed: Decoded | None = None
        """What it says, in the end; None where nobody said anything."""

    @property
    def next_job(self) -> Job | None:
        return None if self._over else self._job(self._first is not None)

    def take(self, decoded: Decoded) -> None:
        """What came of the last job."""
        guard = self._guard(decoded)
        if self._first is None:
            self._first = decoded
            if guard is None:
                self.believed = decoded
            else:
                self._doubts[guard.value] += 1
            self._over = guard is None or guard is Guard.SILENCE
            return
        self._over = True
        if guard is None or guard is Guard.DOUBLED:  # said twice, then
            self.believed = decoded
            return
        self._doubts[f"{guard.value}, again"] += 1
        unsure = [d for d in (self._first, decoded) if self._guard(d) is Guard.UNSURE]
        if unsure:  # else loops and silence: nobody said that
            self.believed = max(unsure, key=lambda d: d.log_probability)
