"""How loud audio is. Pure."""

from __future__ import annotations

import math

import numpy as np


def rms(pcm16: bytes) -> float:
    """The root of the mean square of PCM16 audio; full scale is 1."""
    samples = np.frombuffer(pcm16, dtype="<i2").astype(np.float32)
    return math.sqrt(float(np.dot(samples, samples)) / max(1, len(samples))) / 32768.0


QUIET = 200
"""Samples below this are no sound: 44 dB under full scale."""

LOOK_S = 0.01


def sounding(pcm16: bytes, rate_hz: int) -> tuple[float, float] | None:
    """From when to when there is sound, in seconds; None where there is none at all."""
    samples = np.abs(np.frombuffer(pcm16, dtype="<i2").astype(np.int32))
    step = max(1, int(rate_hz * LOOK_S))
    looks = len(samples) // step
    loud = np.flatnonzero(samples[: looks * step].reshape(looks, step).max(axis=1) > QUIET)
    if not len(loud):
        return None
    return float(loud[0] * LOOK_S), float((loud[-1] + 1) * LOOK_S)
