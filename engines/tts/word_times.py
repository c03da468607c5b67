"""When each word of a phrase sounds, from what a voice knows of it. Plain values, no engine.

A word is what stands between spaces, and each character of Chinese and Japanese. One that nobody
would pronounce (a dash between two others) has no time. A word ends where the next one begins, and
the last one with the sound.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ...conversation.text.speakable import pronounceable
from ...conversation.text.weights import cumulative_weights
from .interface import Speech, WordTime

_NO_SPACES = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Kana and Han, which are written without spaces."""

_WORD = re.compile(rf"[{_NO_SPACES}][^\w\s]*|[^\s{_NO_SPACES}]+")

Span = tuple[int, int]


def words_of(text: str) -> list[Span]:
    """Where the words stand that somebody would pronounce, as (start, end)."""
    found = (match.span() for match in _WORD.finditer(text))
    return [(start, end) for start, end in found if any(map(pronounceable, text[start:end]))]


def from_marks(
    text: str, marks: Iterable[tuple[int, float]], total_s: float
) -> tuple[WordTime, ...]:
    """From moments that a voice told, as (position in the text, seconds), in any order.

    The first moment of a word is its beginning. Those that run against the order of the text are
    left out. A word without any lies between its neighbours, as long as its letters are.
    """
    words = words_of(text)
    starts = [start for start, _ in words]
    first: dict[int, float] = {}
    for position, moment_s in marks:
        number = bisect_right(starts, position) - 1
        if number >= 0 and 0 <= moment_s <= total_s:
            first[number] = min(moment_s, first.get(number, moment_s))
    return from_starts(text, words, first, total_s)


def from_starts(
    text: str, words: Sequence[Span], known: dict[int, float], total_s: float
) -> tuple[WordTime, ...]:
    """From the beginnings of some of the words, by their number. None where no beginning is known:
    an estimate of all of them is not the voice's to make."""
    known = dict(_in_order(sorted(known.items())))
    if not known:
        return ()
    weights = [
        _weight(text[start:end], known=number in known) for number, (start, end) in enumerate(words)
    ]
    starts = _filled(known, weights, total_s)
    # Rounded to a tenth of a millisecond, which keeps recordings short.
    edges = [round(moment_s, 4) for moment_s in (*starts, total_s)]
    return tuple(
        WordTime(start=start, end=end, start_s=edges[number], end_s=edges[number + 1])
        for number, (start, end) in enumerate(words)
    )


def moved(speech: Speech, by: int) -> Speech:
    """The same speech of a text that has `by` characters more before its first word."""
    if not by or not speech.words:
        return speech
    words = (replace(word, start=word.start + by, end=word.end + by) for word in speech.words)
    return replace(speech, words=tuple(words))


def _in_order(points: Sequence[tuple[int, float]]) -> Iterator[tuple[int, float]]:
    """The longest part of them whose moments do not run backwards."""
    tails: list[float] = []
    before: list[int] = []
    last_of: list[int] = []
    for index, (_, moment_s) in enumerate(points):
        length = bisect_right(tails, moment_s)
        before.append(last_of[length - 1] if length else -1)
        tails[length : length + 1] = [moment_s]
        last_of[length : length + 1] = [index]
    chain = []
    index = last_of[-1] if last_of else -1
    while index >= 0:
        chain.append(points[index])
        index = before[index]
    return reversed(chain)


def _filled(known: dict[int, float], weights: Sequence[float], total_s: float) -> list[float]:
    """The beginnings of all words: between two that are known, in proportion to the weights."""
    numbers = [*sorted(known), len(weights)]
    starts = [0.0] * len(weights)
    if numbers[0] > 0:
        numbers.insert(0, 0)
    for number, following in pairwise(numbers):
        begin_s, end_s = known.get(number, 0.0), known.get(following, total_s)
        whole = sum(weights[number:following])
        passed = 0.0
        for index in range(number, following):
            starts[index] = begin_s + (end_s - begin_s) * passed / whole
            passed += weights[index]
    return starts


def _weight(word: str, *, known: bool) -> float:
    """How long it sounds, as estimates have it (weights.py). A symbol of which the voice told
    nothing is hardly said."""
    if not known and not any(map(str.isalnum, word)):
        return 0.1
    return 1.0 + cumulative_weights(word)[-1]
