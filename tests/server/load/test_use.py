"""What many people take of the processor together, from samples of the last minutes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.server.load.use import LONG, SHORT, ProcessorUse
from parley.server.load.window import LEAST

EACH = 0.125


def used(*samples: tuple[float, int]) -> ProcessorUse:
    use = ProcessorUse()
    for share, people in samples:
        use.note(share, people)
    return use


def test_of_too_few_samples_nothing_is_said() -> None:
    use = used(*[(1.0, 5)] * (LEAST - 1))
    assert use.p80 == use.with_people(50, EACH) == 0.0


def test_one_moment_in_five_may_be_busier() -> None:
    assert used(*[(0.9, 10)] * 5, *[(0.5, 10)] * 25).p80 == 0.5
    assert used(*[(0.9, 10)] * 6, *[(0.5, 10)] * 24).p80 == 0.9


@pytest.mark.parametrize(
    ("people", "share"), [(20, 0.4), (30, 0.6), (40, 0.8), (10, 0.4), (0, 0.4)]
)
def test_who_came_counts_as_the_others_do(people: int, share: float) -> None:
    assert used(*[(0.4, 20)] * SHORT).with_people(people, EACH) == pytest.approx(share)


def test_a_busy_half_minute_is_remembered_for_some_while() -> None:
    use = used(*[(0.9, 40)] * (LONG // 4), *[(0.5, 40)] * SHORT)
    assert use.p80 == 0.5
    assert use.with_people(40, EACH) == 0.9
    # It counts for as much less as there are fewer of those who made it, and for more likewise.
    assert use.with_people(30, EACH) == pytest.approx(0.675)
    assert use.with_people(44, EACH) == pytest.approx(0.99)


def test_a_few_who_need_much_say_little_of_many() -> None:
    use = used(*[(0.4, 3)] * LONG, *[(0.45, 20)] * SHORT)
    assert use.with_people(20, EACH) == pytest.approx(0.6)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 100)), max_size=LONG + 20),
    st.integers(0, 100),
    st.integers(0, 20),
)
def test_more_people_never_take_less(
    samples: list[tuple[float, int]], people: int, more: int
) -> None:
    use = used(*samples)
    assert use.p80 <= use.with_people(people, EACH) <= use.with_people(people + more, EACH) + 1e-9
