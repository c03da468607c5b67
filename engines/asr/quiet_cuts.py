"""Where audio is cut: at its quietest points. Plain arithmetic on PCM16 at 16 kHz."""

from __future__ import annotations

import numpy as np

from ...audio.pcm import HEARING_RATE_HZ

BYTES_PER_S = HEARING_RATE_HZ * 2

SMOOTH_S = 0.1
"""A pause between two words is about that long."""


def seconds_of(size: int) -> float:
    """How long so many bytes of PCM16 last."""
    return size / BYTES_PER_S


def quiet_point(pcm16: bytes, from_s: float, to_s: float) -> int:
    """Where to cut, as an offset in bytes: the middle of the quietest 100 ms between two moments,
    the last one of equals. Speech has such a dip between most words."""
    step = int(HEARING_RATE_HZ * SMOOTH_S / 4)
    samples = np.frombuffer(pcm16, dtype="<i2").astype(np.float32)
    first, last = int(from_s * HEARING_RATE_HZ), min(int(to_s * HEARING_RATE_HZ), len(samples))
    blocks = (last - first) // step
    if blocks < 4:
        return min(len(pcm16), (first + last) // 2 * 2)
    power = np.square(samples[first : first + blocks * step]).reshape(blocks, step).mean(axis=1)
    smooth = np.convolve(power, np.ones(4), "valid")
    quietest = len(smooth) - 1 - int(np.argmin(smooth[::-1]))
    return (first + (quietest + 2) * step) * 2


def pieces(pcm16: bytes, most_s: float) -> list[bytes]:
    """The same audio in pieces of at most `most_s`, cut where it is quiet."""
    cut = []
    while seconds_of(len(pcm16)) > most_s:
        at = quiet_point(pcm16, most_s / 2, most_s)
        cut.append(pcm16[:at])
        pcm16 = pcm16[at:]
    return [*cut, pcm16]
