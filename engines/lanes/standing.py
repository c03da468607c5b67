"""How a lane stands: for /ready, /metrics and people. Needs no event loop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LaneState(StrEnum):
    STARTING = "starting"
    """Its worker is being started, or loads its engine."""
    READY = "ready"
    BACKING_OFF = "backing_off"
    """Its worker died, or could not be started, and the next one waits."""
    STOPPED = "stopped"
    """Nobody runs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One lane at one moment."""

    lane: str
    state: LaneState
    deaths: int
    """Workers that were lost since the server began."""
    failures: int
    """Deaths soon after the beginning, and failed loads, in a row."""
    why: str | None
    """Why it has no worker; None where it has one, or none was lost yet."""
    pause_s: float
    """How long it pauses from now on."""
    waiting: int
    """Jobs."""

    def told(self) -> str:
        """For people: why it does not work, and until when."""
        if self.state is LaneState.BACKING_OFF:
            return (
                f"{self.why or 'its worker is gone'}; the next one starts in {self.pause_s:.0f} s"
            )
        return self.why or "loading"
