"""Where a phrase ends in the text of a reply.

A sentence ends a phrase, and so does a line; a first phrase may end with its first clause; what
has neither is cut between two words, at a clause where one is near. Each decision waits until the
text that it depends on is there, so it never depends on how the text was cut into chunks.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from .boundaries import CONTEXT_CHARS, LONGEST_GRAPHEME, WIDE, boundaries, cut_without_spaces
from .sentences import may_stand, stop_ends
from .spans import OPENERS, URL_CHARS, span_at
from .tables import Table

WRAPPED_CHARS = 50
"""A line that is at least so long and goes on in a small letter was wrapped, and ends nothing."""

MARK_CHARS = 8
"""As long as the longest mark, "https://": one that begins in a phrase must be seen whole."""

MARKS_MAX = 20
"""So many full stops in a row end one sentence; more end another."""

HISTORY_CHARS = 200
"""So much of the text before a phrase is looked at, to see how long its line is."""

_WIDE_ENDS = "。！？｡．؟۔।॥။።\u037e"
_CLOSERS = re.compile(r"[\"'”’»)\]}*_~`」』】》〉）＂＇]{0,20}(?:\[\^?\d{1,3}\]){0,5}")
_OF_INTEREST = re.compile(rf"https?://|\bwww\.|[\[`<\n.!?…{_WIDE_ENDS}]|[,;:—–，、；：،؛]")
_CLAUSE = re.compile(r"[,;:](?=\s)|[—–](?=\s)|(?<=\s)--?(?=\s)|[，、；：،؛]")
_WORD_END = re.compile(r"(?<=\S)(?=\s)|(?<=[—–-])(?=\w)")
_NOTE_BEGINS = re.compile(r"\[\^?\d{0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A phrase ends before `at`. `whole`: with a sentence or a line, not in the middle of one."""

    at: int
    whole: bool


@dataclass(slots=True, kw_only=True)
class Cutter:
    """Looks for the end of the phrase that begins at `start`, and remembers how far it has looked.

    `first_chars`: as long as this, the phrase may end with a clause; 0: it may not.
    """

    table: Table
    max_chars: int
    first_chars: int
    wide: int = 1
    start: int = 0
    _seen: int = 0
    _open: int = -1
    """Where a link, code or an address begins whose end is not there yet; -1: nowhere."""
    _spans: list[tuple[int, int]] = field(default_factory=list)
    """Links, addresses and code in this phrase, which are not cut."""

    def begin(self, start: int, first_chars: int) -> None:
        """Another phrase begins."""
        self.start = self._seen = start
        self.first_chars = first_chars
        self._spans.clear()
        self._open = -1

    def shift(self, by: int) -> None:
        """So many characters were taken from the text's head, all of them before the phrase."""
        self.start -= by
        self._seen -= by
        self._open = max(-1, self._open - by)
        self._spans = [(start - by, end - by) for start, end in self._spans]

    def next(self, text: str, *, final: bool) -> Cut | None:
        """The end of the phrase; None: it is not there yet. White space before the phrase counts
        as none of it."""
        while self.start < len(text) and text[self.start].isspace() and text[self.start] != "\n":
            self.start += 1
        self._seen = max(self._seen, self.start)
        full = self._full(text)
        while True:
            found = _OF_INTEREST.search(text, self._seen, min(len(text), full + URL_CHARS))
            if found is None or found.start() >= full:
                if len(text) <= full or (len(text) < full + MARK_CHARS and not final):
                    return None
                return self._by_length(text, full, final=final)
            told = self._look(text, found.start(), final=final)
            self._open = found.start() if told is None and text[found.start()] in OPENERS else -1
            if told is None:
                return None
            if isinstance(told, Cut):
                if told.at > full and not self._one_span(told.at, full):
                    return self._by_length(text, full, final=final)
                return told
            self._seen = told

    def _full(self, text: str) -> int:
        """Where the longest phrase ends that may begin here."""
        full = self.start + self.max_chars
        if self.wide == 1 or text[self.start : full].isascii():
            return full
        room = self.max_chars
        for at in range(self.start, min(full, len(text))):
            room -= self.wide if WIDE.match(text, at) else 1
            if room < 0:
                return at
        return full

    def _one_span(self, at: int, full: int) -> bool:
        """Whether it is a span that makes the phrase too long: that is not cut."""
        return any(start <= full < end <= at for start, end in self._spans)

    def _look(self, text: str, at: int, *, final: bool) -> Cut | int | None:
        """At a mark: the end of the phrase, or where to look on; None: it takes more text."""
        mark = text[at]
        if mark in OPENERS:
            span = span_at(text, at, final=final)
            if span is not None and span.whole:
                self._spans.append((at, span.end))
            return None if span is None else span.end
        if mark == "\n":
            return self._line(text, at, final=final)
        if mark in _WIDE_ENDS:
            return _wide_end(text, at, final=final)
        if mark in ".!?…":
            return self._mark(text, at, final=final)
        return self._clause(text, at, final=final)

    def at_gap(self, text: str, *, words: bool) -> Cut | None:
        """Where the phrase may end because nothing comes for a while; None: nowhere. At the end of
        a sentence that nothing follows yet; else, with `words`, behind the last word that is whole,
        and without it behind the last clause."""
        if self.sentence_stands(text):
            return Cut(at=len(text), whole=True)
        window = text[self.start :]
        pattern = _WORD_END if words else _CLAUSE
        ends = [self.start + found.end() for found in pattern.finditer(window)]
        if words and not ends and not window.isascii():
            ends = [self.start + end for end in boundaries(window, "word")][:-1]
        for end in reversed(ends):
            held = 0 <= self._open < end
            if text[self.start : end].strip() and not self._inside(end) and not held:
                return Cut(at=end, whole=False)
        return None

    def sentence_stands(self, text: str) -> bool:
        """Whether what there is ends with a sentence, as far as one can tell."""
        tail = text[self.start :].rstrip()
        bare = tail.rstrip("\"'”’»)]}*_~`」』")
        if not bare or bare[-1] not in ".!?…" + _WIDE_ENDS:
            return False
        if bare[-1] != ".":
            return True
        at = self.start + len(bare) - 1
        return text[at - 1 : at] != "." and may_stand(text, self.start, at, self.table)

    # Ends

    def _line(self, text: str, at: int, *, final: bool) -> Cut | int | None:
        begin = max(0, self.start - HISTORY_CHARS)
        line = text[max(begin, text.rfind("\n", begin, at) + 1) : at].rstrip()
        if len(line) >= WRAPPED_CHARS and line[-1] not in ".!?:;…|":
            behind = re.compile(r"[ \t]*").match(text, at + 1)
            next_at = behind.end() if behind else at + 1
            if next_at == len(text):
                return Cut(at=at + 1, whole=True) if final else None
            if text[next_at].islower():
                return at + 1
        return Cut(at=at + 1, whole=True)

    def _mark(self, text: str, at: int, *, final: bool) -> Cut | int | None:
        end = at
        while end < min(len(text), at + MARKS_MAX) and text[end] in ".!?…":
            end += 1
        closers = _CLOSERS.match(text, end)
        behind = closers.end() if closers else end
        if not final and (behind == len(text) or _NOTE_BEGINS.fullmatch(text, behind)):
            return None
        if behind < len(text) and not text[behind].isspace():
            return self._glued(text, end, behind, text[at:end])
        marks = text[at:end]
        if marks == ".":
            ends = stop_ends(text, self.start, at, behind, self.table, final=final)
        elif "!" in marks or "?" in marks:
            ends = True if behind == end else _goes_on(text, behind, final=final)
        else:
            ends = _goes_on(text, behind, final=final)
        if ends is None:
            return None
        return Cut(at=behind, whole=True) if ends else behind

    def _glued(self, text: str, end: int, behind: int, marks: str) -> Cut | int:
        """Something stands directly behind a mark: "3.14", "Node.js", "Yes!No", "Hi!😀"."""
        follows = text[behind]
        kind = unicodedata.category(follows)
        if kind in ("So", "Lo", "Cs") or (marks[-1] in "!?" and kind == "Lu"):
            before = text[end - len(marks) - 1 : end - len(marks)]
            if kind != "Lo" or not before.isdigit():
                return Cut(at=behind, whole=True)
        return max(end, behind)

    def _clause(self, text: str, at: int, *, final: bool) -> Cut | int | None:
        if text[at] == ":" and text[max(0, at - 5) : at].endswith(("http", "https")):
            return at + 1 if final or len(text) > at + 2 else None  # "//" may follow
        if text[at] == ";" and "\u0370" <= text[at - 1 : at] <= "\u03ff":  # a Greek question
            if at + 1 == len(text) and not final:
                return None
            return Cut(at=at + 1, whole=True) if not text[at + 1 : at + 2].strip() else at + 1
        if not self.first_chars or at + 1 - self.start < self.first_chars:
            return at + 1
        if at + 1 == len(text):
            return at + 1 if final else None
        before = text[self.start : at]
        if before.endswith(".") or not _CLAUSE.match(text, at) or not any(map(str.isalnum, before)):
            return at + 1
        if text[at] in "：:" and text[at + 1 : at + 2].isspace() and before[-1:].isdigit():
            return at + 1
        return Cut(at=at + 1, whole=False)

    def _by_length(self, text: str, full: int, *, final: bool) -> Cut | None:
        """Between two words; at a clause where one ends in the last half."""
        for start, end in self._spans:
            if start <= full < end:
                if start > self.start and text[self.start : start].strip():
                    return Cut(at=start, whole=False)
                return Cut(at=end, whole=False)
        window = text[self.start : full + 1]
        clauses = [found.end() for found in _CLAUSE.finditer(window) if found.end() <= full]
        clauses = [end for end in clauses if end >= (full - self.start) // 2 and end < len(window)]
        clauses = [end for end in clauses if not self._inside(self.start + end)]
        if clauses:
            return Cut(at=self.start + clauses[-1], whole=False)
        for end in range(len(window) - 1, 0, -1):
            if window[end] in " \t\u3000" and not self._inside(self.start + end):
                return Cut(at=self.start + end, whole=False)
        if len(text) < full + CONTEXT_CHARS and not final:
            return None
        head = text[self.start : self.start + (full - self.start) * (LONGEST_GRAPHEME + 1)]
        at = cut_without_spaces(head, full - self.start, final=final)
        return None if at is None else Cut(at=self.start + at, whole=False)

    def _inside(self, at: int) -> bool:
        return any(start < at < end for start, end in self._spans)


def _wide_end(text: str, at: int, *, final: bool) -> Cut | int | None:
    """A mark that ends a sentence without white space behind it."""
    end = at
    while end < min(len(text), at + MARKS_MAX) and text[end] in _WIDE_ENDS:
        end += 1
    closers = _CLOSERS.match(text, end)
    behind = closers.end() if closers else end
    if behind == len(text) and not final:
        return None
    digits = (
        text[at] == "．" and text[at - 1 : at].isdigit() and text[behind : behind + 1].isdigit()
    )
    return behind if digits else Cut(at=behind, whole=True)


def _goes_on(text: str, behind: int, *, final: bool) -> bool | None:
    """Whether a sentence ends here, by what follows: not before a small letter."""
    at = behind
    while at < len(text) and (text[at].isspace() or text[at] in "\"'“‘«(*_"):
        if text[at] == "\n":
            return True
        at += 1
    if at == len(text):
        return True if final else None
    return not text[at].islower()
