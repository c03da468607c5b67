"""How many do something at once: against the distribution itself, summed by hand."""

from __future__ import annotations

from math import comb

from hypothesis import given
from hypothesis import strategies as st

from parley.capacity.at_once import at_once

people = st.integers(1, 120)
shares = st.floats(0.01, 0.99)
percentiles = st.floats(0.5, 0.9999)


@given(people, shares, percentiles)
def test_it_is_the_percentile_of_the_binomial_distribution(
    count: int, share: float, percentile: float
) -> None:
    found = at_once(count, share, percentile)

    def at_most(most: int) -> float:
        return sum(comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(most + 1))

    assert at_most(found) >= percentile - 1e-9
    assert found == 0 or at_most(found - 1) < percentile + 1e-9


def test_of_one_all_of_them_may_talk() -> None:
    assert at_once(1, 0.35, 0.999) == 1


def test_nobody_and_everybody() -> None:
    assert at_once(0, 0.5, 0.999) == 0
    assert at_once(50, 0.0, 0.999) == 0
    assert at_once(50, 1.0, 0.999) == 50


def test_many_are_near_their_mean_and_above_it() -> None:
    """The normal approximation, 3.09 deviations at 0.999: 350,000 + 3.09 x 477."""
    assert abs(at_once(1_000_000, 0.35, 0.999) - 351_474) <= 3


@given(people, st.integers(0, 50), shares, percentiles)
def test_more_people_never_need_less(
    count: int, more: int, share: float, percentile: float
) -> None:
    assert at_once(count + more, share, percentile) >= at_once(count, share, percentile)


@given(people, shares)
def test_a_higher_percentile_never_needs_less(count: int, share: float) -> None:
    assert at_once(count, share, 0.99) <= at_once(count, share, 0.9999)
