"""PCM16 as a WAV: the header that makes it one."""

from __future__ import annotations

import io
import wave


def wav_bytes(pcm16: bytes, rate_hz: int) -> bytes:
    """A whole RIFF/WAVE file around PCM16 little-endian mono."""
    target = io.BytesIO()
    with wave.open(target, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(pcm16)
    return target.getvalue()
