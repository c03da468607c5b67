"""What is no sound is refused in words."""

from __future__ import annotations

import numpy as np
import pytest

from parley.engines.failures import EngineFailure
from parley.engines.tts.samples import checked, silent


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([0.0, np.nan], "samples up to nan"),
        ([np.inf], "samples up to inf"),
        ([-np.inf, 0.0], "samples up to inf"),
        ([0.0, 20_000.0], "samples up to 20000.0"),
        ([[0.0, 0.1], [0.0, 0.1]], "sound of 2 x 2, not of one channel"),
        (0.5, "sound of a single number"),
    ],
)
def test_what_is_no_sound_of_one_channel_is_a_failure(samples: object, words: str) -> None:
    with pytest.raises(EngineFailure, match=words):
        checked(samples)


def test_sound_is_taken_as_it_is_also_a_little_too_loud() -> None:
    assert checked([0.5, -1.2]).tolist() == pytest.approx([0.5, -1.2])
    assert checked([]).tolist() == []


def test_silence_is_what_nobody_hears() -> None:
    assert silent(np.zeros(10))
    assert silent(np.empty(0))
    assert silent(np.full(10, 1e-5))
    assert not silent(np.array([0.0, 0.01]))
