"""What the person on the line has heard of a reply, by the marks that come back.

A mark is put behind a piece of the reply's audio and comes back when the audio before it was
played, or when it was thrown away: no service but one says which. So a mark is named by the reply,
by how often it was suspended, and by the milliseconds before it, and what comes back of another
generation is no proof. How much was played when the rest was thrown away follows from the line's
own time: between the last mark that was reached and the moment at which the carrier cleared, sound
was played without a pause. That moment is told by one more mark, put behind the clearing, or by the
service's own word for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from ..codes import Breach
from ..commands import Command, Played, Remark
from ..events import ReplyAudio

EVERY_MS = 200.0
"""The length of audio between two marks."""

TOGETHER_MS = 5.0
"""What arrives within so much was sent at once."""

PENDING = 24
"""Marks on their way at once; services take 30 of them."""

_NAME = re.compile(r"(\d{1,9})\.(\d{1,6})\.(\d{1,9})\Z")

_CLEARED = re.compile(r"c(\d{1,9})\Z")

Part: TypeAlias = tuple[int, int]
"""A reply, and how often it was suspended: what was played in one go."""


@dataclass(slots=True)
class _Reached:
    ms: float
    line_ms: float
    now_ms: float = 0.0


@dataclass(slots=True)
class _Clearing:
    """A part that was thrown away, until it is known how much of it had been played. `before` had
    come back before we asked for it, and was surely played."""

    part: Part
    sent_ms: float
    before: list[_Reached]
    reached: list[_Reached] = field(default_factory=list)


@dataclass(slots=True)
class Playback:
    """Of one line. `every_ms`: the length of audio between two marks."""

    every_ms: float = EVERY_MS
    part: Part = (0, 0)
    sent_ms: float = 0.0
    """Audio of this part that was sent."""
    _marked_ms: float = -1.0
    _pending: int = 0
    _reached: list[_Reached] = field(default_factory=list)
    _clearing: dict[int, _Clearing] = field(default_factory=dict)
    _clears: int = 0
    unplayed: bool = False
    """Whether audio was sent since the last clearing."""

    def sent(self, event: ReplyAudio, ms: float, *, marked: bool = True) -> str:
        """So much of a reply was sent. Gives the name of the mark that is to follow; empty: none.
        `marked` False: none."""
        self.unplayed = True
        if not event.turn:
            return ""  # it is no reply's
        if (event.turn, event.generation) != self.part:
            self._begin((event.turn, event.generation))
        self.sent_ms += ms
        due = self._marked_ms < 0 or self.sent_ms - self._marked_ms >= self.every_ms
        return self.mark() if due and marked else ""

    def mark(self) -> str:
        """The name of a mark behind what was sent; empty where there is one already, or too many
        are on their way."""
        if self.sent_ms <= self._marked_ms or self._pending >= PENDING:
            return ""
        self._marked_ms = self.sent_ms
        self._pending += 1
        return f"{self.part[0]}.{self.part[1]}.{round(self.sent_ms)}"

    def _begin(self, part: Part) -> None:
        self.part, self.sent_ms, self._marked_ms = part, 0.0, -1.0
        self._pending = 0
        self._reached.clear()

    def clear(self) -> str:
        """The rest is thrown away. Gives the name of the mark that is to follow the clearing."""
        self._clears += 1
        self._clearing[self._clears] = _Clearing(self.part, self.sent_ms, list(self._reached))
        if len(self._clearing) > PENDING:
            del self._clearing[min(self._clearing)]
        self.unplayed = False
        self._pending = 0
        return f"c{self._clears}"

    def back(self, name: str, line_ms: float, now_ms: float) -> list[Command]:
        """A mark came back at this time of the line, and of our clock."""
        if found := _CLEARED.match(name):
            return self.cleared(line_ms, now_ms, int(found[1]))
        found = _NAME.match(name)
        if found is None:
            return [Remark(breach=Breach.INVALID_FIELD)]  # nobody set it
        part, ms = (int(found[1]), int(found[2])), float(found[3])
        for clearing in self._clearing.values():
            if clearing.part == part:
                clearing.reached.append(_Reached(ms, line_ms, now_ms))
                return []
        if part != self.part or ms > self.sent_ms + 1 or not self.unplayed:
            return []  # thrown away, or of a reply that is over
        self._pending = max(0, self._pending - 1)
        self._reached = [_Reached(ms, line_ms, now_ms)]
        return [Played(ms=ms)]

    def cleared(self, line_ms: float, now_ms: float, number: int = 0) -> list[Command]:
        """The carrier threw the rest away at this time of the line; `number` 0: by the oldest
        clearing that was asked for."""
        number = number or min(self._clearing, default=0)
        clearing = self._clearing.pop(number, None)
        if clearing is None:
            return []
        # Those that came back in the same moment came because of the clearing.
        thrown: list[_Reached] = []
        played = list(clearing.before)
        for mark in clearing.reached:
            together = mark.line_ms >= line_ms and mark.now_ms >= now_ms - TOGETHER_MS
            (thrown if together else played).append(mark)
        if not played:
            return [Played(ms=0.0, flushed=True)]
        last = max(played, key=lambda mark: mark.ms)
        most = min([clearing.sent_ms, *(mark.ms for mark in thrown if mark.ms > last.ms)])
        heard_ms = min(last.ms + line_ms - last.line_ms, most)
        return [Played(ms=max(0.0, heard_ms), flushed=True)]

    def left(self, unplayed_ms: float) -> list[Command]:
        """The carrier says how much of what was sent it still had when it threw it away."""
        clearing = self._clearing.pop(min(self._clearing, default=0), None)
        if clearing is None:
            return []
        return [Played(ms=max(0.0, clearing.sent_ms - unplayed_ms), flushed=True)]
