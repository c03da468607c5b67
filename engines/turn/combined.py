"""The end of a turn from its words and its sound together."""

from __future__ import annotations

import math

from .interface import Pause, TurnEndEngine

WORDS_SHARE = 0.5
"""Of the weight of both."""
LEAST = 0.02
"""Nobody is surer than that: one alone must not decide."""


class TextAndAudio:
    """Raises EngineFailure where one of the two does."""

    needs_text = True

    def __init__(self, words: TurnEndEngine, sound: TurnEndEngine) -> None:
        self._words, self._sound = words, sound

    async def likelihood(self, pause: Pause) -> float:
        words = _logit(await self._words.likelihood(pause))
        sound = _logit(await self._sound.likelihood(pause))
        together = WORDS_SHARE * words + (1 - WORDS_SHARE) * sound
        return 1 / (1 + math.exp(-together))


def _logit(likelihood: float) -> float:
    bounded = min(max(likelihood, LEAST), 1 - LEAST)
    return math.log(bounded / (1 - bounded))
