"""Silero's voice detector: 0.1 to 0.2 ms per frame, steady in white noise and hum down to 5 dB.

The model is the one that faster-whisper's wheel carries, so nothing is downloaded. In process: it
fails only when it is made, with EngineUnavailable. The first one of a process loads onnxruntime
and the model (0.2 s); all share them. What is learned of a stream is each detector's own.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...audio.pcm import HEARING_RATE_HZ
from ..failures import EngineUnavailable

FRAME_SAMPLES = 512
"""The only length that the model knows at 16 kHz: 32 ms."""

CONTEXT_SAMPLES = 64
"""The end of the frame before stands in front of every frame."""

STATE_SHAPE = (1, 1, 128)
"""Of each of the two states, h and c, that go from frame to frame."""

SILENT = 0.1
"""A frame is silent where speech is less probable. What buzzes and crackles is between that and
speech, and a model that has just begun takes more of it for speech."""

FORGET_FRAMES = 62
"""After so many silent ones (two seconds) the model's state is forgotten. In a silence of a
minute it drifts: speech is then found up to 0.6 s late, and the beginning of the first word is
lost (docs/VAD.md)."""

FORGET_FRAMES_NARROW = 312
"""The same on a telephone line (ten seconds): it has buzzes that a model which has just begun takes
for somebody's "mm-hmm" (docs/TELEPHONE_HEARING.md)."""

PACKAGE = "faster_whisper"
MODEL = Path("assets", "silero_vad_v6.onnx")


class SileroDetector:
    """`threshold` is the probability, between 0 and 1, from which a frame is speech.

    `narrow_band`: it is the sound of a telephone. The model was trained on 16 kHz, and of speech
    without anything above 4 kHz it misses half of the frames and whole utterances. So each second
    sample is given to it twice: that mirrors what is below 4 kHz to above, where the model expects
    something, and it misses no utterance (docs/TELEPHONE_HEARING.md).

    Raises ValueError for another threshold, EngineUnavailable without model or onnxruntime.
    """

    rate_hz = HEARING_RATE_HZ
    frame_samples = FRAME_SAMPLES

    _h: npt.NDArray[np.float32]
    _c: npt.NDArray[np.float32]
    _silent_frames: int

    def __init__(self, threshold: float = 0.5, *, narrow_band: bool = False) -> None:
        if not 0.0 < threshold < 1.0:
            raise ValueError(f"the threshold is a probability, 0 to 1, not {threshold}")
        self._threshold = self._made_with = threshold
        self._narrow_band = narrow_band
        self._forget_frames = FORGET_FRAMES_NARROW if narrow_band else FORGET_FRAMES
        self._session = shared_session()
        self.reset()

    def is_speech(self, pcm16: bytes) -> bool:
        probability = self.probability(pcm16)
        silent = probability < min(SILENT, self._threshold)
        self._silent_frames = self._silent_frames + 1 if silent else 0
        if self._silent_frames == self._forget_frames:
            self._forget()
        return probability >= self._threshold

    def tune(self, threshold: float | None) -> None:
        """How sure it has to be from now on; None: as it was made."""
        self._threshold = self._made_with if threshold is None else threshold

    def probability(self, pcm16: bytes) -> float:
        """That this frame, the next of the stream, is speech. Takes what `is_speech` takes."""
        samples = np.frombuffer(pcm16, dtype="<i2")
        if len(samples) != FRAME_SAMPLES:
            raise ValueError(f"a frame has {2 * FRAME_SAMPLES} bytes, not {len(pcm16)}")
        if self._narrow_band:
            samples = np.repeat(samples[::2], 2)
        self._input[0, :CONTEXT_SAMPLES] = self._input[0, -CONTEXT_SAMPLES:]
        self._input[0, CONTEXT_SAMPLES:] = samples
        self._input[0, CONTEXT_SAMPLES:] /= 32768
        probability, self._h, self._c = self._session.run(
            None, {"input": self._input, "h": self._h, "c": self._c}
        )
        return float(probability.item())

    def reset(self) -> None:
        self._input = np.zeros((1, CONTEXT_SAMPLES + FRAME_SAMPLES), dtype=np.float32)
        self._forget()

    def _forget(self) -> None:
        self._silent_frames = 0
        self._h = np.zeros(STATE_SHAPE, dtype=np.float32)
        self._c = np.zeros(STATE_SHAPE, dtype=np.float32)


def model_path() -> Path:
    """Where the model lies. The package around it is looked up, not imported: that takes seconds.

    Raises EngineUnavailable.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EngineUnavailable(
            "Silero's model comes with faster-whisper, which is not installed: "
            "pip install faster-whisper"
        )
    path = Path(spec.submodule_search_locations[0], MODEL)
    if not path.is_file():
        raise EngineUnavailable(
            f"the installed faster-whisper carries no {MODEL.name}: install version 1.2.1 or newer"
        )
    return path


# functools.cache keeps no exception: what was missing is looked for again the next time.
@functools.cache
def shared_session() -> Any:
    """The process's one onnxruntime session. It keeps nothing between runs. EngineUnavailable."""
    path = model_path()
    try:
        # Not at the top: only who chooses this detector pays for it.
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise EngineUnavailable(
            f"Silero runs on onnxruntime, which cannot be imported ({error}): "
            "pip install onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a frame is too small to share out
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # fatal only; the rest would go to stderr past our logs
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # a class of its own for each way in which a file can be broken
        raise EngineUnavailable(f"Silero's model {path} cannot be loaded: {error}") from error
