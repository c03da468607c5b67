"""Where a text may be cut that has no white space: ICU knows it for any writing."""

from __future__ import annotations

import re
from functools import cache
from itertools import accumulate

WIDE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
"""Chinese, Japanese and Korean characters."""

CONTEXT_CHARS = 50
"""So much text behind the longest phrase is shown to ICU, which finds words by their context."""

LONGEST_GRAPHEME = 4
"""In lengths of a phrase: a letter with so many marks on it is cut all the same."""


def cut_without_spaces(text: str, room: int, *, final: bool) -> int | None:
    """How many characters of `text` are a phrase of at most `room`: up to the end of a word where
    a line may end, else where a line may end, else between two letters. None: it takes more text.
    A letter that has more marks on it than fit is not cut, within bounds."""
    window = text[: room + CONTEXT_CHARS]
    if window.isascii():
        return room
    lines = set(boundaries(window, "line"))
    words = lines.intersection(boundaries(window, "word"))
    for ends in (words, lines, set(boundaries(window, "grapheme"))):
        if fitting := [end for end in ends if end <= room]:
            return max(fitting)
    longest = room * LONGEST_GRAPHEME
    if len(text) <= longest:
        return len(text) if final else None
    return boundaries(text[:longest], "grapheme")[0]


def boundaries(text: str, kind: str) -> list[int]:
    """Where ICU lets a text be cut: between its graphemes, its words, or where a line may end."""
    # By the pieces' lengths: its own positions count a character beyond the first plane twice.
    return list(accumulate(map(len, _breaker(kind)(text, "en"))))


@cache
def _breaker(kind: str):  # type: ignore[no-untyped-def]
    from icu4py import breakers  # its data are mapped at import; most replies never need them

    return {
        "grapheme": breakers.CharacterBreaker,
        "word": breakers.WordBreaker,
        "line": breakers.LineBreaker,
    }[kind]
