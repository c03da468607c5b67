"""Dialect C's energy rules: a floor that only the quiet moves, a threshold above it that the
sensitivity sets. In process, never fails.

`NoiseFloor` judges levels; `NewSpeechDetector` makes it a session's detector, `BargeInDetector`
(bargein.py) an embedder's. The rules have a limit: noise that is over the threshold from the start
stays speech until a `reset`, for it never reaches the floor. Source: wire facts of dialect C.
"""

from __future__ import annotations

from collections import deque
from statistics import fmean

from .energy import level_dbfs

FRAME_MS = 20
WINDOW_FRAMES = 2000 // FRAME_MS
"""The noise floor is the mean level of so many quiet frames: 2 s."""

START_DB = -40.0
"""The threshold before anything was heard. The floor starts as far below it as it is to be."""

LOWEST_DB = -60.0
"""The threshold is never lower: a room without any noise must not make a breath speech."""

SPAN_DB = 20.0
"""What the least sensitive detector wants speech to stand above the floor."""

QUIET_FRAMES = 200 // FRAME_MS
"""Sound is over after 200 ms of quiet. The dips between syllables are shorter."""


class NoiseFloor:
    """Give it each frame's level (dB of full scale) in order. `sensitivity` is 0 to 1, else a
    ValueError; 1 takes everything above the floor for speech."""

    def __init__(self, sensitivity: float) -> None:
        if not 0.0 <= sensitivity <= 1.0:
            raise ValueError(f"the sensitivity is 0 to 1, not {sensitivity}")
        self.sensitivity = sensitivity
        self._margin_db = (1.0 - sensitivity) * SPAN_DB
        self.reset()

    def reset(self) -> None:
        self.db = START_DB - self._margin_db
        self._quiet: deque[float] = deque([self.db] * WINDOW_FRAMES, maxlen=WINDOW_FRAMES)
        self._hold = 0

    @property
    def threshold_db(self) -> float:
        return max(LOWEST_DB, self.db + self._margin_db)

    @property
    def in_sound(self) -> bool:
        """Whether the newest loud frame is less than 200 ms ago: the floor stays where it is."""
        return self._hold > 0

    def is_loud(self, level_db: float) -> bool:
        """Judge the next frame, and learn from it if it is quiet."""
        loud = level_db > self.threshold_db
        if loud:
            self._hold = QUIET_FRAMES
        elif self._hold:
            self._hold -= 1
        else:
            self._quiet.append(level_db)
            self.db = fmean(self._quiet)
        return loud


class NewSpeechDetector:
    """A frame is speech when it is loud. How long it must last is the endpointer's business."""

    rate_hz = 16_000
    frame_samples = rate_hz * FRAME_MS // 1000

    def __init__(self, sensitivity: float = 0.6) -> None:
        self._floor = NoiseFloor(sensitivity)

    def is_speech(self, pcm16: bytes) -> bool:
        return self._floor.is_loud(level_dbfs(pcm16))

    def reset(self) -> None:
        self._floor.reset()
