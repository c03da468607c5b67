"""How many of many people do something at the same moment: the binomial distribution, exactly.

Recognizers are sized by people who talk at once, not by sessions, and voices by replies that are
spoken at once. People are taken to be independent of each other. Where they are not (all react to
one broadcast), plan with a share of 1.
"""

from __future__ import annotations

import math

FAR = 9.0
"""Deviations from the mean: beyond is less than 1e-18 of all moments."""


def at_once(people: int, share: float, percentile: float) -> int:
    """So many do it at once, or fewer, in `percentile` of all moments, where each does it for
    `share` of the time.

    The tail is summed from its far end, so the answer is exact to a person for any number.
    """
    if people <= 0 or share <= 0:
        return 0
    if share >= 1:
        return people
    mean, deviation = people * share, math.sqrt(people * share * (1 - share))
    count = min(people, math.ceil(mean + FAR * deviation + 20))
    exactly = _chance(people, count, share)
    more = 0.0  # the chance of more than `count`; beyond the start it is nothing
    odds = (1 - share) / share
    while count > 0 and more + exactly <= 1 - percentile:
        more += exactly
        exactly *= odds * count / (people - count + 1)
        count -= 1
    return count


def _chance(people: int, count: int, share: float) -> float:
    """Of exactly so many."""
    ways = math.lgamma(people + 1) - math.lgamma(count + 1) - math.lgamma(people - count + 1)
    return math.exp(ways + count * math.log(share) + (people - count) * math.log1p(-share))
