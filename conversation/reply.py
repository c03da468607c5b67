"""The reply: made, being heard, suspended, over.

    NONE ──begun──▶ MADE ──audible──▶ HEARD ──over──▶ NONE
                      │  ▲              │  ▲
                suspended given back  suspended given back
                      ▼  │              ▼  │
                      SUSPENDED ──cut──▶ NONE

A suspended reply makes no sound, and what it says is kept; it goes on from the first sample that
was not heard, or ends. A model that is still writing is not held for longer than MODEL_HELD_S: its
stream is then cut off (`cut_off`), and the reply can only be begun again. Plain: no task, no clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from .record import TurnRecord

MODEL_HELD_S = 5.0
"""How long the stream of a model that is still writing is held. Servers give up on a reader that
reads nothing, and a request that nobody may ever hear costs somebody money."""


class Stage(Enum):
    NONE = "none"
    MADE = "made"
    HEARD = "being heard"
    SUSPENDED = "suspended"


@dataclass(slots=True)
class Reply:
    """The reply of a session, of which there is at most one."""

    stage: Stage = Stage.NONE
    record: TurnRecord | None = None
    """The live turn; None: there is none."""
    suspended_s: float = 0.0
    held: bool = False
    """Whether its client pauses it, or threw it away, because of a sound of which it is not known
    what it is."""
    cut_off: bool = False
    """Whether its model was cut off while it was suspended."""

    @property
    def live(self) -> bool:
        return self.record is not None

    @property
    def suspended(self) -> bool:
        return self.stage is Stage.SUSPENDED

    @property
    def fallen_silent(self) -> bool:
        """Whether it was suspended because somebody speaks, and the client knows it."""
        return self.suspended and not self.held

    def begin(self, record: TurnRecord) -> None:
        """Raises RuntimeError where another one is live: that is ended first."""
        if self.record is not None:
            raise RuntimeError(f"turn {self.record.turn} is still live")
        self.record, self.stage, self.cut_off, self.held = record, Stage.MADE, False, False

    def audible(self) -> None:
        if self.stage is Stage.MADE:
            self.stage = Stage.HEARD

    def suspend(self, now_s: float) -> None:
        if self.record is not None and self.stage is not Stage.SUSPENDED:
            self.stage, self.suspended_s = Stage.SUSPENDED, now_s

    def give_back(self) -> None:
        """It is made or heard again; the next audio says which."""
        if self.stage is Stage.SUSPENDED:
            self.stage = Stage.MADE

    def end(self) -> None:
        """It was heard to its end, was cut, or failed."""
        self.record, self.stage, self.cut_off, self.held = None, Stage.NONE, False, False

    @property
    def cut_off_s(self) -> float:
        """When the model's stream is to be cut off; inf: it is not."""
        record = self.record
        if self.stage is not Stage.SUSPENDED or record is None or record.written or self.cut_off:
            return math.inf
        if record.rounds.calling:
            return math.inf  # no model is held: tools are at work
        return self.suspended_s + MODEL_HELD_S
