"""The words of a written text, and how much of what is spoken has to be heard for each of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .boundaries import boundaries

_WORD = re.compile(r"\S+")
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
    "|[\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese: words follow each other without white space."""

Mark = tuple[int, int]
"""A word's end in the written text, and how many characters of the spoken text say it and all that
stands before it."""


def written_words(text: str) -> list[tuple[int, int]]:
    """Start and end of each word. What stands between white space is one, but where a script has
    no white space between its words."""
    words: list[tuple[int, int]] = []
    for found in _WORD.finditer(text):
        if _WITHOUT_SPACES.search(found[0]):
            begin = found.start()
            for end in boundaries(found[0], "word"):
                if any(map(str.isalnum, found[0][begin - found.start() : end])) or not words:
                    words.append((begin, found.start() + end))
                else:  # a mark belongs to the word before it
                    words[-1] = (words[-1][0], found.start() + end)
                begin = found.start() + end
        else:
            words.append(found.span())
    return words


def word_marks(written: str, sources: Sequence[tuple[int, int]]) -> tuple[Mark, ...]:
    """A mark for each word of `written`. `sources` has the slice of it that each spoken character
    says. A word that nothing is said for is heard with the word before it."""
    reached: list[int] = []  # how far into the written text one is, by spoken character
    furthest = 0
    for _, end in sources:
        furthest = max(furthest, end)
        reached.append(furthest)
    said = bytearray(len(written) + 1)
    for start, end in sources:
        for at in range(start, min(end, len(written))):
            said[at] = 1
    marks: list[Mark] = []
    spoken = 0
    for start, end in written_words(written):
        last = said.rfind(1, start, end)
        if last >= 0:
            while spoken < len(reached) and reached[spoken] <= last:
                spoken += 1
            spoken_to = min(spoken + 1, len(reached))
        else:
            spoken_to = marks[-1][1] if marks else 0
        marks.append((end, spoken_to))
    return tuple(marks)
