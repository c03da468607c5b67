"""Phrases by the ends of tokens, spoken as they are written: how Parley did it once.

Sessions that were recorded then are replayed by it (`STREAM_PHRASES=tokens`); everything else finds
its phrases in the text (`phrases.py`).

The rules (source: wire facts of dialect A, "Phrase ends"): a token ending in `.` `?` `!`; or 60
characters; or the end of the reply. Before them comes a rule of this house for the first phrase
alone, so that a reply is heard sooner: it may end with a clause, once it is long enough. What
follows is cut as if the reply began there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf

from .phrases import Phrase

SENTENCE_ENDS = (".", "?", "!")

CLAUSE_END = re.compile(
    r"[,;:\u2014\u2013](?=\s|$)"  # "well, ", "as follows: "
    r"|(?<=\s)--?(?=\s)"  # " - " and " -- ", but neither "well-known" nor " -5"
)
"""Where a clause may end: a mark before white space, or at the end of what there is so far."""

UNDECIDED = re.compile(r"(?:\d|\b[A-Z]{1,4}|\bhttps?)$")
"""Before a mark that nothing follows yet: 1,000 and 10:30, EU:n and http: may be about to go on."""


def clause_end(text: str, min_chars: int, max_chars: int) -> int | None:
    """Where the first clause ends that is long enough and fits, as an index into `text`; None where
    none does. It has at least `min_chars` without white space around it, and a letter or digit;
    with all that stands before it, it has no more than the `max_chars` at which a text is cut."""
    leading = len(text) - len(text.lstrip())
    for mark in CLAUSE_END.finditer(text):
        end = mark.end()
        if end > max_chars or end == len(text) == max_chars:
            return None  # the text is full, and is cut between its words
        before = text[leading : mark.start()]
        undecided = end == len(text) and UNDECIDED.search(before)
        abbreviated = before.endswith(".")  # "e.g.," and "Inc.,"
        spoken = any(character.isalnum() for character in before)
        if end - leading >= min_chars and spoken and not (undecided or abbreviated):
            return end
    return None


@dataclass(slots=True)
class PhraseSplitter:
    """The rules without the timer. `push` gives the phrases that a token completed."""

    max_chars: int
    first_chars: int = 0
    gap_s: float = inf
    """How long the first phrase must be to end with a clause; 0 leaves it to the other rules."""
    text: str = ""
    phrases: int = 0
    """How many phrases there were; they are numbered from 1."""

    def push(self, token: str) -> list[Phrase]:
        self.text += token
        phrases = self._first()
        while len(self.text) >= self.max_chars and self.text.strip():
            phrases += self._number(self._cut())
        if token.rstrip().endswith(SENTENCE_ENDS):
            phrases += self.flush()
        return phrases

    def _first(self) -> list[Phrase]:
        """The first phrase, where a clause ends it. Its token may go on, and end more."""
        if self.phrases or not self.first_chars:
            return []
        at = clause_end(self.text, self.first_chars, self.max_chars)
        if at is None:
            return []
        phrase, self.text = self.text[:at].strip(), self.text[at:]
        return self._number(phrase)

    def _cut(self) -> str:
        """As many whole words as fit; a single word that does not fit is cut."""
        head = self.text[: self.max_chars + 1]
        stripped = len(head) - len(head.lstrip())
        space = max((i for i, c in enumerate(head) if c.isspace() and i > stripped), default=-1)
        at = space if space > 0 else self.max_chars
        phrase, self.text = self.text[:at], self.text[at:]
        return phrase.strip()

    def gap(self) -> list[Phrase]:
        """Nothing came for a while."""
        return self.flush()

    def aside(self, text: str) -> list[Phrase]:
        """Something that is said behind all this, and is no part of the reply."""
        phrases = self.flush()
        self.phrases += 1
        return [*phrases, Phrase(number=self.phrases, text=text, aside=True)]

    def flush(self) -> list[Phrase]:
        """What is left: one phrase or none."""
        text, self.text = self.text.strip(), ""
        return self._number(text)

    def _number(self, text: str) -> list[Phrase]:
        if not text:
            return []
        self.phrases += 1
        return [Phrase(number=self.phrases, text=text)]

    @property
    def patience_s(self) -> float:
        """How long the next token is waited for; inf: until it comes."""
        return self.gap_s if self.text.strip() else inf
