"""What of a written phrase is said, as a person would read it aloud.

What the voices read right is left to them: numbers with their marks, per cent, ordinals, letters of
an acronym. What they read wrong is written out (docs/SPEECH.md has the measurement).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from .addresses import spoken_addresses
from .amounts import spoken_amounts
from .mapped import Mapped
from .markup import without_markup
from .symbols import spoken_abbreviations, spoken_symbols
from .tables import Table
from .words import Mark, word_marks

_SPACES = re.compile(r"\s+")
_BEFORE_MARK = re.compile(r"\s+(?=[,.;!?…](?:\s|\Z))")
_REPEATED = re.compile(r"([!?,;])[!?,;]+|,\s*(?=[.!?])|(?<=[,;:!?])\s*,(?=\s)")
_EDGES = re.compile(r"\A(?:[\s,;:!?…)\]}|/\\-]|\.(?!\w))*(?=\s*[.\w])|[\s(\[{|/\\-]+\Z")
_ENDED = re.compile(r"[.!?…:;,。！？｡．؟۔।॥][\"'”’»)\]}」』]*\Z")
_NEEDS_STOP = re.compile(r"[A-Za-z0-9\u00c0-\u04ff][\"'”’»)\]}]*\Z")
_END = re.compile(r"\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What the voice is given, and how much of it says each written word (`words.py`)."""

    text: str
    marks: tuple[Mark, ...]


SPOKEN_PUNCTUATION = frozenset("%&@#*/\\§")
"""Marks that espeak reads out by name. Others alone would only give a pause."""

NOTHING = Spoken(text="", marks=())


def speakable(written: str, table: Table, *, whole: bool, line_start: bool = True) -> Spoken:
    """`written`, which is a phrase or a part of one, as it is said; empty where nothing is.

    `whole`: it ends with a sentence or a line, and is given a full stop where it has none.
    `line_start`: it begins with a line, so that it may be a heading, a list item, a row.
    """
    text = Mapped(written)
    without_markup(text, line_start=line_start)
    spoken_addresses(text, table)
    spoken_amounts(text, table)
    spoken_abbreviations(text, table)
    spoken_symbols(text, table)
    text.sub(_SPACES, " ")
    text.sub(_REPEATED, lambda found: found[1] or "")
    text.sub(_BEFORE_MARK, "")
    text.sub(_EDGES, "")
    if not any(map(_pronounced, text.text)):
        return NOTHING
    if whole and not _ENDED.search(text.text) and _NEEDS_STOP.search(text.text):
        text.sub(_END, ".")
    return Spoken(text=text.text, marks=word_marks(written, text.sources()))


def pronounceable(text: str) -> bool:
    """Whether a voice that is given `text` has something to say."""
    return any(unicodedata.category(c)[0] in "LNS" or c in SPOKEN_PUNCTUATION for c in text)


def _pronounced(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"
