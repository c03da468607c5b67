"""The one form of audio inside a session: PCM16 little-endian mono at 16 kHz."""

from __future__ import annotations

HEARING_RATE_HZ = 16_000
"""Detectors and recognizers hear 16 kHz; the Receiver resamples whatever the client sends."""

BYTES_PER_MS = HEARING_RATE_HZ * 2 // 1000
