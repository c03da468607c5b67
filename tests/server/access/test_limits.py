"""Buckets and meters: what is left, and how long one has to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.config import Limits
from parley.engines.spending import Unit
from parley.server.access.limits import Bucket, Meter
from parley.server.access.meters import ADDRESSES_MAX, Meters
from parley.server.access.tokens import Token


def test_a_share_can_be_used_at_once_and_comes_back_steadily() -> None:
    bucket = Bucket(rate=2.0, share=10.0)
    bucket.take(10, 0.0)
    assert bucket.wait_s(0.0) == pytest.approx(0.0005)
    assert bucket.wait_s(1.0) == 0
    bucket.take(12, 1.0)  # more than is there: the last piece is not cut
    assert bucket.wait_s(1.0) == pytest.approx(5.0, abs=0.01)
    assert bucket.wait_s(7.0) == 0
    assert not bucket.is_full(7.0)
    assert bucket.is_full(20.0)


def test_no_limit_never_waits() -> None:
    bucket = Bucket(rate=0, share=0)
    bucket.take(1e9, 0.0)
    assert bucket.wait_s(0.0) == 0
    assert bucket.is_full(0.0)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(rate=1.0, share=5.0)
    bucket.take(5, 100.0)
    assert bucket.wait_s(50.0) > 0


@given(
    rate=st.floats(0.1, 100),
    share=st.floats(1, 100),
    steps=st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 50)), max_size=30),
)
def test_whoever_waits_as_told_finds_something(
    rate: float, share: float, steps: list[tuple[float, float]]
) -> None:
    """And in all no more is given than the share, what has come since, and one piece."""
    bucket, now_s, taken, largest = Bucket(rate, share), 0.0, 0.0, 0.0
    for pause_s, amount in steps:
        now_s += pause_s
        now_s += bucket.wait_s(now_s) * 1.0001
        assert bucket.wait_s(now_s) == pytest.approx(0, abs=1e-6)
        bucket.take(amount, now_s)
        taken, largest = taken + amount, max(largest, amount)
    assert taken <= share + now_s * rate + largest + 1e-6


def test_a_meter_tells_what_is_used_up_and_when_there_is_some_again() -> None:
    meter = Meter("x", Limits(audio_s_per_hour=60, characters_per_hour=3600))
    assert meter.exhausted(0.0) is None
    meter.spend(Unit.AUDIO, 61, 0.0)
    meter.spend(Unit.CHARACTERS, 3610, 0.0)
    over = meter.exhausted(0.0)
    assert over is not None
    assert over[0] is Unit.AUDIO
    assert over[1] == pytest.approx(60, abs=1)
    assert meter.exhausted(61.0) is None


def test_new_limits_count_at_once_and_sessions_stay_counted() -> None:
    meters = Meters(Limits())
    token = Token(name="a", digest=b"", limits=Limits(sessions=1))
    meter = meters.of_token(token)
    meter.sessions = 1
    assert meter.full
    wider = Token(name="a", digest=b"", limits=Limits(sessions=2))
    assert meters.of_token(wider) is meter
    assert (meter.full, meter.sessions) == (False, 1)


@pytest.mark.long
def test_idle_addresses_are_forgotten_and_their_number_is_bounded() -> None:
    meters = Meters(Limits(handshakes_per_s=1, sessions=5))
    for number in range(ADDRESSES_MAX + 500):
        meter = meters.of_address(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)
        meter.handshakes.take(2, 0.0)
    assert len(meters._addresses) <= ADDRESSES_MAX
    kept = meters.of_address("10.0.0.1", 0.0)
    kept.sessions = 1
    for number in range(200):
        meters.of_address(f"172.16.0.{number}", 1000.0)
    assert meters.of_address("10.0.0.1", 1000.0) is kept
