"""A short silence, and what is known of it: where the VAD actor, which counts the silence,
meets the ASR actor, which knows what was said before it.

One per session. It outlives both actors.
"""

from __future__ import annotations

import trio

from ..turnstile import move_on_after

NO_OPINION = 0.5
"""Of how likely a turn is over: the ordinary silence decides."""

ANSWER_LIMIT_S = 0.5
"""An answer that comes later is too late: the ordinary silence decides. Meanwhile the audio waits,
so that what is heard does not depend on how fast a client sends."""


class Pauses:
    """Numbered from 1 over the session."""

    def __init__(self) -> None:
        self.newest = 0
        self._likelihood: float | None = None
        self._answered = trio.Event()

    def begin(self) -> int:
        """Another silence: what was said of the one before is of no use any more."""
        self.newest += 1
        self._likelihood = None
        self._answered = trio.Event()
        return self.newest

    def answer(self, pause: int, likelihood: float) -> None:
        """How likely the turn is over with this pause, 0 to 1."""
        if pause == self.newest:
            self._likelihood = min(max(likelihood, 0.0), 1.0)
            self._answered.set()

    async def likelihood(self) -> float:
        """Of the newest; waits for it, but not for long."""
        with move_on_after(ANSWER_LIMIT_S, "end of turn"):
            await self._answered.wait()
        return NO_OPINION if self._likelihood is None else self._likelihood


def window_ms(likelihood: float, *, floor_ms: int, ordinary_ms: int, ceiling_ms: int) -> int:
    """How long a silence must last that ends a turn: the floor where it is certainly over, the
    ceiling where it certainly is not, and the ordinary silence where nobody knows.

    By the square of the doubt on the way to the floor, and of the certainty on the way to the
    ceiling: measured on turns with pauses (docs/TURNS.md), that loses least of both.
    """
    floor_ms, ceiling_ms = min(floor_ms, ordinary_ms), max(ceiling_ms, ordinary_ms)
    if likelihood >= NO_OPINION:
        doubt = (1 - likelihood) / (1 - NO_OPINION)
        return round(floor_ms + (ordinary_ms - floor_ms) * doubt**2)
    certainty = (NO_OPINION - likelihood) / NO_OPINION
    return round(ordinary_ms + (ceiling_ms - ordinary_ms) * certainty**2)
