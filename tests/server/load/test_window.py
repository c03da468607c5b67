"""Figures of the last seconds, and a threshold that does not flap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.server.load.window import EVERY_S, LEAST, SAMPLES, Threshold, Window, note_lateness


def window(*values: float) -> Window:
    filled = Window()
    for value in values:
        filled.note(value)
    return filled


def test_of_a_few_samples_nothing_is_said() -> None:
    assert window(*[9.0] * (LEAST - 1)).p90 == 0
    assert window(*[9.0] * (LEAST - 1)).mean == 0
    assert window(*[9.0] * LEAST).p90 == 9
    assert window(*[9.0] * LEAST).mean == 9


def test_one_bad_sample_in_twenty_five_is_none_in_ten() -> None:
    assert window(*[0.0] * (SAMPLES - 1), 5.0).p90 == 0
    assert window(*[0.0] * (SAMPLES - 3), 5.0, 5.0, 5.0).p90 == 5


def test_what_is_older_than_the_window_is_forgotten() -> None:
    assert window(*[9.0] * 100, *[1.0] * SAMPLES).p90 == 1


def test_a_stall_is_as_many_late_wake_ups_as_it_hid() -> None:
    late = Window()
    note_lateness(late, 4.5 * EVERY_S)
    assert list(late.samples) == pytest.approx([k * EVERY_S for k in (0.5, 1.5, 2.5, 3.5, 4.5)])


def test_an_endless_stall_fills_the_window_and_no_more() -> None:
    late = Window()
    note_lateness(late, 1e6)
    assert len(late.samples) == SAMPLES
    assert late.p90 > 1e6 - SAMPLES


def test_a_threshold_that_was_passed_is_open_again_well_below() -> None:
    threshold = Threshold(100)
    found = [threshold.look(value) for value in (99, 100, 99, 61, 60, 59, 61, 99, 100)]
    assert found == [False, True, True, True, True, False, False, False, True]


@given(st.lists(st.floats(0, 1e9)))
def test_a_limit_of_zero_is_never_passed(values: list[float]) -> None:
    threshold = Threshold(0)
    assert not any(threshold.look(value) for value in values)
