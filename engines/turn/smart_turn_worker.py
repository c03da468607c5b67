"""The worker's side of Smart Turn: one onnxruntime session per process.

The model wants the newest 8 s at 16 kHz as Whisper's log-mel features: shorter audio stands at the
end, behind zeros; all of it, zeros included, is brought to mean 0 and variance 1 first, as
WhisperFeatureExtractor does with `do_normalize`. The features are faster-whisper's, which differ
from that one's by 4e-6 at the most.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...audio.pcm import HEARING_RATE_HZ
from ..failures import EngineFailure, EngineUnavailable

WINDOW_S = 8
SAMPLES = WINDOW_S * HEARING_RATE_HZ
INPUT = "input_features"
FEATURES = (80, 800)
"""Mel bands and frames of 10 ms: the model's input without the batch."""
EPSILON = 1e-7
"""Added to the variance by WhisperFeatureExtractor."""

GET_IT = "`parley models pull smart-turn` gets one"

_session: Any = None
_extract: Any = None


def load(path: str) -> None:
    """Load the model at `path` and ask it once: what fails, fails now, as EngineUnavailable."""
    global _session, _extract
    try:
        from faster_whisper.feature_extractor import FeatureExtractor

        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise EngineUnavailable(
            f"Smart Turn needs onnxruntime and faster-whisper ({error}): "
            "pip install onnxruntime faster-whisper"
        ) from None
    if not Path(path).is_file():
        raise EngineUnavailable(f"Smart Turn's model is not there: {path}; {GET_IT}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # it is quick enough, and other cores belong to other lanes
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # fatal only; the rest would go to stderr past our logs
    try:
        session = onnxruntime.InferenceSession(
            path, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # a class of its own for each way in which a file can be broken
        raise EngineUnavailable(
            f"Smart Turn's model {path} cannot be loaded: {_first_line(error)}; {GET_IT}"
        ) from None
    _check(session, path)
    _session, _extract = session, FeatureExtractor(chunk_length=WINDOW_S)
    try:
        likelihood(bytes(2 * HEARING_RATE_HZ))
    except Exception as error:
        _session = None
        raise EngineUnavailable(
            f"Smart Turn's model {path} does not answer: {_first_line(error)}; {GET_IT}"
        ) from None


def likelihood(pcm16: bytes) -> float:
    """That the turn is over, 0 to 1. `pcm16`: mono at 16 kHz; of more than 8 s the newest."""
    (answer,) = _session.run(None, {INPUT: features(pcm16)})
    likely = float(np.asarray(answer).reshape(-1)[0])
    if not 0.0 <= likely <= 1.0:  # also what is no number
        raise EngineFailure(f"Smart Turn gave {likely}, which is no likelihood", retryable=False)
    return likely


def features(pcm16: bytes) -> npt.NDArray[np.float32]:
    """Shape (1, 80, 800)."""
    samples = np.frombuffer(pcm16[: len(pcm16) // 2 * 2], "<i2")[-SAMPLES:]
    sound = np.zeros(SAMPLES, np.float32)
    sound[SAMPLES - len(samples) :] = samples.astype(np.float32) / 32768
    sound = (sound - sound.mean()) / np.sqrt(sound.var() + EPSILON)
    return np.asarray(_extract(sound, padding=0), np.float32)[np.newaxis]


def _check(session: Any, path: str) -> None:
    """Raises EngineUnavailable where this is a model, but another one."""
    given, told = session.get_inputs(), session.get_outputs()
    fits = (
        len(given) == len(told) == 1
        and given[0].name == INPUT
        and given[0].type == told[0].type == "tensor(float)"
        and len(given[0].shape) == 3
        and all(_may_be(*pair) for pair in zip(given[0].shape[1:], FEATURES, strict=True))
    )
    if not fits:
        inputs = ", ".join(f"{one.name} {one.shape} {one.type}" for one in given)
        raise EngineUnavailable(
            f"{path} is another model than Smart Turn v3: it takes {inputs or 'nothing'}, "
            f"not {INPUT} of (any, {FEATURES[0]}, {FEATURES[1]}); {GET_IT}"
        )


def _may_be(size: object, wanted: int) -> bool:
    """A size that is a name, or none, is any."""
    return size == wanted if isinstance(size, int) else True


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
