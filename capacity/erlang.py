"""Erlang's two formulas: how often all places are taken, and how often somebody has to wait.

Calls come at random moments, independently of each other, and each holds a place for a while; only
the mean of that while matters. `offered` is in erlangs: calls a second times seconds a call, which
is how many calls there would be at once if nobody were ever refused.

A. K. Erlang, "Solution of some problems in the theory of probabilities", 1917.
"""

from __future__ import annotations

import math

MOST_PLACES = 20_000_000
"""Nobody plans for more; the search ends there."""


def blocking(offered: float, places: int) -> float:
    """Erlang B: the share of calls that find all places taken and are refused.

    By the recursion 1/B(n) = 1 + n/offered · 1/B(n-1), which does not lose precision.
    """
    if offered <= 0:
        return 0.0 if places else 1.0
    inverse = 1.0
    for place in range(1, places + 1):
        inverse = 1.0 + inverse * place / offered
    return 1.0 / inverse


def waiting(offered: float, places: int) -> float:
    """Erlang C: the share of those who wait, where who finds no place waits instead of going."""
    if offered >= places:
        return 1.0
    refused = blocking(offered, places)
    return refused / (1.0 - offered / places * (1.0 - refused))


def places_for(offered: float, most_refused: float) -> int:
    """How many places are needed so that at most this share is refused.

    Raises ValueError for a share that is none and for more than MOST_PLACES.
    """
    if not 0 < most_refused < 1:
        raise ValueError(f"{most_refused:g} is no share between 0 and 1")
    if not 0 <= offered < MOST_PLACES:
        raise ValueError(f"{offered:g} calls at once cannot be planned for")
    if offered == 0:
        return 0
    enough, inverse, places = 1.0 / most_refused, 1.0, 0
    while inverse < enough:
        places += 1
        inverse = 1.0 + inverse * places / offered
    return places


def offered_for(places: int, most_refused: float) -> float:
    """How many erlangs so many places carry with at most this share refused."""
    low, high = 0.0, float(max(1, places)) * 2
    while blocking(high, places) < most_refused:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        if blocking(middle, places) <= most_refused:
            low = middle
        else:
            high = middle
        if math.isclose(low, high, rel_tol=1e-9):
            break
    return low
