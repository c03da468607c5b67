"""Several channels to one: what is heard, and that it does not depend on how it comes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.audio.downmix import BLOCK, Downmix

RNG = np.random.default_rng(5)
VOICE = RNG.normal(0, 3000, 4 * BLOCK)
OTHER = RNG.normal(0, 3000, 4 * BLOCK)


def stereo(
    left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return np.stack([left, right], axis=1)


def test_the_same_sound_twice_is_heard_once() -> None:
    assert np.array_equal(Downmix().mono(stereo(VOICE, VOICE)), VOICE)


def test_opposite_signs_are_heard_from_the_first_frame_on() -> None:
    assert np.array_equal(Downmix().mono(stereo(VOICE, -VOICE)), VOICE)


def test_of_opposite_signs_the_louder_is_heard() -> None:
    assert np.array_equal(Downmix().mono(stereo(0.9 * VOICE, -VOICE)), -VOICE)


def test_two_who_talk_at_once_are_both_heard() -> None:
    frames = stereo(VOICE, OTHER)
    assert np.array_equal(Downmix().mono(frames)[10:], frames.mean(axis=1)[10:])


def test_beside_a_silent_channel_the_other_is_heard_at_half() -> None:
    assert np.array_equal(Downmix().mono(stereo(VOICE, 0 * VOICE)), VOICE / 2)


def test_a_choice_holds_over_a_pause_and_gives_way_to_another_sound() -> None:
    mixer = Downmix()
    mixer.mono(stereo(VOICE, -VOICE))
    assert not mixer.mono(np.zeros((20 * BLOCK, 2))).any()
    assert np.array_equal(mixer.mono(stereo(VOICE, -VOICE)), VOICE)
    long = np.tile(VOICE, 30)
    assert np.array_equal(mixer.mono(stereo(long, long))[-BLOCK:], long[-BLOCK:])


@given(
    st.lists(st.integers(0, 3 * BLOCK), max_size=8),
    st.integers(2, 4),
    st.sampled_from([-1.0, -0.9, -0.6, -0.5, 0.0, 0.3]),
)
def test_it_sounds_the_same_however_it_is_cut(cuts: list[int], channels: int, share: float) -> None:
    frames = np.stack([VOICE, *[share * VOICE + 0.3 * OTHER] * (channels - 1)], axis=1)
    mixer = Downmix()
    pieces = np.split(frames, sorted(cuts))
    cut = np.concatenate([mixer.mono(piece) for piece in pieces])
    assert np.array_equal(cut, Downmix().mono(frames))


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_samples_may_be_of_any_kind(dtype: type) -> None:
    loud: npt.NDArray[Any] = np.full((3, 2), 32767).astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Downmix().mono(loud).tolist() == [32767.0] * 3
