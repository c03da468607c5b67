"""PCM16 at the client's rate to PCM16 at the rate that is heard, as a stream with state."""

from __future__ import annotations

import numpy as np
import soxr

from .pcm import HEARING_RATE_HZ


class Resampler:
    """Mono only. `push` may give less than it takes; `flush` gives the rest."""

    def __init__(self, from_hz: int, to_hz: int = HEARING_RATE_HZ) -> None:
        # HQ is 16 bit clean; VHQ would only add delay.
        # In float: its int16 output is dithered with noise that no two streams share.
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")

    def push(self, pcm16: bytes) -> bytes:
        return self._resample(pcm16, last=False)

    def flush(self) -> bytes:
        return self._resample(b"", last=True)

    def _resample(self, pcm16: bytes, *, last: bool) -> bytes:
        samples = np.frombuffer(pcm16, dtype="<i2").astype(np.float32)
        resampled = self._stream.resample_chunk(samples, last=last)
        rounded: bytes = np.clip(np.rint(resampled), -32_768, 32_767).astype("<i2").tobytes()
        return rounded
