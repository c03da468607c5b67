"""When each word of a phrase has been heard: by the voice's own times, or by an estimate."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from .text.weights import expected_s, moments_by_weight

SHORTEST_S = 0.1
SLOWEST = 1.8
"""A word may take nearly twice as long as expected, and a tenth of a second more. What is longer is
a pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordTime:
    """When a word sounds. `start` and `end` are positions in the text that was spoken, in
    characters; `start_s` and `end_s` are seconds from the first sample of its audio."""

    start: int
    end: int
    start_s: float
    end_s: float


def _sounds_s(word: WordTime, spoken: str) -> float:
    """How long it sounds: a voice may count the pause behind a word as the word's."""
    longest_s = SHORTEST_S + SLOWEST * expected_s(spoken[word.start : word.end])
    return min(word.end_s - word.start_s, longest_s)


def moments(
    spoken: str,
    ends: Sequence[int],
    words: Sequence[WordTime],
    *,
    begin_s: float,
    end_s: float,
) -> list[float]:
    """When each of the positions `ends` in `spoken` has been heard, in seconds of its audio.

    `words` are the voice's own times, as far as they are known; what lies behind the last of them
    is estimated. The sound lasts from `begin_s` to `end_s`.
    """
    if not words:
        return moments_by_weight(spoken, ends, begin_s, end_s)
    last = words[-1]
    tail = moments_by_weight(
        spoken[last.end :],
        [max(0, end - last.end) for end in ends],
        last.end_s,
        max(end_s, last.end_s),
    )
    starts = [word.start for word in words]
    found = []
    for end, later in zip(ends, tail, strict=True):
        at = bisect_left(starts, end) - 1
        if at < 0:
            found.append(0.0)
        elif end > last.end and any(map(str.isalnum, spoken[last.end : end])):
            found.append(later)
        else:
            word = words[at]
            share = min(1.0, (end - word.start) / max(1, word.end - word.start))
            found.append(word.start_s + share * _sounds_s(word, spoken))
    return found
