"""WebRTC's gate over the noise floor: what does not stand out is no speech, and speech does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import webrtcvad

from parley.audio.wav import read_wav
from parley.engines.vad.webrtc import WARM_UP_FRAMES, WINDOW_FRAMES, WebRtcDetector

EXAMPLES = Path(__file__).parents[2] / "examples/audio"
RATE_HZ = 16_000
FRAME = 960  # bytes

Sound = npt.NDArray[np.float64]


def words(name: str) -> Sound:
    """A recording's speech: 300 ms of quiet before it and 1 s after it are cut away."""
    samples = np.frombuffer(read_wav(EXAMPLES / name).pcm16, "<i2").astype(np.float64)
    return np.asarray(samples[4800:-16_000])


def hum(seconds: float, dbfs: float) -> Sound:
    """50 Hz with its harmonics: what ungated WebRTC takes for a voice for ever."""
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    wave = np.sum([np.sin(2 * np.pi * 50 * n * t + n) / n for n in range(1, 11)], axis=0)
    return np.asarray(wave / np.sqrt(np.mean(wave**2)) * 32768 * 10 ** (dbfs / 20))


def frames(sound: Sound) -> list[bytes]:
    pcm16 = sound.clip(-32768, 32767).astype("<i2").tobytes()
    return [pcm16[at : at + FRAME] for at in range(0, len(pcm16) - FRAME + 1, FRAME)]


def judged(detector: WebRtcDetector, sound: Sound) -> list[bool]:
    return [detector.is_speech(frame) for frame in frames(sound)]


def ungated(sound: Sound) -> list[bool]:
    vad = webrtcvad.Vad(2)
    return [bool(vad.is_speech(frame, RATE_HZ)) for frame in frames(sound)]


def test_hum_is_speech_for_three_seconds_at_most() -> None:
    sound = hum(10, -25)
    assert all(ungated(sound)[-100:])
    assert not any(judged(WebRtcDetector(2), sound)[WINDOW_FRAMES + 20 :])


def test_speech_over_hum_is_heard_when_the_floor_is_known() -> None:
    speech = words("4-lights.wav")
    level = 10 * np.log10(np.mean(speech**2) / 32768**2)
    sound = hum(5 + len(speech) / RATE_HZ + 1, level - 8)
    sound[5 * RATE_HZ : 5 * RATE_HZ + len(speech)] += speech
    verdicts = judged(WebRtcDetector(2), sound)
    assert not any(verdicts[120:165])
    assert np.mean(verdicts[167:-34]) > 0.6
    assert not any(verdicts[-20:])


def test_in_a_quiet_room_only_the_older_gates_judge() -> None:
    sound = np.concatenate([words("1-weather.wav"), np.zeros(RATE_HZ), words("7-message.wav")])
    verdicts = judged(WebRtcDetector(2), sound)
    same = np.equal(verdicts, ungated(sound))[WARM_UP_FRAMES:]
    assert np.mean(same) > 0.97


@pytest.mark.parametrize("dbfs", [-20, -35, -45])
def test_who_talks_on_and_on_is_not_taken_for_noise(dbfs: float) -> None:
    # 20 s without a pause of over 100 ms: the window holds nothing but speech.
    speech = np.concatenate([words("2-umbrella.wav"), words("5-restaurant.wav")] * 2)
    speech *= 32768 * 10 ** (dbfs / 20) / np.sqrt(np.mean(speech**2))
    assert np.mean(judged(WebRtcDetector(2), speech)[WINDOW_FRAMES:]) > 0.75


def test_a_reset_forgets_the_floor() -> None:
    detector = WebRtcDetector(2)
    first = judged(detector, hum(5, -25))
    assert any(first)
    assert not any(first[-20:])
    detector.reset()
    assert judged(detector, hum(5, -25)) == first
