"""Words from the times of phonemes.

A voice knows when each phoneme of a phrase sounds. Which phonemes are which word's it does not say:
a phonemizer writes numbers out, joins words ("of the") and says them differently beside each other
("the end"). So each word is also written as phonemes alone, and the two rows are laid beside each
other with as few differences as there can be. Where a word's row begins, the word begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .interface import WordTime
from .word_times import from_starts, words_of

CELLS_MAX = 4_000_000
"""Of the table in which two rows are compared: 2000 phonemes of 2000, some 40 ms."""

REMEMBERED = 4096
REMEMBERED_CHARS = 32
"""Words whose phonemes are kept, and how long they may be: a megabyte or two."""

_SPACE = " "
_NO_SOUND = frozenset(" .,:;!?'\"()-\u2013—…«»“”¡¿^$_\n")
"""What stands for a pause, or for nothing."""
_STRESS = frozenset("ˈˌ")
_LEFT_OUT = _STRESS | frozenset("\u02d0^$_ʲ\u0303\u0329")
"""Of no use when rows are compared: stress, length, and a voice's own beginnings and ends."""

_GAP, _OTHER, _OTHER_KIND = 2, 3, 6
"""What a phoneme costs that the other row does not have, one in the place of another one, and one
in the place of a pause."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A phoneme and where it begins, in seconds."""

    phoneme: str
    start_s: float


def remembered(write: Callable[..., Sequence[str]]) -> Callable[..., Sequence[str]]:
    """`write`, which gives a word's phonemes, with those kept that it gave. The word is the last of
    what it is called with; a long one hardly comes again, and is not kept."""
    known = lru_cache(maxsize=REMEMBERED)(write)

    def phonemes_of(*of: str) -> Sequence[str]:
        return (known if len(of[-1]) <= REMEMBERED_CHARS else write)(*of)

    return phonemes_of


def from_phonemes(
    text: str,
    sounds: Iterable[Sound],
    total_s: float,
    phonemes_of: Callable[[str], Sequence[str]],
) -> tuple[WordTime, ...]:
    """When the words of `text` sound. `phonemes_of` a word gives those that it has alone. Empty
    where no word can be found in them."""
    told = list(_told(sounds))
    # About a phoneme a character: nobody needs to write out what is too long to be compared.
    if len(text) * len(told) > CELLS_MAX:
        return ()
    words = words_of(text)
    expected: list[str] = []
    begins: list[int] = []
    for start, end in words:
        if expected:
            expected.append(_SPACE)
        begins.append(len(expected))
        expected.extend(p for p in phonemes_of(text[start:end]) if p not in _LEFT_OUT)
    if not expected or not told or len(expected) * len(told) > CELLS_MAX:
        return ()
    place = _places(expected, [sound.phoneme for sound in told])
    known: dict[int, float] = {}
    for number, begin in enumerate(begins):
        over = begins[number + 1] if number + 1 < len(begins) else len(expected)
        if not any(p not in _NO_SOUND for p in expected[begin:over]):
            continue  # nothing of it is said alone: it lies between its neighbours
        at = place[begin]
        while at < len(told) and told[at].phoneme in _NO_SOUND:
            at += 1
        if at < len(told) and 0 <= told[at].start_s <= total_s:
            known[number] = told[at].start_s
    return from_starts(text, words, known, total_s)


def _told(sounds: Iterable[Sound]) -> Iterator[Sound]:
    """Those that rows are compared by. One with a mark of stress before it begins with that."""
    stressed: Sound | None = None
    for sound in sounds:
        if sound.phoneme in _STRESS:
            stressed = stressed or sound
        elif sound.phoneme not in _LEFT_OUT:
            yield Sound(sound.phoneme, (stressed or sound).start_s)
            stressed = None


def _places(expected: Sequence[str], told: Sequence[str]) -> list[int]:
    """For each expected phoneme, how many of the told ones come before it, where the two rows have
    the fewest differences."""
    codes: dict[str, int] = {}
    row = np.array([codes.setdefault(phoneme, len(codes)) for phoneme in told])
    quiet = np.array([phoneme in _NO_SOUND for phoneme in told])
    replaced = np.where(quiet, _OTHER_KIND, _OTHER)
    replaced_quiet = np.where(quiet, _OTHER, _OTHER_KIND)
    slope = np.arange(len(told) + 1) * _GAP
    table = np.empty((len(expected) + 1, len(told) + 1), np.int32)
    table[0] = slope
    for number, phoneme in enumerate(expected):
        cost = replaced_quiet if phoneme in _NO_SOUND else replaced
        code = codes.get(phoneme)
        if code is not None:
            cost = np.where(row == code, 0, cost)
        best = table[number] + _GAP
        np.minimum(best[1:], table[number, :-1] + cost, out=best[1:])
        # A told phoneme that is not expected: the best so far, and a gap for each one since.
        np.add(np.minimum.accumulate(best - slope), slope, out=table[number + 1])
    return _way_back(table, expected, told)


def _way_back(table: Any, expected: Sequence[str], told: Sequence[str]) -> list[int]:
    place = [0] * len(expected)
    i, j = len(expected), len(told)
    while i:
        here = table[i, j]
        if j and here != table[i - 1, j] + _GAP and here == table[i, j - 1] + _GAP:
            j -= 1
            continue
        i -= 1
        if here != table[i, j] + _GAP:
            j -= 1
        place[i] = j
    return place
