"""A detector that wants another rate hears the same sound, frame by frame, without delay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parley.engines.vad.energy import EnergyDetector
from parley.engines.vad.resampling import ResamplingDetector, fitted


class Listening:
    """Keeps what it is given."""

    def __init__(self, rate_hz: int, frame_samples: int) -> None:
        self.rate_hz = rate_hz
        self.frame_samples = frame_samples
        self.heard: list[bytes] = []
        self.resets = 0

    def is_speech(self, pcm16: bytes) -> bool:
        self.heard.append(pcm16)
        return bool(np.abs(np.frombuffer(pcm16, "<i2").astype(int)).max() > 1000)

    def reset(self) -> None:
        self.resets += 1

    @property
    def samples(self) -> Any:
        return np.frombuffer(b"".join(self.heard), "<i2").astype(float)


def tone(hz: float, ms: int, level: int = 10_000) -> bytes:
    at_s = np.arange(ms * 16) / 16_000
    return (level * np.sin(2 * np.pi * hz * at_s)).astype("<i2").tobytes()


def feed(detector: ResamplingDetector, pcm16: bytes) -> list[bool]:
    step = detector.frame_samples * 2
    return [
        detector.is_speech(pcm16[at : at + step]) for at in range(0, len(pcm16) - step + 1, step)
    ]


def wrapped(inner: Listening) -> ResamplingDetector:
    made = fitted(inner)
    assert isinstance(made, ResamplingDetector)
    return made


RATES = pytest.mark.parametrize("rate_hz", [8_000, 24_000, 32_000, 48_000])


def test_a_detector_of_16_khz_is_left_alone() -> None:
    detector = EnergyDetector(0.01)
    assert fitted(detector) is detector


@RATES
def test_each_frame_brings_exactly_one_of_the_inner_detectors(rate_hz: int) -> None:
    inner = Listening(rate_hz, rate_hz * 20 // 1000)
    detector = wrapped(inner)
    assert (detector.rate_hz, detector.frame_samples) == (16_000, 320)
    assert len(feed(detector, tone(440, 4000))) == 200
    assert {len(frame) for frame in inner.heard} == {inner.frame_samples * 2}
    assert len(inner.heard) == 200


@RATES
@pytest.mark.parametrize("hz", [300, 1000, 2500])
def test_speech_sounds_keep_their_level_and_their_pitch(rate_hz: int, hz: int) -> None:
    inner = Listening(rate_hz, rate_hz * 20 // 1000)
    feed(wrapped(inner), tone(hz, 1000))
    steady = inner.samples[rate_hz // 10 :]
    assert np.sqrt(np.mean(steady**2)) == pytest.approx(10_000 / np.sqrt(2), rel=0.1)
    spectrum = np.abs(np.fft.rfft(steady))
    assert np.argmax(spectrum) * rate_hz / len(steady) == pytest.approx(hz, abs=3)


def test_what_8_khz_cannot_hold_does_not_come_back_as_another_sound() -> None:
    inner = Listening(8_000, 160)
    feed(wrapped(inner), tone(5500, 1000))
    assert np.sqrt(np.mean(inner.samples[800:] ** 2)) < 10_000 / np.sqrt(2) / 50


def test_the_verdict_on_a_sound_comes_with_its_own_frame() -> None:
    detector = wrapped(Listening(8_000, 160))
    verdicts = feed(detector, bytes(640 * 5) + tone(500, 100) + bytes(640 * 5))
    assert verdicts[:5] == [False] * 5
    assert verdicts[5:10] == [True] * 5
    assert verdicts[11:] == [False] * 4, "the filter rings for a millisecond at most"


def test_a_reset_forgets_the_sound_before_and_is_passed_on() -> None:
    inner = Listening(8_000, 160)
    detector = wrapped(inner)
    feed(detector, tone(500, 200))
    detector.reset()
    assert inner.resets == 1
    inner.heard.clear()
    feed(detector, bytes(640 * 2))
    assert not inner.samples.any()


@pytest.mark.parametrize(
    ("rate_hz", "frame_samples", "why"),
    [
        (0, 160, "rate_hz"),
        (-8_000, 160, "rate_hz"),
        (True, 160, "rate_hz"),
        (8_000, 0, "frame_samples"),
        (8_000, 4_001, "frame_samples"),
        (8_000, 160.0, "frame_samples"),
        (11_025, 221, "no whole number"),
    ],
)
def test_a_detector_that_makes_no_sense_is_refused(
    rate_hz: Any, frame_samples: Any, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        fitted(Listening(rate_hz, frame_samples))


def test_an_object_that_is_no_detector_is_refused() -> None:
    nothing: Any = object()
    with pytest.raises(ValueError, match="is_speech"):
        fitted(nothing)
