"""The sounds of a telephone line, and the line itself."""

from __future__ import annotations

import numpy as np
import pytest

from parley.testing.line_sounds import KEYS, LINE_SOUNDS, line_sound
from parley.testing.telephone_line import as_heard, in_band, loudness, through_line

PCM16 = np.dtype("<i2")


def samples(pcm16: bytes) -> np.ndarray:
    return np.frombuffer(pcm16, dtype=PCM16).astype(np.float64)


def tone(hertz: float, rate_hz: int = 16_000, seconds: float = 1.0) -> bytes:
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    pcm16: bytes = np.rint(8000 * np.sin(2 * np.pi * hertz * t)).astype(PCM16).tobytes()
    return pcm16


def test_there_are_enough_of_every_kind() -> None:
    assert len(LINE_SOUNDS) >= 40
    assert len(KEYS) == 16
    for kind in ("key", "ring-back", "busy", "fax", "hold music", "comfort noise", "beep", "hum"):
        assert sum(name.startswith(kind) for name in LINE_SOUNDS) >= 2


@pytest.mark.parametrize("name", LINE_SOUNDS)
def test_a_sound_is_the_same_at_every_call_and_does_not_clip(name: str) -> None:
    pcm16 = line_sound(name)
    assert line_sound(name) == pcm16
    assert 0.3 * 16_000 <= len(pcm16) <= 13 * 16_000
    loudest = np.abs(samples(pcm16)).max()
    assert loudest < 32_000
    assert (loudest > 0) == (name != "silence")


def test_an_unknown_sound_is_an_error() -> None:
    with pytest.raises(KeyError):
        line_sound("a bird")


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_a_line_lets_the_band_through_and_nothing_else(law: str) -> None:
    for hertz, passes in ((100, False), (1000, True), (3000, True), (3700, False), (6000, False)):
        heard = through_line(tone(hertz), law=law, noise_db=None)  # type: ignore[arg-type]
        loud = loudness(samples(heard)) > 1000
        assert loud is passes, hertz


def test_a_line_halves_the_samples_of_16_khz_and_keeps_those_of_8() -> None:
    assert len(through_line(tone(500))) == len(tone(500)) // 2
    assert len(through_line(tone(500, 8000), 8000)) == len(tone(500, 8000))
    assert len(as_heard(bytes(16_000))) == 32_000
    assert through_line(b"") == b""


def test_the_noise_lies_as_far_below_as_it_was_asked_for() -> None:
    clean = samples(through_line(tone(1000), noise_db=None))
    noisy = samples(through_line(tone(1000), noise_db=20.0))
    apart_db = 20 * np.log10(loudness(clean) / loudness(noisy - clean))
    assert apart_db == pytest.approx(20, abs=1.5)
    assert through_line(tone(1000), seed=1) != through_line(tone(1000), seed=2)
    assert len(in_band(np.zeros(0))) == 0
    assert loudness(np.zeros(10)) == 0.0
