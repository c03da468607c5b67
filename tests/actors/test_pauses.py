"""How long a silence must last, and the place where that is found out."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from parley.actors.pauses import ANSWER_LIMIT_S, NO_OPINION, Pauses, window_ms

Clock = trio.testing.MockClock


def window(likelihood: float) -> int:
    return window_ms(likelihood, floor_ms=200, ordinary_ms=700, ceiling_ms=1500)


def test_the_ends_and_the_middle() -> None:
    assert (window(1.0), window(0.5), window(0.0)) == (200, 700, 1500)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_likelier_the_shorter(one: float, other: float) -> None:
    if one < other:
        assert window(one) >= window(other)


@given(st.floats(0, 1), st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 3000))
def test_bounds_that_make_no_sense_never_pass_the_ordinary_silence(
    likelihood: float, floor: int, ordinary: int, ceiling: int
) -> None:
    found = window_ms(likelihood, floor_ms=floor, ordinary_ms=ordinary, ceiling_ms=ceiling)
    assert min(floor, ordinary) <= found <= max(ceiling, ordinary)


async def test_an_answer_is_waited_for_but_not_for_long(autojump_clock: Clock) -> None:
    pauses = Pauses()
    pauses.answer(pauses.begin(), 0.9)
    assert await pauses.likelihood() == 0.9
    pauses.begin()
    began_s = trio.current_time()
    assert await pauses.likelihood() == NO_OPINION
    assert trio.current_time() - began_s == pytest.approx(ANSWER_LIMIT_S)


async def test_an_answer_to_a_pause_that_is_over_is_no_answer_to_the_next() -> None:
    pauses = Pauses()
    first = pauses.begin()
    second = pauses.begin()
    pauses.answer(first, 1.0)
    pauses.answer(second, 7.0)
    assert await pauses.likelihood() == 1.0  # of the second, bounded
