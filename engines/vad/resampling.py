"""A detector that wants another sample rate than 16 kHz gets it.

Sessions hear at 16 kHz. The wrapper gives one verdict per frame, at once: a short low-pass filter
and soxr's quickest resampler delay the audio by about a millisecond, and nothing is held back.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from ...audio.pcm import HEARING_RATE_HZ
from .interface import Detector

FRAME_MS_MAX = 500
"""A longer frame would make every decision late by as much."""

RATES_HZ = range(4_000, 192_001)

_TAPS = 33
"""Of the low-pass filter: 2 ms at 16 kHz, some 40 dB of damping half an octave above the edge."""


def fitted(detector: Detector) -> Detector:
    """The detector itself, or a wrapper that resamples for it. Raises ValueError where it cannot
    be used: no `is_speech`, a rate or a frame that makes no sense."""
    for method in ("is_speech", "reset"):
        if not callable(getattr(detector, method, None)):
            raise ValueError(f"a detector has a method {method!r}; {_named(detector)} has none")
    rate_hz, frame = (getattr(detector, name, None) for name in ("rate_hz", "frame_samples"))
    if type(rate_hz) is not int or rate_hz not in RATES_HZ:
        raise ValueError(
            f"{_named(detector)}: rate_hz is {rate_hz!r}; a detector's is a whole number of Hz "
            f"from {RATES_HZ.start} to {RATES_HZ[-1]}"
        )
    if type(frame) is not int or not 1 <= frame * 1000 / rate_hz <= FRAME_MS_MAX:
        raise ValueError(
            f"{_named(detector)}: frame_samples is {frame!r}; a detector's frame is 1 to "
            f"{FRAME_MS_MAX} ms long"
        )
    if rate_hz == HEARING_RATE_HZ:
        return detector
    if frame * HEARING_RATE_HZ % rate_hz:
        raise ValueError(
            f"{_named(detector)}: {frame} samples at {rate_hz} Hz are no whole number of samples "
            f"at {HEARING_RATE_HZ} Hz, which is what a session hears"
        )
    return ResamplingDetector(detector)


class ResamplingDetector:
    """Hears 16 kHz, and has `inner` judge the same audio at its own rate.

    Frames are as long as those of `inner`, and each brings it exactly one of its frames.
    """

    rate_hz = HEARING_RATE_HZ

    def __init__(self, inner: Detector) -> None:
        self._inner = inner
        self.frame_samples = inner.frame_samples * HEARING_RATE_HZ // inner.rate_hz
        self._low_pass = _low_pass(min(1.0, inner.rate_hz / HEARING_RATE_HZ))
        self._begin()

    def _begin(self) -> None:
        self._before = np.zeros(_TAPS - 1, np.float32)
        self._stream = soxr.ResampleStream(
            HEARING_RATE_HZ, self._inner.rate_hz, 1, dtype="float32", quality="QQ"
        )
        self._held: npt.NDArray[np.float32] = np.zeros(0, np.float32)
        self._begun = False

    def is_speech(self, pcm16: bytes) -> bool:
        samples = np.frombuffer(pcm16, dtype="<i2").astype(np.float32)
        if len(self._low_pass) > 1:
            joined = np.concatenate([self._before, samples])
            self._before = joined[len(samples) :]
            samples = np.convolve(joined, self._low_pass, "valid").astype(np.float32)
        found = self._stream.resample_chunk(samples)
        if not self._begun:
            # The stream holds a few samples back for good: their place is taken by silence.
            self._begun = True
            missing = max(0, self._inner.frame_samples - len(found))
            found = np.concatenate([np.zeros(missing, np.float32), found])
        self._held = np.concatenate([self._held, found])
        frame = self._held[: self._inner.frame_samples]
        self._held = self._held[self._inner.frame_samples :]
        if len(frame) < self._inner.frame_samples:  # rounding; never more than a sample or two
            self._held = np.zeros(0, np.float32)
            frame = np.pad(frame, (0, self._inner.frame_samples - len(frame)))
        rounded = np.clip(np.rint(frame), -32_768, 32_767).astype("<i2")
        return self._inner.is_speech(rounded.tobytes())

    def reset(self) -> None:
        self._inner.reset()
        self._begin()


def _low_pass(share: float) -> npt.NDArray[np.float32]:
    """A windowed sinc that leaves the lower `share` of the band; of one tap where that is all."""
    if share >= 1:
        return np.ones(1, np.float32)
    edge = 0.85 * share  # in units of half the sample rate: it has fallen far at `share`
    at = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = edge * np.sinc(edge * at) * np.hamming(_TAPS)
    result: npt.NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return result


def _named(detector: object) -> str:
    return f"the detector {type(detector).__name__}"
