"""Keys that the person presses on a telephone, where nobody's code collects them.

They are no speech. What is pressed is put together until "#" or a pause, and then told to the model
as words: somebody who presses before they speak is answered, too. Plain: no task, no clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..audio.dtmf import tones_ms

PAUSE_S = 2.0
"""So long after a key there is no further one, and what was pressed is whole."""

MOST = 40
"""More is somebody leaning on the keypad."""

END = "#"


@dataclass(slots=True)
class PressedDigits:
    collected: bool = False
    """Whether code collects them: nothing is put together here."""
    keys: str = ""
    due_s: float = math.inf
    """When what was pressed is whole; inf: nothing was."""

    def press(self, key: str, now_s: float) -> None:
        if self.collected or len(self.keys) >= MOST:
            return
        self.keys += key
        self.due_s = now_s if key == END else now_s + PAUSE_S

    def take(self) -> str:
        """What was pressed, and nothing of it is kept."""
        keys, self.keys, self.due_s = self.keys, "", math.inf
        return keys


def pressing_s(keys: str) -> float:
    """How long it takes to press these keys for the other side, pauses among them."""
    return tones_ms(keys) / 1000


def as_words(keys: str) -> str:
    """What the model is told."""
    return f"(pressed {' '.join(keys.removesuffix(END) or keys)} on the telephone's keypad)"
