"""Refusal instead of decay."""

from __future__ import annotations

import pytest

from parley.engines.asr.admission import Admission, Expected
from parley.engines.failures import EngineBusy


def test_places_are_what_the_lanes_can_do() -> None:
    assert Admission(2, Expected(rtf=0.15, final_s=0.1)).places == 12
    assert Admission(2, Expected(rtf=0.01, final_s=1.0)).places == 3
    assert Admission(1, Expected(rtf=9.0, final_s=9.0)).places == 1
    assert Admission(2, Expected(rtf=0.01, final_s=0.01), most=16).places == 16


def test_who_finds_no_place_is_told_and_counted_nowhere() -> None:
    admission = Admission(1, Expected(rtf=0.4, final_s=0.1))
    for _ in range(3):
        admission.enter()
    with pytest.raises(EngineBusy, match="3 people"):
        admission.enter()
    admission.leave()
    admission.enter()
    assert admission.talking == 3


@pytest.mark.parametrize(("places", "most", "at_once"), [(1, None, 1), (4, None, 6), (4, 5, 5)])
def test_for_a_moment_half_as_many_again_may_talk(
    places: int, most: int | None, at_once: int
) -> None:
    """But no more than the lanes can hold."""
    admission = Admission(places, Expected(rtf=0.9, final_s=0.9), most=most)
    assert (admission.places, admission.most_at_once) == (places, at_once)


def test_a_machine_that_becomes_slow_takes_fewer_and_then_more_again() -> None:
    admission = Admission(2, Expected(rtf=0.15, final_s=0.1))
    for _ in range(20):
        admission.learn(work_s=2.0, final_s=0.5, audio_s=4.0)
    assert admission.places == 3
    for _ in range(20):
        admission.learn(work_s=0.4, final_s=0.1, audio_s=4.0)
    assert admission.places > 10


def test_what_was_expected_counts_as_one_utterance_that_was_heard() -> None:
    """A large model on a GPU is ten times faster than was expected of it."""
    admission = Admission(2, Expected(rtf=0.75, final_s=3.0))
    assert admission.places == 1
    admission.learn(work_s=0.6, final_s=0.3, audio_s=8.0)
    assert admission.final_s == pytest.approx((3.0 + 0.3) / 2)
    admission.learn(work_s=0.6, final_s=0.3, audio_s=8.0)
    assert admission.final_s == pytest.approx((3.0 + 2 * 0.3) / 3)
    for _ in range(10):
        admission.learn(work_s=0.6, final_s=0.3, audio_s=8.0)
    assert admission.places > 5
    before_s = admission.final_s
    admission.learn(work_s=0.6, final_s=1.0, audio_s=8.0)
    assert admission.final_s == pytest.approx(before_s + (1.0 - before_s) / 5)


def test_a_cough_teaches_nothing() -> None:
    admission = Admission(2, Expected(rtf=0.15, final_s=0.1))
    admission.learn(work_s=3.0, final_s=3.0, audio_s=0.2)
    assert admission.places == 12
