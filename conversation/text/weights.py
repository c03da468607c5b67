"""How long the parts of a text take to say, in proportion to each other: for voices that do not
tell when each word sounds."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

SECONDS_A_UNIT = 0.066
"""What a letter takes with an ordinary voice. Counts only where a phrase's length is not known yet,
because its audio is still coming."""

_DIGIT = 4.5
_CAPITAL_IN_ACRONYM = 3.5
_SYMBOL = 6.0
_SPACE = 0.5
_SYLLABLE = 3.0
_PAUSES = {
    **dict.fromkeys(",;:、，；：،", 3.0),
    **dict.fromkeys(".!?…。！？｡．؟۔।॥", 5.0),
    **dict.fromkeys("—–", 3.0),
}


def cumulative_weights(text: str) -> list[float]:
    """For each character of `text`, how much is said up to and with it. A digit takes longer than a
    letter, a letter of an acronym too, and a mark is a pause."""
    total = 0.0
    reached = []
    for at, character in enumerate(text):
        total += _weight(character)
        if character.isupper() and _in_acronym(text, at):
            total += _CAPITAL_IN_ACRONYM - 1.0
        reached.append(total)
    return reached


def _in_acronym(text: str, at: int) -> bool:
    return text[at - 1 : at].isupper() or text[at + 1 : at + 2].isupper()


@lru_cache(maxsize=4096)
def _weight(character: str) -> float:
    if character in _PAUSES:
        return _PAUSES[character]
    kind = unicodedata.category(character)
    if kind[0] == "N":
        return _DIGIT
    if kind[0] == "S" or character in "%&@#*/":
        return _SYMBOL
    if kind[0] == "Z":
        return _SPACE
    if kind == "Lo":
        wide = unicodedata.east_asian_width(character) == "W"
        return _SYLLABLE if wide else 1.0
    return 1.0 if kind[0] == "L" else 0.0


def expected_s(text: str) -> float:
    """How long a voice may take for a text: a guess."""
    reached = cumulative_weights(text)
    return SECONDS_A_UNIT * reached[-1] if reached else 0.0


def moments_by_weight(
    spoken: str, ends: Sequence[int], begin_s: float, end_s: float
) -> list[float]:
    """When each of these positions in `spoken` has been said, where its sound lasts from `begin_s`
    to `end_s`. The pause at the very end belongs to no word."""
    reached = cumulative_weights(spoken)
    if not reached:
        return [begin_s] * len(ends)
    bare = len(spoken.rstrip(" .!?…,;:。！？"))
    total = reached[bare - 1] if bare else reached[-1]
    length_s = max(0.0, end_s - begin_s)
    moments = []
    for end in ends:
        said = reached[min(_without_marks(spoken, end), len(reached)) - 1] if end else 0.0
        moments.append(begin_s + length_s * min(1.0, said / total if total else 1.0))
    return moments


def _without_marks(spoken: str, end: int) -> int:
    """A word is over before the pause behind it."""
    while end > 1 and not spoken[end - 1].isalnum():
        end -= 1
    return end
