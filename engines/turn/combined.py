"""The end of a turn from both, the words and the sound: the words' log-odds and a part of the
sound's.

So the sound adds what it knows and never decides alone, and an engine without an opinion (0.5) adds
nothing. Where the sound's engine fails, the words decide alone: a reply that is somewhat late or
early is better than none.
"""

from __future__ import annotations

import math

from ..failures import EngineFailure
from .interface import Pause, TurnEndEngine

AUDIO_WEIGHT = 0.15
"""Of the sound's log-odds: near what fits gave on 900 pauses and 190 ends of people, -0.1 to 0.4.
What Smart Turn says of them tells hardly more than the words do (docs/TURNS.md)."""
SURE = 0.98
"""Nobody is believed to be surer than that, nor surer of the opposite."""


class TextAndAudio:
    """Shared by all sessions. Raises EngineFailure only where `text` does."""

    needs_text = True

    def __init__(
        self, text: TurnEndEngine, audio: TurnEndEngine, *, audio_weight: float = AUDIO_WEIGHT
    ) -> None:
        """`audio_weight` is 0 to 1; others are ValueErrors."""
        if not 0.0 <= audio_weight <= 1.0:
            raise ValueError(f"a weight is 0 to 1, not {audio_weight}")
        self._text = text
        self._audio = audio
        self._weight = audio_weight

    async def likelihood(self, pause: Pause) -> float:
        of_words = await self._text.likelihood(pause)
        try:
            of_sound = await self._audio.likelihood(pause)
        except EngineFailure:
            return of_words
        return combined(of_words, of_sound, self._weight)


def combined(of_words: float, of_sound: float, audio_weight: float = AUDIO_WEIGHT) -> float:
    """Likelihoods, 0 to 1, in and out."""
    log_odds = _log_odds(of_words) + audio_weight * _log_odds(of_sound)
    return 1 / (1 + math.exp(-log_odds))


def _log_odds(likelihood: float) -> float:
    likelihood = min(max(likelihood, 1 - SURE), SURE)
    return math.log(likelihood / (1 - likelihood))
