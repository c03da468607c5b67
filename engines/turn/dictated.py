"""Numbers and letters that are being dictated, in any writing: "five five five", "555", "5-5-5",
"double five", "S M I", "S-M-I".

Who dictates pauses behind each group, where the words so far look complete. What helps is to know
how many digits are to come: of a telephone number more than of a code. What the number is of is
said before it ("my number is", "the code is"), or the agent has just asked for it. Then a few words
that are no digits are likely digits that were misheard ("five, four to you" for 5-4-2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .tables import Table

LENGTHS = frozenset({7, 9, 10, 11, 12, 16})
"""Digits of telephone and card numbers: with so many one may be complete. One of ten is often
misheard."""
CODE_LENGTHS = frozenset({4, 5, 6})
"""Digits of what is called a code, a PIN or a postcode."""
FEW = 2
"""So many digits or letters, one by one, are dictated."""
NEAR_WORDS = 6
"""What a number is of is named so near before it."""
MISHEARD_WORDS = 6
"""Behind a name, or an agent's question, so few words may be digits that were misheard."""

_SEPARATORS = re.compile(r"[-\u2013.,:/]")
_GROUPED = re.compile(r"[-\u2013]")


@dataclass(frozen=True, slots=True)
class _Piece:
    """One word of a number, as it is written."""

    digits: int = 0
    letters: int = 0
    single: bool = False
    """One digit or letter by itself, or several with hyphens between them."""
    word: bool = False
    """A number word that is no digit: twenty."""
    growing: bool = False
    """Behind it a smaller one often follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictation:
    """The numbers and letters that a text ends with."""

    dictated: bool
    """Whether they are given one after the other, and not as one number or a time."""
    complete: bool
    """Whether there are as many as such a number has."""
    spelled: bool
    """Whether they are letters alone."""
    growing: bool
    """Whether a smaller number, or more of it, often follows: twenty, my address is seventeen."""


def dictation(said: Sequence[str], table: Table, asked: Sequence[str] = ()) -> Dictation | None:
    """What of `said` is a number or spelled, at its end; None where nothing is. Words in lower
    case; `asked` are those of what the agent said last."""
    run = _run(said, table)
    if not run:
        return _misheard(said, table, asked)
    before = [*said[: len(said) - len(run)][-NEAR_WORDS:], *asked]
    named = any(word in table.dictated for word in before)
    code = any(word in table.codes for word in before)
    digits = sum(piece.digits for piece in run)
    letters = sum(piece.letters for piece in run)
    singles = sum(piece.single for piece in run)
    groups = sum(piece.digits > 0 for piece in run)
    dictated = (
        singles >= FEW
        or any(piece.single and piece.digits + piece.letters >= FEW for piece in run)
        or (groups >= FEW and digits > FEW * groups)
        or ((named or code) and (digits > 0 or letters > 0))
    )
    lengths = CODE_LENGTHS if code else LENGTHS
    return Dictation(
        dictated=dictated,
        complete=dictated and not letters and digits in lengths,
        spelled=letters > 0 and not digits,
        growing=run[-1].growing or (named and run[-1].word),
    )


def _misheard(said: Sequence[str], table: Table, asked: Sequence[str]) -> Dictation | None:
    """Words at a place where digits are expected, some of them digits or as good as."""
    names = [at for at, word in enumerate(said) if word in table.dictated]
    behind = said[names[-1] + 1 :] if names else said
    expected = bool(names) or any(word in table.dictated for word in asked)
    if not expected or not 0 < len(behind) <= MISHEARD_WORDS:
        return None
    like = sum(word in table.like_digits or _piece(word, table) is not None for word in behind)
    if not like or (not names and said[0] in table.subjects | table.auxiliaries | table.asking):
        return None
    return Dictation(dictated=True, complete=False, spelled=False, growing=False)


def _run(said: Sequence[str], table: Table) -> list[_Piece]:
    run: list[_Piece] = []
    for word in reversed(said):
        piece = _piece(word, table)
        if piece is None:
            break
        run.append(piece)
    # "I" and "a" are words, unless another letter stands before them.
    while run and run[-1].letters == 1 and run[-1].single:
        first = said[len(said) - len(run)]
        if first not in table.lone_letters:
            break
        run.pop()
    return list(reversed(run)) if any(p.digits or p.word or p.single for p in run) else []


def _piece(word: str, table: Table) -> _Piece | None:
    if word in table.multipliers:
        return _Piece(digits=table.multipliers[word] - 1)
    if word in table.digits:
        return _Piece(digits=1, single=True)
    if word in table.numbers:
        return _Piece(word=True, growing=word in table.growing)
    parts = [part for part in _SEPARATORS.split(word) if part]
    if len(parts) > 1 and all(part in table.digits for part in parts):
        return _Piece(digits=len(parts), single=True)
    if not all(part.isdecimal() or len(part) == 1 for part in parts) and not _mixed(word):
        return None
    digits = sum(character.isdecimal() for character in word)
    letters = sum(character.isalpha() for character in word)
    if ":" in word:
        return _Piece(word=True)  # a time
    alone = all(len(part) == 1 for part in parts)
    single = alone and (len(parts) == 1 or digits == 0 or bool(_GROUPED.search(word)))
    grouped = bool(_GROUPED.search(word)) and digits > 0
    return _Piece(digits=digits, letters=letters, single=single or grouped)


def _mixed(word: str) -> bool:
    """A number of a house or a plate: 221b, b4. Not an ordinal: 3rd."""
    return bool(re.fullmatch(r"\d+[a-z]|[a-z]\d+", word))
