"""The ledger: what of a reply has left, and when it is due at the client's ear.

A piece of audio counts from the moment at which the transport took it; what waits in a queue was
not said. Clients play reply audio one piece after another, so a piece that leaves while earlier
audio is still playing is due after it. What was heard by a given moment follows: whole phrases, and
of the phrase being played the words whose audio was due. A client that tells what it really played
is believed more than that.

A reply that falls silent and goes on later is played in parts: `cut` ends a part, and the next
piece that leaves begins another where the last one was heard to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from .text.weights import expected_s
from .text.words import Mark
from .word_times import WordTime, moments

HAIR_S = 1e-6
"""What float arithmetic loses at the end of a phrase."""


@dataclass(slots=True, eq=False)
class Entry:
    """One phrase: what was written, the seconds of audio that it has so far, and when its words are
    heard.

    `marks` say how much of `spoken` has to be heard for each word of `text`; None: the words are
    those between white space, each taking time in proportion to its letters. `before` is what was
    written before it and is not spoken; None: a space. `whole`: all of its audio is there.
    """

    text: str
    duration_s: float
    spoken: str = ""
    marks: tuple[Mark, ...] | None = None
    before: str | None = None
    aside: bool = False
    """It was said, and is no part of the reply."""
    whole: bool = True
    words: tuple[WordTime, ...] = ()
    """The voice's own times."""
    sound_s: tuple[float, float] | None = None
    """From when to when it sounds; None: from its first sample to its last."""
    heard_before_s: float = 0.0
    """Heard in the parts of the playback that are over."""
    pieces: list[tuple[float, float]] = field(default_factory=list)
    """What has left in this part, as (due_s, duration_s)."""
    queued_s: float = 0.0
    """On its way to the transport."""
    left: bool = False
    """Whether anything of it has ever left."""
    _found: tuple[object, list[tuple[float, int]]] | None = field(default=None, init=False)
    """When each word is heard, and of which state of the sound."""

    @property
    def position_s(self) -> float:
        """Up to where it was said, or is on its way: what follows is still to be played."""
        left_s = sum(length_s for _, length_s in self.pieces)
        return self.heard_before_s + left_s + self.queued_s

    @property
    def expected_s(self) -> float:
        """How long it will be; a guess while its audio is coming."""
        return self.duration_s if self.whole else max(self.duration_s, expected_s(self.spoken))

    def heard_s(self, now_s: float) -> float:
        return self.heard_before_s + self.heard_now_s(now_s)

    def heard_now_s(self, now_s: float) -> float:
        """In this part of the playback."""
        return sum(min(max(now_s - due_s, 0.0), length_s) for due_s, length_s in self.pieces)

    def heard_text(self, now_s: float) -> str:
        """The words whose audio was due."""
        return self.text_of(self.heard_s(now_s))

    def text_of(self, heard_s: float) -> str:
        """The words in its first seconds."""
        if self.duration_s <= 0 or heard_s <= 0:
            return ""
        if self.marks is None:
            return self._by_letters(heard_s / self.duration_s)
        over = self.whole and heard_s >= self.duration_s - HAIR_S
        heard = 0
        for moment_s, written in self._steps(self.marks):
            if moment_s > heard_s + HAIR_S and not over:
                break
            heard = written
        return self.text[:heard]

    def steps(self) -> list[tuple[float, int]]:
        """After how many seconds of its audio how many characters of its text have been heard."""
        if self.marks is not None:
            return self._steps(self.marks)
        total = sum(len(word) for word in self.text.split())
        found, letters, at = [], 0, 0
        for word in self.text.split():
            letters += len(word)
            at = self.text.index(word, at) + len(word)
            found.append((self.duration_s * letters / total, at))
        return found

    def _steps(self, marks: tuple[Mark, ...]) -> list[tuple[float, int]]:
        """Asked several times a second while a phrase is heard, and found out once for each state
        of its sound."""
        state = (self.duration_s, self.whole, self.sound_s, self.words)
        if self._found is None or self._found[0] != state:
            begin_s, end_s = self.sound_s or (0.0, self.expected_s)
            ends = [spoken for _, spoken in marks]
            told = moments(self.spoken, ends, self.words, begin_s=begin_s, end_s=end_s)
            steps = [
                (moment_s, written) for (written, _), moment_s in zip(marks, told, strict=True)
            ]
            self._found = state, steps
        return self._found[1]

    def _by_letters(self, share: float) -> str:
        words = self.text.split()
        total = sum(len(word) for word in words)
        heard, letters = [], 0
        for word in words:
            letters += len(word)
            if letters > share * total + HAIR_S:
                break
            heard.append(word)
        return " ".join(heard)


@dataclass(frozen=True, slots=True)
class _Part:
    """Of a phrase, in the part of the playback that ended last."""

    entry: Entry
    before_s: float
    left_s: float


class Ledger:
    """Phrases in the order in which they are spoken."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._queued: deque[tuple[Entry, float]] = deque()
        self._queued_s = 0.0
        self._due_s = float("-inf")
        self._late_s = 0.0
        self._paused_s = float("inf")
        self._last_part: list[_Part] = []
        self.sent_s = 0.0
        """Seconds of audio that have ever left."""

    # What is told

    def begin(self, text: str, duration_s: float) -> Entry:
        """A phrase begins that is spoken as it is written."""
        return self.add(Entry(text, duration_s))

    def add(self, entry: Entry) -> Entry:
        """A phrase begins."""
        self._entries.append(entry)
        return entry

    def queued(self, entry: Entry, duration_s: float) -> None:
        """A piece of a phrase is on its way to the transport."""
        self._queued.append((entry, duration_s))
        entry.queued_s += duration_s
        self._queued_s += duration_s

    def not_sent(self, entry: Entry) -> None:
        """The newest piece on its way, if it is of this phrase, never got to the transport: it is
        still to be played."""
        if self._queued and self._queued[-1][0] is entry:
            _, duration_s = self._queued.pop()
            self._queued_s = self._queued_s - duration_s if self._queued else 0.0
            entry.queued_s = entry.queued_s - duration_s if self._queued else 0.0

    def sent(self, now_s: float) -> None:
        """The transport took the oldest piece on its way. It is played behind what left before."""
        if not self._queued:
            return  # of a part that was cut meanwhile: the client throws it away
        entry, duration_s = self._queued.popleft()
        self._queued_s = self._queued_s - duration_s if self._queued else 0.0
        entry.queued_s = entry.queued_s - duration_s if self._queued else 0.0
        start_s = max(now_s, self._due_s)
        entry.pieces.append((start_s, duration_s))
        entry.left = True
        self.sent_s += duration_s
        self._due_s = start_s + duration_s

    def played(self, now_s: float, heard_s: float) -> None:
        """The client has played so much of this part by now. More than was due cannot be; a report
        that is older than it says makes playback look later than it is, by its way through the
        network."""
        due_s = sum(entry.heard_now_s(now_s) for entry in self._entries)
        self._late_s = max(0.0, due_s - max(0.0, heard_s))

    def cut(self, now_s: float) -> None:
        """The reply fell silent: nothing more of this part is heard, however much had left."""
        if not self._queued and not any(entry.pieces for entry in self._entries):
            return  # it was silent already
        until_s = self.until(now_s)
        self._last_part = []
        for entry in self._entries:
            if entry.pieces:
                left_s = sum(length_s for _, length_s in entry.pieces)
                self._last_part.append(_Part(entry, entry.heard_before_s, left_s))
                entry.heard_before_s = entry.heard_s(until_s)
                entry.pieces = []
            entry.queued_s = 0.0
        self._queued.clear()
        self._queued_s = 0.0
        self._due_s = float("-inf")
        self._late_s = 0.0
        self._paused_s = float("inf")

    def pause(self, now_s: float) -> None:
        """The client stops playing, and keeps what it has."""
        self._paused_s = min(self._paused_s, now_s)

    def go_on(self, now_s: float) -> None:
        """It goes on where it stopped: what was not heard is due later by the time between."""
        paused_s, self._paused_s = self._paused_s, float("inf")
        if paused_s >= now_s:
            return
        at_s, gap_s = paused_s - self._late_s, now_s - paused_s
        for entry in self._entries:
            entry.pieces = [
                piece for due in entry.pieces for piece in _moved(*due, at_s=at_s, by_s=gap_s)
            ]
        if self._due_s > at_s:
            self._due_s += gap_s

    def flushed(self, heard_s: float) -> None:
        """The client threw away what it had after a cut, and had played so much of the part that
        was cut. Of no use any more once another part has begun."""
        if self._queued or any(entry.pieces for entry in self._entries):
            return
        for part in self._last_part:
            of_this_s = min(max(heard_s, 0.0), part.left_s)
            part.entry.heard_before_s = part.before_s + of_this_s
            heard_s -= of_this_s

    # What is asked

    @property
    def waiting(self) -> bool:
        """Whether a piece is on its way that the transport has not taken."""
        return bool(self._queued)

    @property
    def queued_s(self) -> float:
        """Seconds of audio on their way."""
        return self._queued_s

    @property
    def phrases(self) -> list[Entry]:
        """Those of which something has left."""
        return [entry for entry in self._entries if entry.left]

    @property
    def due_s(self) -> float:
        """When all that has left will have been played; -inf before anything has."""
        return self._due_s

    def expected_due_s(self, now_s: float) -> float:
        """When all that has left or is on its way will have been played."""
        return max(self._due_s, now_s) + self._queued_s if self._queued else self._due_s

    @property
    def paused(self) -> bool:
        """Whether the client has stopped playing, and has something left to play."""
        return self._paused_s < self.over_s

    @property
    def over_s(self) -> float:
        """When the client will have played all that has left, by what it told last."""
        return self._due_s + self._late_s

    def left_s(self, now_s: float) -> float:
        """Seconds of audio that have left and will still be heard."""
        return max(0.0, self._due_s - now_s)

    def until(self, now_s: float) -> float:
        """Which moment of the assumed playback the client has reached by `now_s`."""
        return min(now_s, self._paused_s) - self._late_s

    def heard(self, now_s: float) -> str:
        """The text that was heard by `now_s`, cut at a word."""
        return _joined((entry, entry.heard_text(self.until(now_s))) for entry in self._entries)

    def heard_s(self, now_s: float) -> float:
        """Seconds of audio that were heard by `now_s`."""
        return sum(entry.heard_s(self.until(now_s)) for entry in self._entries)

    def steps(self) -> list[tuple[float, int]]:
        """After how many seconds of this part of the playback how many characters of the text that
        is known by now have been heard, oldest first. What was heard before this part counts as
        heard at 0."""
        found: list[tuple[float, int]] = []
        chars, played_s = 0, 0.0
        for entry in self._entries:
            if entry.aside or not entry.text:
                played_s += max(0.0, entry.duration_s - entry.heard_before_s)
                continue
            before = " " if entry.before is None else entry.before
            chars += len(before) if chars else len(before.lstrip())
            for moment_s, written in entry.steps():
                at_s = played_s + max(0.0, moment_s - entry.heard_before_s)
                found.append((at_s, chars + written))
            chars += len(entry.text)
            played_s += max(0.0, entry.duration_s - entry.heard_before_s)
        return found

    def said(self) -> str:
        """The text of every phrase of which something has left."""
        return _joined((entry, entry.text) for entry in self.phrases)


def _moved(due_s: float, length_s: float, *, at_s: float, by_s: float) -> list[tuple[float, float]]:
    """A piece whose rest behind `at_s` is played later."""
    heard_s = at_s - due_s
    if heard_s >= length_s:
        return [(due_s, length_s)]
    if heard_s <= 0:
        return [(due_s + by_s, length_s)]
    return [(due_s, heard_s), (at_s + by_s, length_s - heard_s)]


def _joined(texts: Iterable[tuple[Entry, str]]) -> str:
    """As it was written, without what was said aside."""
    written = [
        (" " if entry.before is None else entry.before) + text
        for entry, text in texts
        if text and not entry.aside
    ]
    return "".join(written).strip()
