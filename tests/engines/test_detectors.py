"""Detectors: tone and noise are told from silence, and nothing is remembered after a reset."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

import numpy as np
import pytest

from parley.audio.wav import read_wav
from parley.config import Settings
from parley.engines.vad.energy import SILENCE_DBFS, EnergyDetector, level_dbfs
from parley.engines.vad.interface import Detector
from parley.engines.vad.open import DETECTORS
from parley.engines.vad.scripted import ScriptedDetector
from parley.engines.vad.webrtc import WebRtcDetector

RECORDING = Path(__file__).parents[2] / "examples/audio/2-umbrella.wav"
RATE_HZ = 16_000


def noise(dbfs: float, ms: int, seed: int = 1) -> bytes:
    samples = np.random.default_rng(seed).normal(0, 32768 * 10 ** (dbfs / 20), ms * RATE_HZ // 1000)
    return samples.clip(-32768, 32767).astype("<i2").tobytes()


def mixed(one: bytes, other: bytes) -> bytes:
    return bytes(np.frombuffer(one, "<i2") + np.frombuffer(other, "<i2"))


def judged(detector: Detector, pcm16: bytes) -> list[bool]:
    step = detector.frame_samples * 2
    return [
        detector.is_speech(pcm16[start : start + step])
        for start in range(0, len(pcm16) - step + 1, step)
    ]


def share(verdicts: list[bool]) -> float:
    return sum(verdicts) / len(verdicts)


@pytest.mark.parametrize("detector", [WebRtcDetector(2), WebRtcDetector(3), EnergyDetector()])
def test_speech_is_told_from_the_quiet_around_it(detector: Detector) -> None:
    # The recording: 300 ms of quiet, speech without a pause, 1 s of quiet.
    frame_ms = detector.frame_samples * 1000 // RATE_HZ
    verdicts = judged(detector, read_wav(RECORDING).pcm16)
    assert not any(verdicts[: 240 // frame_ms])
    assert not any(verdicts[-600 // frame_ms :])
    assert share(verdicts[400 // frame_ms : -1200 // frame_ms]) > 0.75


@pytest.mark.parametrize("aggressiveness", [-1, 4])
def test_webrtc_refuses_an_aggressiveness_that_it_does_not_know(aggressiveness: int) -> None:
    with pytest.raises(ValueError, match="0, 1, 2 or 3"):
        WebRtcDetector(aggressiveness)


@pytest.mark.parametrize("dbfs", [-90, -75, -65])
def test_webrtc_never_takes_the_hiss_of_a_sound_card_for_speech(dbfs: float) -> None:
    assert not any(judged(WebRtcDetector(0), noise(dbfs, 3000)))


def test_webrtc_does_not_take_its_first_frames_of_noise_for_speech() -> None:
    assert not any(judged(WebRtcDetector(2), noise(-40, 150)))


def test_webrtc_forgets_on_reset() -> None:
    recording = read_wav(RECORDING).pcm16
    detector = WebRtcDetector(2)
    first = judged(detector, recording)
    detector.reset()
    assert judged(detector, recording) == first


@pytest.mark.parametrize("threshold", [0.0, 1.1, -1.0, math.nan])
def test_energy_refuses_a_threshold_that_is_no_part_of_full_scale(threshold: float) -> None:
    with pytest.raises(ValueError, match="part of full scale"):
        EnergyDetector(threshold)


def test_levels_are_in_dbfs() -> None:
    assert level_dbfs(bytes(640)) == SILENCE_DBFS
    assert level_dbfs(b"") == SILENCE_DBFS
    assert level_dbfs(array("h", [-32768] * 320).tobytes()) == pytest.approx(0.0)
    assert level_dbfs(noise(-30, 1000)) == pytest.approx(-30, abs=0.2)


def test_energy_needs_the_absolute_threshold_in_a_quiet_room() -> None:
    detector = EnergyDetector(0.01)
    assert not any(judged(detector, noise(-70, 3000)))
    assert detector.floor_dbfs == pytest.approx(-70, abs=1)
    assert not any(judged(detector, noise(-45, 200)))
    assert all(judged(detector, noise(-35, 200)))


def test_energy_follows_noise_that_rises_and_then_hears_speech_above_it() -> None:
    detector = EnergyDetector(0.01)
    rise = judged(detector, noise(-30, 5000))
    assert share(rise[:100]) == 1  # loud and new: it could be speech
    assert not any(rise[-100:])  # steady for two seconds: it is not
    speech = read_wav(RECORDING).pcm16
    speech = speech[: len(speech) // 32 * 32]
    verdicts = judged(detector, mixed(speech, noise(-45, len(speech) // 32, seed=2)))
    assert share(verdicts[20:-60]) > 0.4


def test_energy_follows_noise_that_falls() -> None:
    detector = EnergyDetector(0.01)
    judged(detector, noise(-30, 5000))
    judged(detector, noise(-60, 1000))
    assert all(judged(detector, noise(-35, 100)))


def test_energy_forgets_on_reset() -> None:
    detector = EnergyDetector(0.01)
    first = judged(detector, noise(-30, 5000))
    detector.reset()
    assert judged(detector, noise(-30, 5000)) == first


def test_scripted_judges_by_the_peak_alone() -> None:
    detector = ScriptedDetector(level=1000)
    assert detector.frame_samples == 320
    quiet = array("h", [999, -999] * 160).tobytes()
    assert [detector.is_speech(frame) for frame in (bytes(640), quiet)] == [False, False]
    assert detector.is_speech(array("h", [0] * 319 + [1000]).tobytes())
    assert detector.is_speech(array("h", [-1000] + [0] * 319).tobytes())
    assert detector.frames == 4
    detector.reset()
    assert detector.frames == 0
    with pytest.raises(ValueError, match="640 bytes"):
        detector.is_speech(bytes(320))


def onset_ms(detector: Detector, quiet_s: int, hiss_dbfs: float | None) -> float:
    """How long after the end of the quiet 90 ms of speech were found."""
    frame_ms = detector.frame_samples * 1000 / RATE_HZ
    lead = bytes(int(quiet_s * 1000 / frame_ms) * detector.frame_samples * 2)
    sound = lead + read_wav(RECORDING).pcm16
    if hiss_dbfs is not None:
        ms = len(sound) // 2 * 1000 // RATE_HZ
        sound = mixed(sound[: ms * RATE_HZ // 1000 * 2], noise(hiss_dbfs, ms))
    run_ms = 0.0
    for frame, voiced in enumerate(judged(detector, sound)):
        run_ms = run_ms + frame_ms if voiced else 0.0
        if run_ms >= 90:
            return (frame + 1) * frame_ms - len(lead) / 32
    raise AssertionError("no speech was found")


@pytest.mark.few(3)
@pytest.mark.parametrize("hiss_dbfs", [None, -60])
@pytest.mark.parametrize("name", DETECTORS)
def test_who_was_quiet_for_minutes_is_heard_as_soon_as_who_was_not(
    name: str, hiss_dbfs: float | None
) -> None:
    def found_ms(quiet_s: int) -> float:
        return onset_ms(DETECTORS[name](Settings().hearing), quiet_s, hiss_dbfs)

    assert found_ms(150) <= found_ms(1) + 32
