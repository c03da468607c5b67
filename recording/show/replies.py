"""Replies as a recording has them: which sound belongs to which phrase, and what was heard of it.

A client plays one piece after another, never before it was sent, and falls silent when it is told
that the reply was cut. What it heard of a phrase is the ledger's arithmetic, not a second one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from ...audio.levels import sounding
from ...conversation.ledger import Entry as LedgerEntry
from ...conversation.text.words import word_marks
from ...conversation.word_times import WordTime
from .sound import Piece
from .timeline import Outcome, Phrase, Turn

SPOKEN_S = 0.002
"""So much of a phrase may be missing when all of it was sent: resampling rounds."""


@dataclass(slots=True)
class _Spoken:
    """A phrase that was synthesized, and what was sent of it."""

    text: str
    ready_s: float
    sound: Piece
    entry: LedgerEntry
    sent_s: float = 0.0

    @property
    def whole(self) -> bool:
        return self.sent_s >= self.entry.duration_s - SPOKEN_S


@dataclass(slots=True)
class _Live:
    turn: Turn
    phrases: list[_Spoken] = field(default_factory=list)
    written: bool = False
    """Whether the language model came to its end."""
    failed: bool = False


@dataclass(slots=True)
class Replies:
    """Takes what happened, in order; `finish` gives the turns."""

    by_letters: bool = False
    """Whether a word was counted by its letters alone, as sessions did it that are older."""
    turns: list[Turn] = field(default_factory=list)
    heard: list[Piece] = field(default_factory=list)
    """What the client played."""
    lost: list[Piece] = field(default_factory=list)
    """What it would have played."""
    _lives: list[_Live] = field(default_factory=list)
    _due_s: float = 0.0

    @property
    def _live(self) -> _Live | None:
        """The turn that was begun last, unless it was cut."""
        last = self._lives[-1] if self._lives else None
        return last if last is not None and last.turn.cut_s is None else None

    def begin(self, turn: Turn) -> None:
        self.turns.append(turn)
        self._lives.append(_Live(turn))

    def written(self) -> None:
        if self._live:
            self._live.written = True

    def failed(self) -> None:
        if self._live:
            self._live.failed = True

    def spoken(
        self, text: str, at_s: float, pcm16: bytes, rate_hz: int, words: Sequence[WordTime] = ()
    ) -> None:
        """A phrase was synthesized, or the first piece of it. `words` are the voice's own times."""
        if self._live:
            sound = Piece(at_s, pcm16, rate_hz)
            entry = LedgerEntry(text, len(pcm16) / 2 / rate_hz, words=tuple(words))
            if not self.by_letters:
                # What a recording holds of a phrase is what was spoken, not what was written.
                each = [(at, at + 1) for at in range(len(text))]
                entry.spoken, entry.marks = text, word_marks(text, each)
                if not words:
                    entry.sound_s = sounding(pcm16, rate_hz)
            self._live.phrases.append(_Spoken(text, at_s, sound, entry))

    def more(self, pcm16: bytes, words: Sequence[WordTime] = ()) -> None:
        """More came of the phrase that is being synthesized."""
        if self._live and self._live.phrases:
            phrase = self._live.phrases[-1]
            sound, entry = phrase.sound, phrase.entry
            phrase.sound = Piece(sound.start_s, sound.pcm16 + pcm16, sound.rate_hz)
            entry.duration_s += len(pcm16) / 2 / sound.rate_hz
            entry.words += tuple(words)
            if not entry.words:
                entry.sound_s = sounding(phrase.sound.pcm16, sound.rate_hz)

    def sent(self, at_s: float, pcm16: bytes, rate_hz: int) -> None:
        """Reply audio went out."""
        piece = Piece(max(at_s, self._due_s), pcm16, rate_hz)
        self.heard.append(piece)
        self._due_s = piece.end_s
        if self._live is None:
            return  # audio of an embedder's own
        if self._live.turn.first_audio_s is None:
            self._live.turn.first_audio_s = piece.start_s
        phrase = next((p for p in self._live.phrases if not p.whole), None)
        if phrase is not None:
            length_s = piece.end_s - piece.start_s
            phrase.entry.pieces.append((piece.start_s, length_s))
            phrase.sent_s += length_s

    def cut(self, at_s: float, *, cancelled: bool) -> float | None:
        """The client was told to fall silent. Gives when its sound had ended; None where no reply
        was live."""
        live = self._live
        if live is None or (live.written and not live.failed and self._over(live, at_s)):
            return None
        live.turn.cut_s = at_s
        live.turn.outcome = Outcome.CANCELLED if cancelled else Outcome.INTERRUPTED
        silent_s = min(at_s, self._due_s)
        while self.heard and self.heard[-1].end_s > at_s:
            before, behind = self.heard.pop().split(at_s)
            self.lost.insert(0, behind)
            if before.pcm16:
                self.heard.append(before)
                break
        self._due_s = min(self._due_s, at_s)
        return silent_s

    def _over(self, live: _Live, at_s: float) -> bool:
        played = any(p.entry.pieces for p in live.phrases)
        return played and all(p.whole for p in live.phrases) and at_s >= self._due_s

    def finish(self, end_s: float) -> None:
        """The recording is over: what is left over gets its place, and its outcome."""
        for live, following in zip_longest(self._lives, self._lives[1:]):
            until_s = _begins_s(following.turn) if following else float("inf")
            _close(live, end_s, until_s, self.lost)


def _close(live: _Live, end_s: float, until_s: float, lost: list[Piece]) -> None:
    turn = live.turn
    stop_s = turn.cut_s if turn.cut_s is not None else end_s
    place_s = max((_end_of(p.entry) for p in live.phrases if p.entry.pieces), default=stop_s)
    for phrase in live.phrases:
        entry = phrase.entry
        if phrase.whole and entry.pieces:
            entry.duration_s = phrase.sent_s
        start_s = entry.pieces[0][0] if entry.pieces else max(place_s, phrase.ready_s)
        rest_s = max(0.0, entry.duration_s - phrase.sent_s)
        ends_s = _end_of(entry) if entry.pieces else start_s
        if not phrase.whole:
            _, rest = phrase.sound.split(phrase.sound.start_s + phrase.sent_s)
            lost.append(Piece(ends_s, rest.pcm16, rest.rate_hz))
            ends_s += rest_s
        place_s = max(place_s, ends_s)
        heard_ends = [min(due_s + length_s, stop_s) for due_s, length_s in entry.pieces]
        turn.phrases.append(
            Phrase(
                text=phrase.text,
                ready_s=phrase.ready_s,
                start_s=start_s,
                end_s=min(ends_s, max(until_s, start_s)),
                heard=entry.heard_text(stop_s),
                heard_until_s=max(start_s, max(heard_ends, default=start_s)),
            )
        )
    _judge(live, stop_s, end_s)


def _begins_s(turn: Turn) -> float:
    return turn.asked_s if turn.first_audio_s is None else turn.first_audio_s


def _end_of(entry: LedgerEntry) -> float:
    due_s, length_s = entry.pieces[-1]
    return due_s + length_s


def _judge(live: _Live, stop_s: float, end_s: float) -> None:
    turn = live.turn
    happened = [turn.asked_s, *(token.at_s for token in turn.tokens[-1:])]
    happened += [phrase.heard_until_s for phrase in turn.phrases]
    turn.end_s = min(stop_s, max(happened)) if turn.cut_s is None else stop_s
    if turn.cut_s is not None:
        return
    if live.failed:
        turn.outcome = Outcome.FAILED
    elif live.written and all(p.whole and _end_of_or(p, 0) <= end_s + 0.05 for p in live.phrases):
        turn.outcome = Outcome.COMPLETE


def _end_of_or(phrase: _Spoken, otherwise_s: float) -> float:
    return _end_of(phrase.entry) if phrase.entry.pieces else otherwise_s
