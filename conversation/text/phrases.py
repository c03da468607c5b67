"""The phrases of a reply: each is spoken at once, and knows which written words its sound says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import Literal

from .cuts import HISTORY_CHARS, Cutter
from .speakable import speakable
from .tables import Table
from .words import Mark

ONE_LINE_CHARS = 80
"""A block of code that is one line of no more than this is read; longer ones are not."""

SENTENCE_GAP_S = 0.3
"""A sentence that nothing follows yet is spoken after so long: it is over, it seems."""

KEPT_CHARS = 4096
"""So much text that is in phrases already may stand before the phrase in hand."""

_FENCE = re.compile(r"[^\S\n]*(?:(?:[-*+]|\d{1,3}[.)])[^\S\n]+)?(`{3,}|~{3,})([^\n`]*)(\n|\Z)")
_FENCE_BEGINS = re.compile(
    r"[^\S\n]*(?:(?:[-*+]|\d{1,3}[.)]?)[^\S\n]*)?(?:`{0,2}|~{0,2}|[`~]{3,}[^\n`]*)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A piece of the reply that is spoken at once. `number` counts a turn's phrases from 1.

    `text` is what the model wrote, `spoken` what the voice is given. `before` is what was written
    between this phrase and the one before it and is not spoken: white space, an emoji, code.
    `marks` say how much of `spoken` has to be heard for each word of `text`; None: the two are one.
    An `aside` is said, but is no part of the reply: the memory never holds it.
    """

    number: int
    text: str
    spoken: str = ""
    before: str = ""
    marks: tuple[Mark, ...] | None = None
    aside: bool = False

    def __post_init__(self) -> None:
        if self.marks is None:
            object.__setattr__(self, "spoken", self.spoken or self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseRules:
    """`max_chars`: what is longer is cut. `first_chars`: from this length on the first phrase may
    end with a clause; 0: it may not. A gap of `gap_s` between two chunks ends a phrase behind its
    last clause, or, with `gap_words`, behind any whole word. `wide`: how many characters one of
    Chinese or Japanese counts for, which is a syllable or more."""

    max_chars: int
    first_chars: int
    gap_s: float
    gap_words: bool
    wide: int = 1


class Phrases:
    """Of one reply. `push` gives the phrases that a chunk completed."""

    def __init__(self, rules: PhraseRules, table: Table) -> None:
        self._rules = rules
        self._table = table
        self._cutter = Cutter(
            table=table,
            max_chars=rules.max_chars,
            first_chars=rules.first_chars,
            wide=rules.wide,
        )
        self._text = ""
        self._done = 0
        """Up to here the text is in phrases, or in `_before`."""
        self._before: list[str] = []
        self._fence = ""
        self._code_told = False
        self._gaps = 0
        """Since the last chunk."""
        self.phrases = 0
        """How many there were."""

    @property
    def patience_s(self) -> float:
        """How long the next chunk is waited for before `gap`; inf: until it comes."""
        if self._gaps > 1 or self._fence or self._cutter.start >= len(self._text):
            return inf
        if self._gaps == 0 and self._cutter.sentence_stands(self._text):
            return min(SENTENCE_GAP_S, self._rules.gap_s)
        return self._rules.gap_s

    def push(self, chunk: str) -> list[Phrase]:
        self._gaps = 0
        self._text += chunk
        return self._all(final=False)

    def gap(self) -> list[Phrase]:
        """Nothing came for a while: the phrase that may end here, if one may."""
        self._gaps += 1
        if self._fence or (self._at_line_start() and self._fenced(final=False) is None):
            return []  # in a block of code, or perhaps at the head of one
        cut = self._cutter.at_gap(self._text, words=self._rules.gap_words)
        phrases = [] if cut is None else self._phrase(cut.at, whole=cut.whole)
        if cut is not None:
            self._next_begins(cut.at)
            phrases += self._all(final=False)
        return phrases

    def flush(self) -> list[Phrase]:
        """The reply is over: what is left."""
        phrases = self._all(final=True)
        self._before.clear()
        return phrases

    def aside(self, text: str) -> list[Phrase]:
        """Something that is said behind all this, and is no part of the reply."""
        phrases = self.flush()
        spoken = speakable(text, self._table, whole=True)
        if spoken.text:
            self.phrases += 1
            phrases.append(
                Phrase(
                    number=self.phrases,
                    text=text,
                    spoken=spoken.text,
                    marks=spoken.marks,
                    aside=True,
                )
            )
        return phrases

    def _all(self, *, final: bool) -> list[Phrase]:
        phrases: list[Phrase] = []
        while (found := self._step(final=final)) is not None:
            phrases += found
        if self._done > KEPT_CHARS:
            drop = self._done - HISTORY_CHARS
            self._text = self._text[drop:]
            self._done -= drop
            self._cutter.shift(drop)
        return phrases

    def _step(self, *, final: bool) -> list[Phrase] | None:
        """What the next phrase, line of code or block gives; None: more text is needed."""
        if self._cutter.start >= len(self._text):
            return None
        if self._fence:
            return self._code_line(final=final)
        if self._at_line_start() and (fenced := self._fenced(final=final)) is not False:
            return fenced
        cut = self._cutter.next(self._text, final=final)
        if cut is None:
            if not final or self._cutter.start >= len(self._text):
                return None
            at, whole = len(self._text), False
        else:
            at, whole = cut.at, cut.whole
        phrases = self._phrase(at, whole=whole)
        self._next_begins(at)
        return phrases

    def _at_line_start(self) -> bool:
        start = self._cutter.start
        return not self._text[max(0, start - HISTORY_CHARS) : start].rpartition("\n")[2].strip()

    def _next_begins(self, at: int) -> None:
        first = 0 if self.phrases else self._rules.first_chars
        self._cutter.begin(at, first)

    def _phrase(self, at: int, *, whole: bool) -> list[Phrase]:
        """The phrase that ends at `at`; none where nothing of it is said."""
        raw = self._text[self._done : at]
        text = raw.strip()
        if not text:
            return []
        begin = self._done + len(raw) - len(raw.lstrip())
        head = self._text[max(0, begin - HISTORY_CHARS) : begin]
        line_start = not head.rpartition("\n")[2].strip()
        spoken = speakable(text, self._table, whole=whole, line_start=line_start)
        return self._made(raw, text, spoken.text, spoken.marks)

    def _made(self, raw: str, text: str, spoken: str, marks: tuple[Mark, ...]) -> list[Phrase]:
        """A phrase of `text`, which is `raw` without the white space around it."""
        kept = len(raw.rstrip())
        self._done += kept
        if not spoken:
            self._before.append(raw[:kept])
            return []
        before = "".join(self._before) + raw[: kept - len(text)]
        self._before.clear()
        self.phrases += 1
        return [Phrase(number=self.phrases, text=text, spoken=spoken, before=before, marks=marks)]

    # Blocks of code

    def _fenced(self, *, final: bool) -> list[Phrase] | Literal[False] | None:
        """At the head of a line: False where no block of code begins."""
        text, start = self._text, self._cutter.start
        found = _FENCE.match(text, start)
        if found is None:
            rest = text[start : start + HISTORY_CHARS]
            begins = _FENCE_BEGINS.fullmatch(rest) is not None and rest.strip() != ""
            return None if begins and not final else False
        if not found[3] and not final:
            return None
        code_at = found.end()
        line_end = text.find("\n", code_at)
        line = text[code_at : line_end if line_end >= 0 else len(text)]
        if len(line) <= ONE_LINE_CHARS and not final:
            rest = text[line_end + 1 : line_end + HISTORY_CHARS]
            if line_end < 0 or ("\n" not in rest and found[1].startswith(rest.strip())):
                return None
        closing_at = line_end + 1 if line_end >= 0 else len(text)
        after = text[closing_at : text.find("\n", closing_at) + 1 or len(text)]
        if line.strip() and len(line) <= ONE_LINE_CHARS and self._closes(after, found[1]):
            return self._one_line(line, closing_at + len(after))
        self._fence = found[1]
        told = "" if self._code_told else self._table.sentences.get("code", "")
        self._code_told = True
        raw = text[self._done : code_at]
        opening = raw.strip()
        phrases = self._made(raw, opening, told, ((len(opening), len(told)),))
        self._cutter.begin(code_at, 0)
        return phrases

    def _one_line(self, line: str, end: int) -> list[Phrase]:
        """A block that is one short line: what it holds is read."""
        raw = self._text[self._done : end]
        text = raw.strip()
        spoken = speakable(line.strip(), self._table, whole=True).text
        phrases = self._made(raw, text, spoken, ((len(text), len(spoken)),))
        self._cutter.begin(end, 0)
        return phrases

    def _code_line(self, *, final: bool) -> list[Phrase] | None:
        """A line of code is not said; it is written before what is said next."""
        start = self._cutter.start
        end = self._text.find("\n", start)
        if end < 0 and not final:
            return None
        end = len(self._text) if end < 0 else end + 1
        if self._closes(self._text[start:end], self._fence):
            self._fence = ""
        self._before.append(self._text[self._done : end])
        self._done = end
        self._next_begins(end)
        return []

    @staticmethod
    def _closes(line: str, fence: str) -> bool:
        bare = line.strip()
        return bare.startswith(fence) and not bare.strip(fence[0])
