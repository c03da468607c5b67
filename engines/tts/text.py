"""What of a phrase can be spoken, for every engine the same."""

from __future__ import annotations

import unicodedata

SPOKEN_PUNCTUATION = frozenset("%&@#*/\\§")
"""Marks that espeak reads out by name. Others alone would only give a pause."""


def speakable(text: str) -> str:
    """`text` without what espeak cannot take (control characters end a C string, lone surrogates
    have no UTF-8), and empty where nothing in it would be pronounced."""
    cleaned = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text).strip()
    return cleaned if any(map(_pronounced, cleaned)) else ""


def _pronounced(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNS" or character in SPOKEN_PUNCTUATION
