"""Whether a full stop ends a sentence: by the word before it and the word behind it.

A full stop is the one mark that says nothing by itself: it stands in "Dr. Smith", "J. R. R.", "at
5 p.m. today" and "der 2. Weltkrieg". `stop_ends` needs the next word only where the word before the
stop leaves it open, so that an ordinary sentence is over as soon as white space follows it.
"""

from __future__ import annotations

import re

from .tables import Table

BEFORE_CHARS = 40
"""So much is looked at of the word before a full stop."""
NEXT_CHARS = 40
"""A next word that is longer than this is taken as far as it is there."""

_WORD_BEFORE = re.compile(r"[^\s(\[{\"'“‘«„¿¡*~`/<>|]*\Z")
_NEXT = re.compile(r"\s*[\"'“‘«„(\[{*_~`¿¡]*([^\s]*)")
_DOTTED = re.compile(r"[^\W\d_](?:\.[^\W\d_])+")
_OPENERS = " \t#>*-"


def stop_ends(
    text: str, start: int, at: int, behind: int, table: Table, *, final: bool
) -> bool | None:
    """Whether the single full stop at `text[at]` ends a sentence; None: more text is needed to say.

    The phrase begins at `start`. `behind` is where the text goes on behind the stop and the marks
    that close with it; white space, or nothing, stands there. `final`: no more text will come.
    """
    found = _WORD_BEFORE.search(text, max(start, at - BEFORE_CHARS), at)
    word = (found[0] if found else "").lstrip("_-–—,;:")
    if not word:
        return True
    if _marks_list_item(text, start, at - len(word), word):
        return False
    low = word.lower()
    if not _open(word, low, table):
        return True
    told = _next_word(text, behind, final=final)
    if told is None:
        return None
    if not told:
        return True
    return _ends_before(word, low, told, table)


def may_stand(text: str, start: int, at: int, table: Table) -> bool:
    """Whether the full stop at `text[at]`, which nothing follows yet, is more likely the end of a
    sentence than not: nobody pauses behind "Dr." or "3."."""
    found = _WORD_BEFORE.search(text, max(start, at - BEFORE_CHARS), at)
    word = found[0] if found else ""
    if not word or _marks_list_item(text, start, at - len(word), word):
        return not word
    initial = len(word) == 1 and word.isupper() and word != "I"
    return not (initial or word[-1].isdigit() or word.lower() in table.never_end)


def _open(word: str, low: str, table: Table) -> bool:
    """Whether this word leaves open what the stop behind it is."""
    return (
        word[-1].isdigit()
        or len(word) == 1
        or low in table.never_end
        or low in table.before_number
        or low in table.may_end
        or low in table.ends_before_capital
        or _DOTTED.fullmatch(word) is not None
    )


def _ends_before(word: str, low: str, told: str, table: Table) -> bool:
    plain = told.strip(".,;:!?…)\"'»”’]}*_`").lower()
    starts = plain in table.starters or plain.partition("'")[0] in table.starters
    first = next((c for c in told if c.isalnum()), "")
    lower = first.islower()
    if _goes_on_abbreviated(low, told.lower(), table):
        return False
    if low in table.ends_before_capital:
        return not lower and not first.isdigit()
    if word[-1].isdigit():
        if table.ordinal_dots and re.fullmatch(r"\d{1,2}", word):
            return starts and not lower
        return not lower
    if low in table.never_end:
        return False
    if low in table.before_number and (first.isdigit() or low not in table.may_end):
        return not first.isdigit() and not lower
    if low in table.may_end or _DOTTED.fullmatch(word):
        return starts and not lower
    # A single letter: an initial, or "Plan B."
    if word == "I" or not word.isalpha():
        return True
    return starts and not lower if word.isupper() else not lower


def _goes_on_abbreviated(low: str, told: str, table: Table) -> bool:
    """Whether this and the next word are one abbreviation: "z. B.", "EE. UU."."""
    return any(
        short.lower().startswith(f"{low}. {told}")
        for short in table.abbreviations
        if " " in short and len(told) > 1
    )


def _next_word(text: str, behind: int, *, final: bool) -> str | None:
    """The next word; empty where the line or the text ends before it; None: it is not whole."""
    found = _NEXT.match(text, behind, behind + 2 * NEXT_CHARS)
    if found is None or "\n" in text[behind : found.start(1)]:
        return ""
    whole = found.end() < len(text) or final or len(found[1]) >= NEXT_CHARS
    return found[1] if whole else None


def _marks_list_item(text: str, start: int, word_at: int, word: str) -> bool:
    """Whether this is the "1." or "a." at the head of a line."""
    if not (word.isdigit() and len(word) <= 3) and not (len(word) == 1 and word.isalpha()):
        return False
    line = text.rfind("\n", 0, word_at) + 1
    if line < start and text[start - 1 : start] not in ("", "\n"):
        line = start
        if text[:start].strip():
            return False
    return not text[line:word_at].strip(_OPENERS)
