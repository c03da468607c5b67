"""How a place stands: for /ready, /metrics and people. Needs no event loop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PlaceState(StrEnum):
    WELL = "well"
    BUSY = "busy"
    """It wants to be left alone for a while, by its own word."""
    RESTING = "resting"
    """It failed."""
    TRIAL = "trial"
    """It has rested: the next request tries it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceStanding:
    """One place at one moment: for /ready, /metrics and people."""

    kind: str
    """What it is asked for: asr, llm or tts."""
    place: str
    """Host and port, and the path where it is not /v1."""
    state: PlaceState
    in_hand: int
    usual_s: float
    """How long its answers take to begin, newest most; 0 while it has given none."""
    failures: int
    """In a row."""
    why: str | None
    """What failed, where it rests."""
    pause_s: float
    """How long it is still left alone."""
    asked: int
    answered: int
    failed: int
    late: int
    busy: int

    def told(self) -> str:
        """For people: why it is not asked, and until when."""
        again = f"; it is tried again in {self.pause_s:.0f} s" if self.pause_s >= 1 else ""
        return f"{self.why or self.state}{again}"
