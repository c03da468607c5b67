"""Dialect C's energy detector: exact thresholds, exact times, whatever the audio is cut into."""

from __future__ import annotations

import json
import math
from array import array
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.engines.vad.bargein import BargeInDetector

QUIET_DB = -66.2  # what amplitude 16 is; LOUD is the amplitude of -20 dB
QUIET, LOUD = 16, 3277


def tone(amplitude: int, frames: int, samples: int = 480) -> bytes:
    """Frames of a square wave: its RMS is its amplitude."""
    return array("h", [amplitude, -amplitude] * (samples // 2 * frames)).tobytes()


def db(amplitude: int) -> float:
    return 20 * math.log10(amplitude / 32768)


@dataclass
class Heard:
    speech: list[float] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    energy: list[tuple[float, float]] = field(default_factory=list)

    def detector(self, *, sensitivity: float = 0.6, min_speech_ms: int = 300) -> BargeInDetector:
        return BargeInDetector(
            sensitivity=sensitivity,
            min_speech_ms=min_speech_ms,
            on_speech=self.speech.append,
            on_speech_end=self.ends.append,
            on_energy=lambda level, threshold: self.energy.append((level, threshold)),
        )


@pytest.mark.parametrize(("sensitivity", "floor"), [(0.0, -60), (0.6, -48), (1.0, -40)])
def test_the_threshold_starts_at_minus_40_db(sensitivity: float, floor: float) -> None:
    detector = BargeInDetector(sensitivity=sensitivity)
    assert detector.threshold_db == pytest.approx(-40)
    assert detector.noise_floor_db == pytest.approx(floor)


def test_every_frame_of_480_samples_is_told_with_its_level_and_its_threshold() -> None:
    heard = Heard()
    detector = heard.detector()
    detector.push(tone(LOUD, 2))
    assert detector.frame_samples == 480
    assert heard.energy == [pytest.approx((-20.0, -40.0), abs=0.001)] * 2


def test_the_floor_is_the_mean_of_the_last_two_seconds_of_quiet() -> None:
    heard = Heard()
    detector = heard.detector()
    detector.push(tone(100, 50))  # half a window at -50.3 dB, the other half at the start's -48
    assert detector.noise_floor_db == pytest.approx((db(100) - 48) / 2)
    assert detector.threshold_db == pytest.approx((db(100) - 48) / 2 + 8)
    detector.push(tone(100, 50))
    assert detector.noise_floor_db == pytest.approx(db(100))
    detector.push(tone(100, 500))
    assert detector.threshold_db == pytest.approx(db(100) + 8)


def test_the_threshold_is_never_under_minus_60_db() -> None:
    detector = BargeInDetector()
    detector.push(bytes(960 * 200))
    assert detector.noise_floor_db == pytest.approx(-96)
    assert detector.threshold_db == -60
    detector.push(tone(40, 15))  # -58.3 dB
    assert detector.speaking


def test_speech_is_told_after_300_ms_and_not_before() -> None:
    heard = Heard()
    detector = heard.detector()
    detector.push(tone(LOUD, 14))
    assert (heard.speech, detector.speaking) == ([], False)
    detector.push(tone(LOUD, 1))
    assert heard.speech == [pytest.approx(-20.0, abs=0.001)]
    assert detector.speaking
    detector.push(tone(LOUD, 50))
    assert len(heard.speech) == 1


def test_the_least_speech_can_be_set() -> None:
    heard = Heard()
    heard.detector(min_speech_ms=0).push(tone(LOUD, 1))
    assert len(heard.speech) == 1


def test_a_click_is_no_speech_and_no_end_is_told_of_it() -> None:
    heard = Heard()
    detector = heard.detector()
    for _ in range(5):
        detector.push(tone(LOUD, 14) + tone(QUIET, 10))
    assert (heard.speech, heard.ends) == ([], [])


def test_dips_of_a_syllable_neither_delay_nor_end_speech() -> None:
    heard = Heard()
    heard.detector().push((tone(LOUD, 5) + tone(QUIET, 9)) * 3)
    assert len(heard.speech) == 1
    assert heard.ends == []


def test_the_end_is_told_after_200_ms_with_the_length_to_the_last_loud_frame() -> None:
    heard = Heard()
    detector = heard.detector()
    detector.push(tone(LOUD, 25) + tone(QUIET, 9))
    assert heard.ends == []
    detector.push(tone(QUIET, 1))
    assert heard.ends == [500]
    assert not detector.speaking


def test_the_floor_stands_still_while_there_is_a_sound() -> None:
    detector = BargeInDetector()
    detector.push(tone(LOUD, 20) + tone(QUIET, 10))
    assert detector.noise_floor_db == -48
    detector.push(tone(QUIET, 1))
    assert detector.noise_floor_db == pytest.approx((99 * -48 + db(QUIET)) / 100)


@pytest.mark.parametrize(("sensitivity", "speaks"), [(0.6, True), (0.2, False)])
def test_who_is_less_sensitive_wants_more_above_the_floor(sensitivity: float, speaks: bool) -> None:
    detector = BargeInDetector(sensitivity=sensitivity)
    detector.push(tone(100, 100))  # the floor: -50.3 dB
    detector.push(tone(320, 20))  # 10.1 dB above it
    assert detector.speaking is speaks


@given(st.lists(st.integers(0, 5000), max_size=40))
def test_the_cuts_between_pushes_do_not_matter(cuts: list[int]) -> None:
    audio = tone(QUIET, 3) + tone(LOUD, 16) + tone(QUIET, 12) + b"\1"
    whole, parts = Heard(), Heard()
    whole.detector().push(audio)
    detector = parts.detector()
    rest = audio
    for size in cuts:
        detector.push(rest[:size])
        rest = rest[size:]
    detector.push(rest)
    assert parts == whole
    assert parts.ends == [320]


def test_another_rate_has_frames_of_20_ms_too() -> None:
    detector = BargeInDetector(rate_hz=16_000)
    assert detector.frame_samples == 320
    detector.push(tone(LOUD, 15, samples=320))
    assert detector.speaking


def test_status_is_one_dict_for_json() -> None:
    detector = BargeInDetector()
    assert detector.status()["energy_db"] is None
    detector.push(tone(LOUD, 20))
    assert json.loads(json.dumps(detector.status())) == {
        "speaking": True,
        "speech_ms": 400,
        "energy_db": pytest.approx(-20.0, abs=0.001),
        "noise_floor_db": -48,
        "threshold_db": -40,
        "sensitivity": 0.6,
        "min_speech_ms": 300,
        "rate_hz": 24_000,
    }


def test_a_reset_forgets_everything_and_tells_nothing() -> None:
    heard = Heard()
    detector = heard.detector()
    fresh = detector.status()
    detector.push(tone(100, 100) + tone(LOUD, 20) + b"\1")
    detector.reset()
    assert detector.status() == fresh
    detector.push(tone(LOUD, 15))
    assert (len(heard.speech), heard.ends) == (2, [])


def test_a_callback_may_reset() -> None:
    def stop(_level: float) -> None:
        times.append(_level)
        detector.reset()

    times: list[float] = []
    detector = BargeInDetector(on_speech=stop)
    detector.push(tone(LOUD, 29))
    assert len(times) == 1
    assert detector.status()["energy_db"] is None


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"sensitivity": 1.1}, "0 to 1"),
        ({"sensitivity": math.nan}, "0 to 1"),
        ({"rate_hz": 0}, "whole frames"),
        ({"rate_hz": 11_025}, "whole frames"),
        ({"min_speech_ms": -1}, "negative"),
    ],
)
def test_bad_parameters_are_refused(bad: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        BargeInDetector(**bad)  # type: ignore[arg-type]
