"""The tones of a telephone's keys: two at once for each. Source: ITU-T Q.23."""

from __future__ import annotations

import numpy as np

KEYS = "123A456B789C*0#D"
LOW_HZ = (697, 770, 852, 941)
HIGH_HZ = (1209, 1336, 1477, 1633)

TONE_MS, GAP_MS, WAIT_MS = 100, 80, 500
LEVEL = 0.25
"""Of each tone; full scale is 1."""


def hertz_of(key: str) -> tuple[int, int]:
    """The two tones of a key. Raises ValueError for what is none."""
    row, column = divmod(KEYS.index(key), 4)
    return LOW_HZ[row], HIGH_HZ[column]


def tones(keys: str, rate_hz: int) -> bytes:
    """PCM16 of these keys, one after another; "w" waits."""
    silence = np.zeros(rate_hz * GAP_MS // 1000)
    wait = np.zeros(rate_hz * WAIT_MS // 1000)
    time_s = np.arange(rate_hz * TONE_MS // 1000) / rate_hz
    parts = []
    for key in keys:
        if key.lower() == "w":
            parts.append(wait)
            continue
        low, high = hertz_of(key.upper())
        both = np.sin(2 * np.pi * low * time_s) + np.sin(2 * np.pi * high * time_s)
        parts += [LEVEL * both, silence]
    whole = np.concatenate(parts) if parts else silence[:0]
    pcm16: bytes = np.rint(whole * 32_767).astype("<i2").tobytes()
    return pcm16
