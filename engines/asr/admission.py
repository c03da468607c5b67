"""Who may begin to talk: refusal instead of decay.

One per recognizer that has lanes. It watches what utterances really cost and takes another talker
only where the finals of all who talk would still come in time, or half as long again. What it
learns it learns in real time, so a machine that is busy with other things takes fewer.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..failures import EngineBusy

FINAL_DEADLINE_S = 1.5
"""A person waits so long for a final before it feels broken; where everyone who talks falls silent
at the same moment, the last of them gets theirs by then."""

UTILIZATION = 0.95
"""Of the lanes' time. Above, queues grow without any further talker."""

WEIGHT = 0.2
"""Of the newest utterance in the estimates: they follow a change within five utterances. The first
four count alike, and what was expected counts as one more: nobody knows the machine beforehand (a
GPU is ten times faster than what a model's size lets one expect of a CPU), and a first utterance
may find everything cold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an engine's utterances cost before any was heard."""

    rtf: float
    """Work that cannot be left out, in seconds per second of speech."""
    final_s: float
    """Work that remains when an utterance has ended."""


class Admission:
    """`enter` before an utterance, `leave` after it, `learn` from each that was finished."""

    def __init__(self, lanes: int, expected: Expected, most: int | None = None) -> None:
        """`most`: how many utterances the lanes can hold, whatever they cost."""
        self._lanes = lanes
        self._most = most
        self.rtf = expected.rtf
        self.final_s = expected.final_s
        self.talking = 0
        self._heard = 0

    @property
    def places(self) -> int:
        """How many may talk all the time; at least one."""
        for_finals = self._lanes * FINAL_DEADLINE_S / max(self.final_s, 1e-3)
        for_work = self._lanes * UTILIZATION / max(self.rtf, 1e-3)
        places = int(min(for_finals, for_work))
        return max(1, places if self._most is None else min(places, self._most))

    @property
    def most_at_once(self) -> int:
        """How many may talk for a moment. People do not take turns: where two thirds of so many
        talk on the mean, all of them sometimes do. Their finals come later then, and no word of
        theirs is lost."""
        most = self.places + self.places // 2
        return most if self._most is None else min(most, self._most)

    def enter(self) -> None:
        """Raises EngineBusy where there is no place."""
        if self.talking >= self.most_at_once:
            raise EngineBusy(
                f"{self.talking} people are being transcribed, as many as this server can: "
                "say it again in a moment"
            )
        self.talking += 1

    def leave(self) -> None:
        self.talking -= 1

    def learn(self, *, work_s: float, final_s: float, audio_s: float) -> None:
        """An utterance of `audio_s` cost `work_s` in all that could not be left out, `final_s` of
        it after its end."""
        if audio_s >= 0.5:  # shorter ones say little of what a second costs
            self._heard += 1
            weight = max(WEIGHT, 1 / (self._heard + 1))
            self.rtf += (work_s / audio_s - self.rtf) * weight
            self.final_s += (final_s - self.final_s) * weight
