"""What of a phrase can be spoken, for every engine the same."""

from __future__ import annotations

import unicodedata

from ...conversation.text.speakable import pronounceable


def speakable(text: str) -> str:
    """`text` without what espeak cannot take (control characters end a C string, lone surrogates
    have no UTF-8), and empty where nothing in it would be pronounced."""
    return speakable_at(text)[0]


def speakable_at(text: str) -> tuple[str, int]:
    """The same, and where in `text` it begins: each of its characters stands for one of `text`."""
    cleaned = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    begins = cleaned.lstrip()
    if not pronounceable(begins):
        return "", 0
    return begins.rstrip(), len(cleaned) - len(begins)


def to_be_heard(text: str) -> bool:
    """Whether a voice that makes no sound of it fails. Signs alone may be a pause."""
    return any(map(str.isalnum, text))
