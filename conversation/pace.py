"""Whether a voice keeps up with speech, and how much audio a text can take."""

from __future__ import annotations

from dataclasses import dataclass

from .text.weights import expected_s

LOOKED_AT_S = 3.0
"""Seconds of audio before one says anything of a voice: the first phrase of a worker is slow."""

LONGEST_S = 30.0
LONGEST_RATIO = 8.0
"""A slow, calm voice takes half as long again as expected. What takes eight times as long, and half
a minute more, is no speech of this text, nor a jingle in its place."""


def longest_s(spoken: str) -> float:
    """How long the audio of a phrase may be before it is cut off."""
    return LONGEST_S + LONGEST_RATIO * expected_s(spoken)


@dataclass(slots=True)
class VoicePace:
    """Of one session. A voice that takes longer than its audio lasts leaves gaps in every reply."""

    took_s: float = 0.0
    made_s: float = 0.0
    _told: bool = False

    def took(self, took_s: float, made_s: float) -> float | None:
        """Making `made_s` of audio took so long. Seconds of work for a second of speech, once for a
        session, where that is more than one; else None."""
        self.took_s += took_s
        self.made_s += made_s
        if self._told or self.made_s < LOOKED_AT_S or self.took_s <= self.made_s:
            return None
        self._told = True
        return self.took_s / self.made_s
