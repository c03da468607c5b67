"""What of a phrase can be spoken, for every engine the same."""

from __future__ import annotations

import unicodedata

from ...conversation.text.speakable import pronounceable


def speakable(text: str) -> str:
    """`text` without what espeak cannot take (control characters end a C string, lone surrogates
    have no UTF-8), and empty where nothing in it would be pronounced."""
    cleaned = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text).strip()
    return cleaned if pronounceable(cleaned) else ""
