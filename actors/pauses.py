"""A short silence, and what is known of it: where the VAD actor, which counts the silence,
meets the ASR actor, which knows what was said before it.

One per session. It outlives both actors.
"""

from __future__ import annotations

import trio

from ..conversation.patience import NO_OPINION
from ..turnstile import move_on_after

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
