"""Whether a voice keeps up with speech, how long it is waited for, and how much audio a text can
take."""

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


SLOWEST = 4.0
"""Seconds of work for a second of sound, beside the time that a phrase has in any case. A voice
that is slower leaves more silence than speech."""

SOUNDLESS_MAX = 1000
"""Pieces without sound in a row, however fast they come."""


@dataclass(slots=True)
class PhraseTime:
    """How long to wait for a phrase that comes in pieces. Only sound is progress: a service that
    keeps its connection alive, or lets a sample drip now and then, makes none."""

    limit_s: float
    """Until the first sound, and between two pieces of it."""
    waited_s: float = 0.0
    made_s: float = 0.0
    _silent_s: float = 0.0
    _soundless: int = 0

    @property
    def left_s(self) -> float:
        """For the next piece."""
        in_all_s = self.limit_s + SLOWEST * self.made_s - self.waited_s
        return max(0.0, min(self.limit_s - self._silent_s, in_all_s))

    @property
    def overrun(self) -> str:
        """What is to be said where that passes."""
        if self._soundless > SOUNDLESS_MAX:
            return "the voice sends pieces without sound"
        if self.made_s and self._silent_s < self.limit_s <= self.waited_s:
            return f"the voice took {self.waited_s:.0f} s for {self.made_s:.1f} s of sound"
        return f"speaking a phrase took longer than {self.limit_s:g} s"

    @property
    def over(self) -> bool:
        """Whether nothing more is waited for, also where what comes has cost no time."""
        return self.left_s <= 0 or self._soundless > SOUNDLESS_MAX

    def came(self, after_s: float, sound_s: float) -> None:
        """A piece, which was waited for so long and has so much sound."""
        self.waited_s += after_s
        self.made_s += sound_s
        self._silent_s = 0.0 if sound_s else self._silent_s + after_s
        self._soundless = 0 if sound_s else self._soundless + 1


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
