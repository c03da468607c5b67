"""Patience: how long a silence lasts before it is answered.

At a short silence an end-of-turn engine says how likely the turn is over by its words and its
sound. That is a beginning. The longer the silence lasts the likelier it is: people go on soon, or
not at all. So each moment of silence is worth some evidence, and the wait is over when there is
enough:

    enough = evidence of the pause + evidence of the conversation + silence / scale

All are log-odds that the turn is over. `scale` is how much silence makes one of them: a speaker
whose pauses are long must be silent for longer. Where an engine has no opinion and nothing was
learned, the wait is the ordinary silence.

What the conversation knows speaks against an end, each thing by its weight:

- how long the person has been speaking: who has told a story for ten seconds seldom ends with the
  sentence that ends now;
- how many silences of this turn they have gone on after;
- how often they went on within a moment of an answer (**back-off**): each time the next answers
  wait longer, and each exchange that went well takes a part of that back.

The wait lies between a floor and a ceiling, whatever was learned; only to a speaker who pauses for
as long as the ceiling does that give way. Where the words are complete it is no longer than a
little over the longest of the speaker's last pauses: more would gain nothing.

Plain: no task, no clock. It is told lengths of audio, so a replay learns the same. The weights were
found by trying (docs/TURNS.md).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

NO_OPINION = 0.5
UNFINISHED = 0.2
"""Words of which an engine thinks so little want more: an article, a hesitation, half a number."""
SUREST = 0.98
"""Nobody is believed to be surer than that of an end: what the conversation knows still counts."""
LEAST = 0.001
TYPICAL_MS = 320
"""By how much people's pauses within a turn are longer than the one at which an engine is asked, on
average; what is learned is compared with it."""
TYPICAL_WEIGHT = 3.0
"""As if so many such pauses had been heard before the first one."""
KEPT = 0.7
"""What a pause counts when another one is heard: some three last ones decide."""
SCALES = (0.8, 1.5)
"""The learned scale lies in these bounds, times the ordinary one."""
RECENT = 8
"""So many of the last pauses are remembered."""
OVER_THE_LONGEST = 1.15
STRETCH = 1.5
"""Who pauses for as long as the ceiling is waited for a little longer than that, up to so many
times the ceiling."""
GONE_ON_S = 1.5
"""Who speaks before so much of an answer was heard goes on with what they were saying, and does not
answer it."""
GONE_ON_MS = 3000
"""Unless they had been silent for longer: then they waited for the answer, or ask for it."""
JOINED_CHARS = 4000
"""So much is joined at the most of what was said before and after an answer that was taken back, or
after words that wanted more: some four minutes of speech. A request must end somewhere."""
PAUSES_COUNTED = 3
"""More silences that were bridged say no more."""
LONG_MS = 3000
"""A question or a command is seldom longer; from here on the length counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """In log-odds. `enough` ends the wait; the others speak against an end."""

    enough: float = 1.7
    longer: float = 0.5
    """For each time that the turn is e times as long as LONG_MS."""
    bridged: float = 0.4
    """For each silence of this turn that the person went on after, PAUSES_COUNTED at most."""
    back_off: float = 0.6
    """For each answer that the person went on after."""
    back_off_most: float = 2.0
    recovery: float = 0.5
    """What is left of the back-off after an exchange that went well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """In milliseconds of silence: when an engine is asked, and the wait where the turn is certainly
    over, where nobody knows, and where it is certainly not."""

    pause_ms: int = 150
    floor_ms: int = 200
    ordinary_ms: int = 700
    ceiling_ms: int = 2000


def may_be_joined(said: str) -> bool:
    """Whether more may be joined to what was said."""
    return len(said) < JOINED_CHARS


def goes_on(heard_s: float, after_ms: int | None) -> bool:
    """Whether somebody who speaks after so much of an answer, and so long a silence (None: nobody
    knows), was not done before it."""
    return heard_s < GONE_ON_S and (after_ms or 0) <= GONE_ON_MS


class Patience:
    """Of one session. `learns`: whether the conversation counts. Else the likelihood alone decides,
    by a curve that was found before any of this: so sessions that were recorded then replay."""

    def __init__(
        self, waits: Waits | None = None, weights: Weights | None = None, *, learns: bool = True
    ) -> None:
        self.waits = waits or Waits()
        self._weights = weights or Weights()
        self._learns = learns
        self._backed_off = 0.0
        self._before_ms = 0
        self._bridged = 0
        self._pauses_ms = TYPICAL_MS * TYPICAL_WEIGHT
        self._pauses = TYPICAL_WEIGHT
        self._recent: deque[int] = deque(maxlen=RECENT)

    @property
    def backed_off(self) -> float:
        """By how much more certain the evidence must be than at first, in log-odds."""
        return self._backed_off

    def window_ms(self, likelihood: float, spoken_ms: int = 0) -> int:
        """How long the silence must last in all. `likelihood` is the engine's, 0 to 1; `spoken_ms`
        how long the utterance is so far."""
        waits = self.waits
        floor_ms = min(waits.floor_ms, waits.ordinary_ms)
        ceiling_ms = max(waits.ceiling_ms, waits.ordinary_ms)
        if not self._learns:
            return _by_curve(likelihood, floor_ms, waits.ordinary_ms, ceiling_ms)
        wait_ms = waits.pause_ms + self._scale_ms * (
            self._weights.enough - self.evidence(likelihood, spoken_ms)
        )
        if self._recent:
            longest_ms = OVER_THE_LONGEST * max(self._recent)
            if likelihood > NO_OPINION:
                wait_ms = min(wait_ms, max(longest_ms, waits.ordinary_ms))
            ceiling_ms = max(ceiling_ms, round(min(longest_ms, STRETCH * ceiling_ms)))
        return round(min(max(wait_ms, floor_ms), ceiling_ms))

    def evidence(self, likelihood: float, spoken_ms: int = 0) -> float:
        """That the turn is over, in log-odds, as the pause begins."""
        likely = min(max(likelihood, LEAST), SUREST)
        found = math.log(likely / (1 - likely))
        weights = self._weights
        turn_ms = self._before_ms + spoken_ms
        if turn_ms > LONG_MS:
            found -= weights.longer * math.log(turn_ms / LONG_MS)
        found -= weights.bridged * min(self._bridged, PAUSES_COUNTED)
        return found - self._backed_off

    @property
    def _scale_ms(self) -> float:
        """The silence that is worth one log-odds."""
        ordinary_ms = (self.waits.ordinary_ms - self.waits.pause_ms) / self._weights.enough
        low, high = SCALES
        return ordinary_ms * min(max(self._pauses_ms / self._pauses / TYPICAL_MS, low), high)

    # What is told

    def bridged(self, pause_ms: int) -> None:
        """The person went on after a silence of so much, within an utterance."""
        self._bridged += 1
        self._heard_pause(pause_ms)

    def ended(self, spoken_ms: int) -> None:
        """An utterance of such a length ended. What is said next may belong to the same turn."""
        self._before_ms += spoken_ms

    def went_on(self, pause_ms: int | None) -> None:
        """The person went on within a moment of an answer, after so much silence in all: None where
        nobody knows how much. The turn is the same one."""
        weights = self._weights
        self._backed_off = min(self._backed_off + weights.back_off, weights.back_off_most)
        self._bridged += 1
        if pause_ms is not None:
            self._heard_pause(pause_ms)

    def answered(self) -> None:
        """An answer was listened to: whatever comes next is another turn."""
        self._backed_off *= self._weights.recovery
        self._before_ms = self._bridged = 0

    def _heard_pause(self, pause_ms: int) -> None:
        typical_ms = TYPICAL_MS * TYPICAL_WEIGHT
        beyond_ms = max(0, pause_ms - self.waits.pause_ms)
        self._pauses_ms = typical_ms + (self._pauses_ms - typical_ms) * KEPT + beyond_ms
        self._pauses = TYPICAL_WEIGHT + (self._pauses - TYPICAL_WEIGHT) * KEPT + 1
        self._recent.append(pause_ms)


def _by_curve(likelihood: float, floor_ms: int, ordinary_ms: int, ceiling_ms: int) -> int:
    """By the square of the doubt on the way to the floor, and of the certainty on the way to the
    ceiling."""
    if likelihood >= NO_OPINION:
        doubt = (1 - likelihood) / (1 - NO_OPINION)
        return round(floor_ms + (ordinary_ms - floor_ms) * doubt**2)
    certainty = (NO_OPINION - likelihood) / NO_OPINION
    return round(ordinary_ms + (ceiling_ms - ordinary_ms) * certainty**2)
