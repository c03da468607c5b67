"""The end of a turn from its sound: Smart Turn v3, in lanes. It looks at no words.

The model is a file that is given by its path (an encoder of Whisper's tiny shape with a classifier
on it, 8.7 MB, BSD-2-Clause; on the hub as pipecat-ai/smart-turn-v3). Its makers train it on many
languages. A call takes 24 ms
of a quiet core and some 60 of a busy one, however long the audio is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from ..lanes.pool import LanePool
from . import smart_turn_worker as worker
from .interface import Pause

SHARPNESS = 3.0
"""Its makers ask whether it says more than a half, and no more. The window of silence asks how much
more: so its answers are drawn apart. Measured in docs/TURNS.md."""
LEAST = 0.001


def loader(path: str) -> Callable[[], None]:
    """What a lane for this engine needs as its `init`: the model at `path`. A file that is missing,
    damaged or of another model is a load error."""
    return partial(worker.load, path)


class SmartTurnEnd:
    """Shared by all sessions. A pause needs no state, so any lane will do, also a new one."""

    needs_text = False

    def __init__(self, pool: LanePool, *, sharpness: float = SHARPNESS) -> None:
        self._pool = pool
        self._sharpness = sharpness

    async def likelihood(self, pause: Pause) -> float:
        """Raises EngineFailure; EngineUnavailable where the model cannot be used."""
        return sharpened(
            await self._pool.pick().call(worker.likelihood, pause.pcm16), self._sharpness
        )


def sharpened(likelihood: float, sharpness: float) -> float:
    """With the log-odds so many times as large."""
    bounded = min(max(likelihood, LEAST), 1 - LEAST)
    return 1 / (1 + math.exp(-sharpness * math.log(bounded / (1 - bounded))))
