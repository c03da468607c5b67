"""The carrier's time: what comes over a line is put where the carrier says that it was said.

Packets are lost on the way, some lines send nothing while nobody speaks, and a network that stalls
gives back everything at once. The place of a piece is told by its timestamp, its turn by its
number; what is missing is silence, and what comes behind its place was missing already.

The line's time is also the measure of what was played: a mark that comes back stands among pieces
whose times are known, however late all of them arrive.
"""

from __future__ import annotations

SLACK_MS = 15.0
"""Timestamps may be rounded by so much: more is a gap."""

MAX_GAP_MS = 3_600_000.0
MAX_BACK_MS = 5_000.0
"""What lies further ahead or back than this is the count of another stream, and the count goes on
from there."""

MAX_FILL_MS = 10_000.0
"""The longest silence that is put in at once: every turn ends within it."""

AHEAD_MS = 2_000.0
"""By how much what was heard may be ahead of the time that has passed, by silence put in."""


class LineClock:
    """Of one line. Times are milliseconds: of the line since its first piece, or `now_ms` of any
    clock of ours."""

    def __init__(self) -> None:
        self.jumps = 0
        """How often the count was another one."""
        self._base_ms: float | None = None
        self._line_ms = 0.0
        self._quiet_ms = 0.0
        self._first_ms = 0.0
        self._newest_ms = 0.0

    def now_ms(self, now_ms: float) -> float:
        """The line's time: that of the newest piece, or on a line that is silent by our clock."""
        return self._line_ms + (now_ms - self._newest_ms if self._quiet_ms else 0.0)

    def quiet(self, ms: float) -> float:
        """Nothing came for so long. Gives how much silence is to be heard for it, which is taken
        off what is put in if the silence was on the line."""
        self._quiet_ms += ms
        return ms

    def place(self, length_ms: float, at_ms: float | None, now_ms: float) -> tuple[float, float]:
        """A piece of this length came, which the service places at `at_ms`; None: behind the one
        before. Gives how much silence is missing before it, and how much of its beginning was
        replaced by silence already."""
        if self._base_ms is None:
            self._base_ms = at_ms or 0.0
            self._first_ms = now_ms
        self._newest_ms = now_ms
        if at_ms is None:
            # Nothing says whether the line was silent or the network stood still.
            self._line_ms += self._quiet_ms
        gap_ms = 0.0 if at_ms is None else at_ms - self._base_ms - self._line_ms
        if gap_ms > MAX_GAP_MS or gap_ms < -MAX_BACK_MS:
            self.jumps += 1
            self._base_ms += gap_ms
            gap_ms = 0.0
        quiet_ms, self._quiet_ms = self._quiet_ms, 0.0
        if abs(gap_ms) <= SLACK_MS:
            self._line_ms += length_ms
            return 0.0, 0.0
        if gap_ms < 0:
            late_ms = min(-gap_ms, length_ms)
            self._line_ms += length_ms - late_ms
            self._quiet_ms = quiet_ms
            return 0.0, late_ms
        self._line_ms += gap_ms + length_ms
        passed_ms = now_ms - self._first_ms + AHEAD_MS
        most_ms = min(MAX_FILL_MS, max(0.0, passed_ms - self._line_ms + gap_ms))
        return max(0.0, min(gap_ms - quiet_ms, most_ms)), 0.0


WAIT_PIECES = 5
"""So many pieces are waited for one that is missing: 100 ms."""

OTHER_COUNT = 1_000
"""A number so far from the expected one is of another count."""


class InOrder:
    """Pieces by their numbers, where a service does not keep their order. A piece that is expected
    is never waited with."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._waiting: dict[int, tuple[bytes, float | None]] = {}

    def push(
        self, number: int, data: bytes, at_ms: float | None
    ) -> list[tuple[bytes, float | None]]:
        """A piece came. Gives those whose turn it is."""
        if self._next is None or abs(number - self._next) > OTHER_COUNT:
            self._waiting.clear()
            self._next = number
        if number < self._next:
            return [(data, at_ms)]  # too late: its timestamp says so, too
        self._waiting[number] = (data, at_ms)
        if number != self._next and len(self._waiting) > WAIT_PIECES:
            self._next = min(self._waiting)
        ready = []
        while (piece := self._waiting.pop(self._next, None)) is not None:
            ready.append(piece)
            self._next += 1
        return ready
