"""Silero as a stream: the model's own answers, one session for all, a state for each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from parley.audio.g711 import Law
from parley.audio.wav import read_wav
from parley.config import Settings
from parley.engines.failures import EngineUnavailable
from parley.engines.vad import silero
from parley.engines.vad.open import DETECTORS
from parley.engines.vad.silero import FRAME_SAMPLES, SileroDetector, model_path, shared_session
from parley.testing.telephone_line import as_heard, through_line

RECORDING = Path(__file__).parents[2] / "examples/audio/2-umbrella.wav"
FRAME = 2 * FRAME_SAMPLES
FRAME_MS = 32


def frames() -> list[bytes]:
    pcm16 = read_wav(RECORDING).pcm16
    return [pcm16[start : start + FRAME] for start in range(0, len(pcm16) - FRAME + 1, FRAME)]


def probabilities(detector: SileroDetector) -> list[float]:
    return [detector.probability(frame) for frame in frames()]


@pytest.fixture
def no_session() -> Iterator[None]:
    """As in a process that has not loaded the model yet."""
    shared_session.cache_clear()
    yield
    shared_session.cache_clear()


def test_speech_is_told_from_the_quiet_around_it() -> None:
    # The recording: 300 ms of quiet, speech without a pause, 1 s of quiet.
    detector = SileroDetector()
    verdicts = [detector.is_speech(frame) for frame in frames()]
    assert not any(verdicts[: 240 // FRAME_MS])
    assert not any(verdicts[-800 // FRAME_MS :])
    assert all(verdicts[400 // FRAME_MS : -1200 // FRAME_MS])


def test_frame_by_frame_it_says_what_the_model_says_of_the_whole() -> None:
    samples = np.frombuffer(b"".join(frames()), "<i2").astype(np.float32) / 32768
    padded = np.concatenate([np.zeros(64, np.float32), samples])
    windows = np.stack([padded[at : at + 576] for at in range(0, len(samples), 512)])
    state = np.zeros((1, 1, 128), np.float32)
    whole = shared_session().run(None, {"input": windows, "h": state, "c": state})[0].ravel()
    assert probabilities(SileroDetector()) == pytest.approx(whole.tolist(), abs=1e-4)


def test_it_forgets_on_reset() -> None:
    detector = SileroDetector()
    first = probabilities(detector)
    assert probabilities(detector) != first
    detector.reset()
    assert probabilities(detector) == first


def test_detectors_share_the_session_and_nothing_else() -> None:
    alone = probabilities(SileroDetector())
    one, other = SileroDetector(), SileroDetector()
    noise = np.random.default_rng(1).normal(0, 3000, FRAME_SAMPLES).astype("<i2").tobytes()
    mixed = []
    for frame in frames():
        mixed.append(one.probability(frame))
        other.probability(noise)
    assert mixed == alone
    assert shared_session.cache_info().currsize == 1


def test_the_threshold_decides() -> None:
    speech = frames()[20:60]
    strict, lax = SileroDetector(0.999), SileroDetector(0.001)
    assert not any(strict.is_speech(frame) for frame in speech)
    assert all(lax.is_speech(frame) for frame in speech)


def test_a_client_may_have_it_be_surer() -> None:
    detector = SileroDetector(0.5)
    verdicts: dict[float | None, int] = {}
    for threshold in (None, 0.99, None):
        detector.tune(threshold)
        detector.reset()
        told = sum(detector.is_speech(frame) for frame in frames())
        assert verdicts.setdefault(threshold, told) == told
    assert verdicts[0.99] < verdicts[None]


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        SileroDetector(threshold)


@pytest.mark.parametrize("size", [0, FRAME - 2, FRAME + 2])
def test_a_frame_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="1024 bytes"):
        SileroDetector().is_speech(bytes(size))


def test_the_settings_offer_it() -> None:
    hearing = Settings.defaults(stream_vad_engine="silero").hearing
    detector = DETECTORS[hearing.vad_engine](hearing)
    assert (detector.rate_hz, detector.frame_samples) == (16_000, 512)
    assert not detector.is_speech(bytes(FRAME))


def test_faster_whisper_is_not_imported_for_it() -> None:
    code = (
        "import sys; from parley.engines.vad.silero import SileroDetector; "
        "assert 'onnxruntime' not in sys.modules; "
        "SileroDetector(); assert 'faster_whisper' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.usefixtures("no_session")
def test_without_faster_whisper_it_is_unavailable_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(silero, "PACKAGE", "faster_whisper_that_is_not_there")
    with pytest.raises(EngineUnavailable, match="pip install faster-whisper"):
        SileroDetector()


@pytest.mark.usefixtures("no_session")
def test_a_faster_whisper_without_the_model_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silero, "MODEL", Path("assets", "silero_vad_v9.onnx"))
    with pytest.raises(EngineUnavailable, match=r"carries no silero_vad_v9\.onnx"):
        SileroDetector()


@pytest.mark.usefixtures("no_session")
def test_without_onnxruntime_it_is_unavailable_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineUnavailable, match="pip install onnxruntime"):
        SileroDetector()


@pytest.mark.usefixtures("no_session")
def test_a_broken_model_is_told_with_its_path_and_found_whole_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(model_path().read_bytes()[:1000])
    with monkeypatch.context() as patched:
        patched.setattr(silero, "model_path", lambda: broken)
        with pytest.raises(EngineUnavailable, match=r"broken\.onnx cannot be loaded"):
            SileroDetector()
    SileroDetector()


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_in_a_narrow_band_it_hears_more_of_a_telephone(law: Law) -> None:
    line = as_heard(through_line(read_wav(RECORDING).pcm16, law=law, noise_db=None))
    pieces = [line[at : at + FRAME] for at in range(0, len(line) - FRAME + 1, FRAME)]
    shares = []
    for detector in (SileroDetector(), SileroDetector(0.3, narrow_band=True)):
        verdicts = [detector.is_speech(frame) for frame in pieces]
        assert not any(verdicts[: 240 // FRAME_MS])
        assert not any(verdicts[-800 // FRAME_MS :])
        spoken = verdicts[400 // FRAME_MS : -1200 // FRAME_MS]
        shares.append(sum(spoken) / len(spoken))
    assert shares[1] > shares[0]
    assert shares[1] > 0.9


def test_the_settings_say_which_band_it_is() -> None:
    settings = Settings.defaults()
    for dialect, narrow in (("twilio", True), ("prompt-voice", False)):
        detector = DETECTORS["silero"](settings.hearing_for(dialect))
        one = detector.is_speech(frames()[20])
        assert one == SileroDetector(0.5, narrow_band=narrow).is_speech(frames()[20])


def test_what_a_low_threshold_takes_for_speech_is_no_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    detector = SileroDetector(0.05)
    forgotten: list[int] = []
    monkeypatch.setattr(detector, "probability", lambda pcm16: 0.07)
    monkeypatch.setattr(detector, "_forget", lambda: forgotten.append(1))
    assert all(detector.is_speech(bytes(FRAME)) for _ in range(2 * silero.FORGET_FRAMES))
    assert not forgotten
    detector.tune(0.5)
    assert not any(detector.is_speech(bytes(FRAME)) for _ in range(silero.FORGET_FRAMES))
    assert forgotten == [1]
