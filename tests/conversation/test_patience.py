"""How long a silence lasts before it is answered, and what a session learns of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.patience import Patience, Waits, Weights

WAITS = Waits(pause_ms=150, floor_ms=200, ordinary_ms=700, ceiling_ms=2000)
COMPLETE = 0.75
likelihoods = st.floats(0, 1)


def patience(**weights: float) -> Patience:
    return Patience(WAITS, Weights(**weights))


def test_the_ends_and_the_middle() -> None:
    fresh = patience()
    assert [fresh.window_ms(likely) for likely in (1.0, 0.5, 0.0)] == [200, 700, 2000]


@given(likelihoods, likelihoods)
def test_the_likelier_the_shorter(one: float, other: float) -> None:
    if one < other:
        assert patience().window_ms(one) >= patience().window_ms(other)


@given(likelihoods, st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 3000))
def test_bounds_that_make_no_sense_never_pass_the_ordinary_silence(
    likelihood: float, floor: int, ordinary: int, ceiling: int
) -> None:
    waits = Waits(pause_ms=150, floor_ms=floor, ordinary_ms=ordinary, ceiling_ms=ceiling)
    found = Patience(waits).window_ms(likelihood)
    assert min(floor, ordinary) <= found <= max(ceiling, ordinary)


def test_who_goes_on_after_an_answer_is_waited_for_longer_and_forgiven_later() -> None:
    one = patience()
    waits = [one.window_ms(COMPLETE)]
    for _ in range(3):
        one.went_on(900)
        waits.append(one.window_ms(COMPLETE))
    assert waits == sorted(waits)
    assert waits[1] > waits[0] + 150
    for _ in range(6):
        one.answered()
    assert one.window_ms(COMPLETE) < waits[1]


def test_the_back_off_has_a_bound_and_may_be_none() -> None:
    one = patience(back_off_most=1.0)
    for _ in range(9):
        one.went_on(None)
    assert one.backed_off == 1.0
    never = patience(back_off=0.0, bridged=0.0)
    never.went_on(None)
    assert never.window_ms(COMPLETE) == patience().window_ms(COMPLETE)


def test_a_speaker_with_long_pauses_is_given_longer_ones() -> None:
    slow, quick = patience(bridged=0.0), patience(bridged=0.0)
    for _ in range(6):
        slow.bridged(900)
        quick.bridged(250)
    assert slow.window_ms(0.5) > 700 > quick.window_ms(0.5)


def test_complete_words_wait_no_longer_than_the_speaker_s_longest_pause() -> None:
    one = patience()
    for _ in range(4):
        one.went_on(800)
    assert one.window_ms(0.6, spoken_ms=60_000) == round(800 * 1.15)
    assert one.window_ms(0.3, spoken_ms=60_000) == 2000, "incomplete ones may"


def test_a_long_turn_and_one_with_many_pauses_waits_longer_than_a_short_one() -> None:
    one = patience()
    short = one.window_ms(COMPLETE, 1500)
    long = one.window_ms(COMPLETE, 12_000)
    assert short < long
    one.bridged(470)  # the typical one: the scale stays
    assert short < one.window_ms(COMPLETE, 1500)
    one.answered()
    assert one.window_ms(COMPLETE, 1500) == short


def test_what_was_said_before_belongs_to_the_turn_until_an_answer_was_heard() -> None:
    one = patience()
    fresh = one.window_ms(COMPLETE, 2000)
    one.ended(20_000)
    assert one.window_ms(COMPLETE, 2000) > fresh
    one.answered()
    assert one.window_ms(COMPLETE, 2000) == fresh


def test_who_does_not_learn_waits_the_same_for_ever() -> None:
    fixed = Patience(WAITS, learns=False)
    before = [fixed.window_ms(likely / 10) for likely in range(11)]
    for _ in range(5):
        fixed.went_on(1200)
        fixed.bridged(1200)
        fixed.ended(30_000)
    assert [fixed.window_ms(likely / 10, 30_000) for likely in range(11)] == before


events = st.one_of(
    st.tuples(st.just("bridged"), st.integers(0, 3000)),
    st.tuples(st.just("went_on"), st.one_of(st.none(), st.integers(0, 100_000))),
    st.tuples(st.just("ended"), st.integers(0, 100_000)),
    st.tuples(st.just("answered"), st.just(0)),
)


@given(st.lists(events, max_size=40), likelihoods, st.integers(0, 120_000))
def test_whatever_was_learned_the_wait_is_within_its_bounds(
    told: list[tuple[str, int | None]], likelihood: float, spoken_ms: int
) -> None:
    one, again = patience(), patience()
    for name, value in told:
        for each in (one, again):
            if name == "answered":
                each.answered()
            else:
                getattr(each, name)(value)
    wait_ms = one.window_ms(likelihood, spoken_ms)
    assert 200 <= wait_ms <= 3000
    assert wait_ms == again.window_ms(likelihood, spoken_ms), "a replay learns the same"


@pytest.mark.parametrize("pause_ms", [0, 10_000])
def test_any_pause_can_be_learned(pause_ms: int) -> None:
    one = patience()
    for _ in range(20):
        one.bridged(pause_ms)
    assert 200 <= one.window_ms(0.5) <= 3000


def test_who_pauses_for_as_long_as_the_ceiling_is_waited_for_longer() -> None:
    one = patience()
    for _ in range(3):
        one.went_on(2000)
    assert one.window_ms(0.2) > 2000
    for _ in range(3):
        one.went_on(60_000)
    assert one.window_ms(0.2) == 3000
