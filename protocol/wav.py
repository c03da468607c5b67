"""The 44 bytes that make PCM16 a WAV."""

from __future__ import annotations

import struct


def wav_bytes(pcm16: bytes, rate_hz: int) -> bytes:
    """A whole RIFF/WAVE file in memory: PCM16 little-endian mono at `rate_hz`."""
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(pcm16),
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        rate_hz,
        rate_hz * 2,
        2,
        16,
        b"data",
        len(pcm16),
    )
    return header + pcm16
