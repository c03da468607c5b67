"""How loud audio is. Pure."""

from __future__ import annotations

import math

import numpy as np


def rms(pcm16: bytes) -> float:
    """The root of the mean square of PCM16 audio; full scale is 1."""
    samples = np.frombuffer(pcm16, dtype="<i2").astype(np.float32)
    return math.sqrt(float(np.dot(samples, samples)) / max(1, len(samples))) / 32768.0
