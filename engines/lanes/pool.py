"""Several lanes with one engine, and how they are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .giving_way import gives_way
from .lane import Lane


def numbered_lanes(kind: str, count: int, load: Callable[[], object]) -> tuple[Lane, ...]:
    """Lanes named `kind`-1, `kind`-2 and so on. `load` runs in each new worker."""
    return tuple(Lane(f"{kind}-{number}", load) for number in range(1, count + 1))


class LanePool:
    """Lanes with the same engine. Any of them serves a call that needs no state."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        if not lanes:
            raise ValueError("a pool has at least one lane")
        self.lanes = tuple(lanes)
        self._next = 0

    @property
    def ready(self) -> bool:
        """Whether at least one lane serves. With one restarting the server is slower, not down."""
        return any(lane.ready for lane in self.lanes)

    @property
    def load_error(self) -> str | None:
        """Why none of them serves, as far as that is known."""
        errors = (lane.load_error for lane in self.lanes if lane.load_error is not None)
        return None if self.ready else next(errors, None)

    def pick(self) -> Lane:
        """The least loaded: of the ready ones, else of those that may become ready. Equals take
        turns. Where no lane can serve, the caller learns it from the lane.

        Who gives way has the second half of the lanes: what runs cannot be taken back, so a talker
        always finds a lane, and a core, without it. Where none of these is ready, it has any."""
        if gives_way():
            theirs = self.lanes[len(self.lanes) // 2 :]
            return min(
                theirs if any(lane.ready for lane in theirs) else self.lanes,
                key=lambda lane: (not lane.ready, lane.refusal is not None, lane.load),
            )
        lane = min(
            self.lanes[self._next :] + self.lanes[: self._next],
            key=lambda lane: (not lane.ready, lane.refusal is not None, lane.live_load),
        )
        self._next = (self.lanes.index(lane) + 1) % len(self.lanes)
        return lane
