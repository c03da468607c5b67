"""Erlang's formulas against published tables, and what must hold for any numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.capacity.erlang import blocking, offered_for, places_for, waiting


@pytest.mark.parametrize(
    ("places", "refused", "erlangs"),
    [
        (1, 0.01, 0.0101),
        (2, 0.01, 0.153),
        (5, 0.01, 1.36),
        (10, 0.01, 4.46),
        (20, 0.01, 12.0),
        (30, 0.01, 20.3),
        (50, 0.01, 37.9),
        (100, 0.01, 84.1),
        (10, 0.02, 5.08),
        (20, 0.02, 13.2),
        (30, 0.02, 21.9),
        (50, 0.02, 40.3),
        (10, 0.001, 3.09),
        (20, 0.001, 9.41),
        (50, 0.001, 32.5),
        (100, 0.001, 75.2),
    ],
)
def test_it_says_what_tables_of_erlang_b_say(places: int, refused: float, erlangs: float) -> None:
    """To the three digits that tables have."""
    assert offered_for(places, refused) == pytest.approx(erlangs, rel=6e-3)


def test_a_place_and_an_erlang_refuse_every_second() -> None:
    assert blocking(1.0, 1) == 0.5
    assert blocking(2.0, 2) == pytest.approx(0.4)
    assert blocking(3.0, 0) == 1.0


def test_who_waits_by_erlang_c() -> None:
    """A call centre's usual example: 10 erlangs and 14 agents."""
    assert waiting(10.0, 14) == pytest.approx(0.1741, abs=1e-4)
    assert waiting(14.0, 14) == 1.0


@given(
    offered=st.floats(0.01, 5000),
    most_refused=st.floats(1e-5, 0.4),
)
def test_the_places_are_enough_and_one_less_is_not(offered: float, most_refused: float) -> None:
    places = places_for(offered, most_refused)
    assert blocking(offered, places) <= most_refused * (1 + 1e-9)
    assert blocking(offered, places - 1) > most_refused * (1 - 1e-9)


@given(offered=st.floats(0.01, 3000), more=st.floats(0, 3000), refused=st.floats(1e-5, 0.4))
def test_more_calls_never_need_fewer_places(offered: float, more: float, refused: float) -> None:
    assert places_for(offered + more, refused) >= places_for(offered, refused)


@given(st.floats(0.1, 2000))
def test_one_large_house_needs_fewer_places_than_two_halves(offered: float) -> None:
    assert places_for(offered, 0.001) <= 2 * places_for(offered / 2, 0.001)


def test_a_million_calls_are_counted() -> None:
    places = places_for(1e6, 0.001)
    assert 0.99e6 < places < 1.01e6
    assert blocking(1e6, places) <= 0.001


@pytest.mark.parametrize(("offered", "refused"), [(-1, 0.1), (1e9, 0.1), (1, 0), (1, 1)])
def test_what_makes_no_sense_is_refused(offered: float, refused: float) -> None:
    with pytest.raises(ValueError, match=r"planned for|no share"):
        places_for(offered, refused)
