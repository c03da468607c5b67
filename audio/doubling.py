"""8 kHz to 16 kHz as it comes, with hardly any delay: for lines whose frames are 20 ms.

A resampler of the best quality keeps 120 ms of a stream to itself. Between telephone samples there
is nothing above 3.4 kHz to keep, so a half-band filter of 63 taps does: what it gives is late by
DELAY_MS, and what it takes comes out at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_HALF = 16
"""Samples on each side of the one between."""

DELAY_MS = _HALF / 8
"""By which what comes out is late: 2 ms."""


def _between() -> npt.NDArray[np.float32]:
    """The filter for the samples between two given ones: a sinc under a Kaiser window."""
    at = np.arange(-_HALF, _HALF) + 0.5
    taps = np.sinc(at) * np.kaiser(2 * _HALF, 7.0)
    scaled: npt.NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return scaled


_TAPS = _between()


class Doubler:
    """PCM16 mono at 8 kHz in, at 16 kHz out. As much comes out as goes in; `flush` gives the end of
    what is late."""

    def __init__(self) -> None:
        self._before = np.zeros(2 * _HALF - 1, dtype=np.float32)

    def push(self, pcm16: bytes) -> bytes:
        fresh = np.frombuffer(pcm16, dtype="<i2")
        if not len(fresh):
            return b""
        samples = np.concatenate((self._before, fresh.astype(np.float32)))
        self._before = samples[-(2 * _HALF - 1) :]
        doubled = np.empty(2 * len(fresh), dtype=np.float32)
        doubled[0::2] = samples[_HALF - 1 : _HALF - 1 + len(fresh)]
        doubled[1::2] = np.convolve(samples, _TAPS, "valid")
        np.rint(doubled, out=doubled)
        np.clip(doubled, -32_768, 32_767, out=doubled)
        whole: bytes = doubled.astype("<i2").tobytes()
        return whole

    def flush(self) -> bytes:
        return self.push(bytes(2 * _HALF))
