"""Windows, cuts and caps: plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.engines.asr.quiet_cuts import pieces, quiet_point
from parley.engines.asr.whisper_window import FULL_FRAMES, TOKENS_MOST, frames_of, token_cap

RATE_HZ = 16_000


def words(*spans_s: tuple[float, float], total_s: float) -> bytes:
    """Noise where somebody speaks, near silence elsewhere."""
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 20, int(total_s * RATE_HZ))
    for start_s, end_s in spans_s:
        part = slice(int(start_s * RATE_HZ), int(end_s * RATE_HZ))
        samples[part] += rng.normal(0, 3000, part.stop - part.start)
    return samples.astype("<i2").tobytes()


def test_a_window_is_the_audio_and_its_margin() -> None:
    assert frames_of(3.0, 2.0, 3.0) == 500
    assert frames_of(0.2, 2.0, 3.0) == 300
    assert frames_of(40.0, 2.0, 3.0) == FULL_FRAMES


@given(st.floats(0, 60), st.floats(0, 10), st.floats(0, 10))
def test_a_window_is_even_and_never_longer_than_the_models(
    audio_s: float, margin_s: float, least_s: float
) -> None:
    frames = frames_of(audio_s, margin_s, least_s)
    assert frames % 2 == 0
    assert frames <= FULL_FRAMES
    assert frames >= min(FULL_FRAMES, audio_s * 100)


def test_tokens_are_capped_by_what_one_can_say_in_the_time() -> None:
    assert token_cap(0.5) < token_cap(3.0) < token_cap(10.0) <= token_cap(300.0) == TOKENS_MOST


def test_a_cut_lies_in_the_pause_between_two_words() -> None:
    pcm16 = words((0.2, 5.6), (5.9, 8.5), (8.6, 13.0), total_s=13.5)
    at_s = quiet_point(pcm16, 5.0, 8.0) / RATE_HZ / 2
    assert 5.6 < at_s < 5.9


def test_of_equal_pauses_the_last_one_is_taken() -> None:
    at = quiet_point(bytes(RATE_HZ * 2 * 12), 5.0, 9.0)
    assert at / RATE_HZ / 2 > 8.8
    assert at % 2 == 0


@pytest.mark.parametrize("seconds", [0.0, 3.0, 14.0, 14.1, 61.7])
def test_pieces_are_all_of_it_and_none_is_too_long(seconds: float) -> None:
    pcm16 = words((0, seconds), total_s=seconds)
    cut = pieces(pcm16, 14.0)
    assert b"".join(cut) == pcm16
    assert all(len(piece) <= 14 * RATE_HZ * 2 for piece in cut)
    assert all(len(piece) % 2 == 0 for piece in cut)
    assert len(cut) <= 1 + seconds / 7
