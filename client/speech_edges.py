"""Where speech begins and ends in a recording, by energy: the two moments latencies count from.

Meant for clean recordings of one utterance; it is no voice activity detector.
"""

from __future__ import annotations

from dataclasses import dataclass

WINDOW_MS = 10
"""Short enough to place an edge, long enough for a whole pitch period."""
BELOW_PEAK_DB = 40.0
"""Speech is what is at most this far under the loudest window; room noise is below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEdges:
    """Milliseconds since the recording's first sample; the last speech sample is just before
    `last_ms`."""

    onset_ms: float
    last_ms: float


def speech_edges(pcm16: bytes, rate_hz: int) -> SpeechEdges | None:
    """The first and the last 10 ms window that holds speech; None where all is silent.

    `pcm16` is little-endian mono. A rest shorter than a window is left out.
    """
    import numpy as np

    size = rate_hz * WINDOW_MS // 1000
    samples = np.frombuffer(pcm16[: len(pcm16) // 2 * 2], dtype="<i2").astype(np.float64)
    windows = samples[: len(samples) // size * size].reshape(-1, size)
    if not len(windows):
        return None
    rms = np.sqrt((windows**2).mean(axis=1))
    peak = float(rms.max())
    if peak == 0.0:
        return None
    loud = np.nonzero(rms >= peak * 10 ** (-BELOW_PEAK_DB / 20))[0]
    return SpeechEdges(onset_ms=float(loud[0]) * WINDOW_MS, last_ms=float(loud[-1] + 1) * WINDOW_MS)
