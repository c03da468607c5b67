"""The one form of audio inside a session: PCM16 little-endian mono at 16 kHz."""

from __future__ import annotations

HEARING_RATE_HZ = 16_000
"""Detectors and recognizers hear 16 kHz; the Receiver resamples whatever the client sends."""

BYTES_PER_MS = HEARING_RATE_HZ * 2 // 1000

RATES_HZ = range(1_000, 384_001)
"""Sample rates that can be meant in earnest."""


def check_pcm16(pcm16: object, rate_hz: object) -> None:
    """Raises ValueError for what is no PCM16 mono at a sample rate."""
    if not isinstance(pcm16, bytes | bytearray | memoryview):
        raise ValueError(f"audio is bytes of PCM16, not {type(pcm16).__name__}")
    size = memoryview(pcm16).nbytes
    if size % 2:
        raise ValueError(f"audio has {size} bytes; PCM16 samples are two bytes each")
    if type(rate_hz) is not int or rate_hz not in RATES_HZ:
        raise ValueError(
            f"the sample rate {rate_hz!r} is refused; "
            f"allowed: a whole number of Hz from {RATES_HZ.start} to {RATES_HZ[-1]}"
        )
