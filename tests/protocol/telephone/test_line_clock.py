"""Where what comes over a line belongs in its time."""

from __future__ import annotations

import pytest

from parley.protocol.telephone.line_clock import MAX_FILL_MS, InOrder, LineClock

Placed = tuple[float, float]


def placed(*pieces: tuple[float | None, float], start_ms: float = 0.0) -> list[Placed]:
    """Of pieces of 20 ms: what the service says of their place, and when they came."""
    clock = LineClock()
    return [clock.place(20.0, at_ms, start_ms + now_ms) for at_ms, now_ms in pieces]


def test_pieces_in_a_row_miss_nothing() -> None:
    assert placed((0, 0), (20, 20), (40, 40), (60, 60)) == [(0, 0)] * 4


def test_without_a_place_each_is_behind_the_one_before() -> None:
    assert placed((None, 0), (None, 900), (None, 901)) == [(0, 0)] * 3


def test_a_gap_is_silence() -> None:
    assert placed((0, 0), (3020, 3020), (3040, 3040)) == [(0, 0), (3000, 0), (0, 0)]


def test_timestamps_may_be_rounded() -> None:
    assert placed((0, 0), (21, 20), (39, 40), (62, 60)) == [(0, 0)] * 4


def test_a_stream_may_begin_at_any_time() -> None:
    epoch = 1_700_000_000_000.0
    assert placed((epoch, 0), (epoch + 20, 20), (epoch + 60, 60)) == [(0, 0), (0, 0), (20, 0)]


def test_what_comes_behind_its_place_was_missing_already() -> None:
    assert placed((0, 0), (60, 60), (20, 61), (80, 80)) == [(0, 0), (40, 0), (0, 20), (0, 0)]


def test_half_of_a_late_piece_counts() -> None:
    assert placed((0, 0), (50, 50), (60, 60)) == [(0, 0), (30, 0), (0, 0)]


def test_a_burst_after_a_stall_loses_nothing() -> None:
    assert placed((0, 0), (20, 3000), (40, 3000), (60, 3001)) == [(0, 0)] * 4


def test_silence_that_was_heard_meanwhile_is_taken_off() -> None:
    clock = LineClock()
    clock.place(20, 0, 0)
    assert clock.quiet(300) == 300
    clock.quiet(300)
    assert clock.place(20, 1020, 1020) == (400, 0)
    assert clock.place(20, 1040, 1040) == (0, 0)


def test_a_stall_that_was_taken_for_silence_loses_no_word() -> None:
    clock = LineClock()
    clock.place(20, 0, 0)
    clock.quiet(300)
    assert [clock.place(20, at, 400) for at in (20, 40, 60)] == [(0, 0)] * 3
    assert clock.place(20, 120, 420) == (40, 0), "and the next gap is whole"


@pytest.mark.parametrize("at_ms", [1e14, -1e9, 2.0**53])
def test_numbers_from_another_universe_begin_another_count(at_ms: float) -> None:
    clock = LineClock()
    clock.place(20, 0, 0)
    assert clock.place(20, at_ms, 20) == (0, 0)
    assert clock.jumps == 1
    assert clock.place(20, at_ms + 20, 40) == (0, 0)
    assert clock.place(20, at_ms + 60, 80) == (20, 0)
    assert clock.now_ms(80) == 100


def test_silence_is_never_longer_than_the_time_that_passed() -> None:
    """A peer that counts ahead gets no hours of silence for it."""
    clock = LineClock()
    filled = 0.0
    for number in range(100):
        silence, _ = clock.place(20, number * 60_000, number * 20)
        filled += silence
    assert filled <= 2_000 + 100 * 20


def test_a_long_gap_is_filled_so_far_that_every_turn_ends() -> None:
    (_, (silence, _), (after, _)) = placed((0, 0), (600_020, 600_020), (600_040, 600_040))
    assert silence == MAX_FILL_MS
    assert after == 0


def test_the_time_of_a_silent_line_goes_on_by_our_clock() -> None:
    clock = LineClock()
    clock.place(20, 0, 0)
    assert clock.now_ms(200) == 20, "what is late says nothing"
    clock.quiet(300)
    assert clock.now_ms(350) == 370


# Order


def in_order(*numbers: int) -> list[int]:
    order = InOrder()
    return [data[0] for n in numbers for data, _ in order.push(n, bytes([n % 256]), None)]


def test_pieces_come_out_by_their_numbers() -> None:
    assert in_order(1, 3, 2, 4, 6, 5, 7) == [1, 2, 3, 4, 5, 6, 7]


def test_what_is_lost_is_not_waited_for_for_long() -> None:
    assert in_order(1, 3, 4, 5, 6, 7) == [1]
    assert in_order(1, 3, 4, 5, 6, 7, 8, 9) == [1, 3, 4, 5, 6, 7, 8, 9]


def test_a_count_that_begins_anew_is_taken() -> None:
    assert in_order(9, 10, 5000, 5001) == [9, 10, 5000 % 256, 5001 % 256]


def test_what_is_too_late_is_given_with_its_time() -> None:
    order = InOrder()
    order.push(5, b"a", 100)
    assert order.push(4, b"b", 80) == [(b"b", 80)]
