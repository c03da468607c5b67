"""The resampler is one stream, however its audio is cut."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.audio.resampler import Resampler

RATES = [8000, 22_050, 24_000, 32_000, 44_100, 48_000]
"""What a client may send beside 16 kHz."""


def sine(hz: float, rate_hz: int, seconds: float) -> bytes:
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    pcm16: bytes = (10_000 * np.sin(2 * np.pi * hz * t)).astype("<i2").tobytes()
    return pcm16


def whole(pcm16: bytes, from_hz: int) -> bytes:
    resampler = Resampler(from_hz)
    return resampler.push(pcm16) + resampler.flush()


@settings(deadline=None)
@given(
    rate_hz=st.sampled_from(RATES),
    sizes=st.lists(st.integers(20, 5000), min_size=1, max_size=5),
    samples=st.integers(0, 12_000),
)
def test_audio_in_chunks_comes_out_as_it_does_in_one_piece(
    rate_hz: int, sizes: list[int], samples: int
) -> None:
    noise = np.random.default_rng(samples).integers(-20_000, 20_000, samples).astype("<i2")
    pcm16 = noise.tobytes()
    resampler = Resampler(rate_hz)
    found, at = b"", 0
    for size in cycle(sizes):
        if at >= len(pcm16):
            break
        found += resampler.push(pcm16[at : at + 2 * size])
        at += 2 * size
    assert found + resampler.flush() == whole(pcm16, rate_hz)


def test_what_is_louder_than_16_bits_hold_is_clipped_and_never_wraps() -> None:
    """The edges of a square wave overshoot when they are filtered."""
    square = np.repeat(np.array([32_767, -32_768] * 200, dtype="<i2"), 99)
    samples = np.frombuffer(whole(square.tobytes(), 48_000), dtype="<i2").astype(int)
    half, at = np.divmod(np.arange(len(samples)) * 3, 99)
    inside = (at > 2) & (at < 97)
    assert np.array_equal(samples[inside] > 0, half[inside] % 2 == 0)
    assert samples.max() == 32_767 and samples.min() == -32_768


@pytest.mark.parametrize("rate_hz", RATES)
def test_its_length_in_seconds_stays_as_it_is(rate_hz: int) -> None:
    found = whole(sine(440, rate_hz, 1.5), rate_hz)
    assert len(found) / 2 == pytest.approx(16_000 * 1.5, abs=2)


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_tone_keeps_its_frequency_and_its_loudness(rate_hz: int) -> None:
    samples = np.frombuffer(whole(sine(440, rate_hz, 1.0), rate_hz), dtype="<i2")
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert np.argmax(spectrum) * 16_000 / len(samples) == pytest.approx(440, abs=1)
    inner = samples[1600:-1600].astype(float)
    assert np.sqrt(np.mean(inner**2)) == pytest.approx(10_000 / np.sqrt(2), rel=0.01)


def test_what_16_khz_cannot_hold_is_left_out() -> None:
    samples = np.frombuffer(whole(sine(11_000, 48_000, 1.0), 48_000), dtype="<i2")
    assert np.abs(samples[1600:-1600]).max() < 50


def test_silence_stays_silence_and_nothing_stays_nothing() -> None:
    assert not any(whole(bytes(9600), 48_000))
    assert whole(b"", 48_000) == b""


def test_little_is_held_back() -> None:
    resampler = Resampler(48_000)
    pushed = resampler.push(sine(440, 48_000, 1.0))
    assert len(pushed) / 2 > 16_000 * 0.95
