"""The caller's side of a recording: sound on the session's time, verdicts, utterances.

A microphone's frame arrives when it has been spoken, so a piece ends where it arrived, and never
begins before the end of the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...audio.pcm import HEARING_RATE_HZ
from .sound import Piece
from .timeline import (
    Fate,
    Partial,
    Span,
    Utterance,
)

TOGETHER_S = 0.3
"""Voiced frames that are so near to each other are the same sound."""

AHEAD_S = 0.5
"""A client whose sound is so much ahead of the clock does not speak in real time."""


@dataclass(slots=True)
class Hearing:
    """Takes what happened, in order; `finish` gives utterances their edges."""

    frame_s: float
    pieces: list[Piece] = field(default_factory=list)
    voiced: list[Span] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)
    faster_than_life: bool = False
    arrived_s: float = 0.0
    """When the client's newest frame came, with or without its sound."""
    rate_hz: int = HEARING_RATE_HZ
    listening: bool = False
    _begun: list[float] = field(default_factory=list)
    """When each utterance was begun, of the same length as `utterances`."""
    _judged_s: float = 0.0
    """How much of the sound the detector has judged."""
    _came_s: float = 0.0
    """How much of it came."""

    def opened(self, rate_hz: int) -> None:
        self.rate_hz, self.listening = rate_hz, True
        self._judged_s = self._came_s

    def came(self, at_s: float, pcm16: bytes) -> None:
        length_s = len(pcm16) / 2 / self.rate_hz
        end_before_s = self.pieces[-1].end_s if self.pieces else 0.0
        start_s = max(end_before_s, at_s - length_s)
        self.faster_than_life |= start_s + length_s - at_s > AHEAD_S
        self.pieces.append(Piece(start_s, pcm16, self.rate_hz))
        self._came_s += length_s

    def judged(self, verdicts: str) -> None:
        """They belong to the newest sound, but for what is not yet a whole frame."""
        left_s = self._came_s - self._judged_s - len(verdicts) * self.frame_s
        if not -self.frame_s < left_s < 2 * self.frame_s:
            left_s = 0.0  # the detector was begun anew
        self._judged_s = self._came_s - left_s
        end_s = (self.pieces[-1].end_s if self.pieces else self.arrived_s) - left_s
        start_s = end_s - len(verdicts) * self.frame_s
        for number, verdict in enumerate(verdicts):
            if verdict == "1":
                self._voice(start_s + number * self.frame_s)

    def _voice(self, start_s: float) -> None:
        end_s = start_s + self.frame_s
        if self.voiced and start_s - self.voiced[-1].end_s < self.frame_s / 2:
            self.voiced[-1] = Span(self.voiced[-1].start_s, end_s)
        else:
            self.voiced.append(Span(start_s, end_s))

    # Utterances

    @property
    def current(self) -> Utterance | None:
        last = self.utterances[-1] if self.utterances else None
        return last if last is not None and last.fate is Fate.OPEN else None

    def begun(self, at_s: float) -> None:
        """A recognizer was opened. The one before was dropped if nothing had become of it."""
        if self.current is not None:
            self.current.fate = Fate.DROPPED
        self._add(at_s, Utterance(start_s=at_s, end_s=at_s))

    def _add(self, at_s: float, utterance: Utterance) -> Utterance:
        self.utterances.append(utterance)
        self._begun.append(at_s)
        return utterance

    def partial(self, partial: Partial) -> None:
        if self.current is not None:
            self.current.partials.append(partial)

    def final(self, at_s: float, text: str) -> Utterance | None:
        """None where it is the empty one that a stop brings."""
        utterance = self.current
        if utterance is None:
            if not text:
                return None
            utterance = self._add(at_s, Utterance(start_s=at_s, end_s=at_s))
        utterance.text, utterance.final_s, utterance.fate = text, at_s, Fate.FINAL
        self._edges(len(self.utterances) - 1, at_s)
        return utterance

    def typed(self, at_s: float, text: str) -> None:
        said = Utterance(start_s=at_s, end_s=at_s, text=text, final_s=at_s, fate=Fate.TYPED)
        self._add(at_s, said)

    def failed(self) -> None:
        if self.current is not None:
            self.current.fate = Fate.FAILED

    def onset_before(self, at_s: float) -> float | None:
        """Where the sound that is heard at this moment began."""
        start_s: float | None = None
        for span in reversed(self.voiced):
            if span.start_s > at_s:
                continue
            if span.end_s < (at_s if start_s is None else start_s) - TOGETHER_S:
                break
            start_s = span.start_s
        return start_s

    def _edges(self, number: int, until_s: float) -> None:
        """From the first to the last voiced frame, where there were any."""
        utterance, begun_s = self.utterances[number], self._begun[number]
        onset_s = self.onset_before(begun_s)
        utterance.start_s = begun_s if onset_s is None else onset_s
        inside = [s for s in self.voiced if utterance.start_s <= s.start_s < until_s]
        utterance.end_s = max([utterance.start_s, *(min(s.end_s, until_s) for s in inside)])

    def finish(self) -> None:
        for number, utterance in enumerate(self.utterances):
            if utterance.final_s is None:
                following = self._begun[number + 1 : number + 2]
                self._edges(number, following[0] if following else float("inf"))
                if utterance.fate is Fate.DROPPED:
                    self._until_silence(utterance)

    def _until_silence(self, utterance: Utterance) -> None:
        end_s = utterance.start_s
        for span in self.voiced:
            if utterance.start_s <= span.start_s <= end_s + TOGETHER_S:
                end_s = span.end_s
        utterance.end_s = min(utterance.end_s, max(end_s, utterance.start_s))
