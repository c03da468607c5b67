"""What of a phrase can be spoken, for every engine the same."""

from __future__ import annotations

import unicodedata

SPOKEN_PUNCTUATION = frozenset("%&@#*/\\§")
"""Marks that espeak reads out by name. Others alone would only give a pause."""


def speakable(text: str) -> str:
    """`text` without what espeak cannot take (control characters end a C string, lone surrogates
    have no UTF-8), and empty where nothing in it would be pronounced."""
    return speakable_at(text)[0]


def speakable_at(text: str) -> tuple[str, int]:
    """The same, and where in `text` it begins: each of its characters stands for one of `text`."""
    cleaned = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    begins = cleaned.lstrip()
    if not any(map(pronounced, begins)):
        return "", 0
    return begins.rstrip(), len(cleaned) - len(begins)


def pronounced(character: str) -> bool:
    """Whether a voice makes a sound of it, where it stands alone."""
    return unicodedata.category(character)[0] in "LNS" or character in SPOKEN_PUNCTUATION


def to_be_heard(text: str) -> bool:
    """Whether a voice that makes no sound of it fails. Signs alone may be a pause."""
    return any(map(str.isalnum, text))
