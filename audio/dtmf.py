"""The tones of a telephone's keys: two at once for each. Source: ITU-T Q.23."""

from __future__ import annotations

ROWS_HZ = (697, 770, 852, 941)
COLUMNS_HZ = (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
"""Row by row."""

TONE_MS, GAP_MS, WAIT_MS = 100, 80, 500
LEVEL = 0.25
"""Of each tone; full scale is 1."""


def hertz_of(key: str) -> tuple[int, int]:
    """The two tones of a key. Raises ValueError for what is none."""
    row, column = divmod("".join(KEYS).index(key), len(COLUMNS_HZ))
    return ROWS_HZ[row], COLUMNS_HZ[column]


def tones_ms(keys: str) -> int:
    """How long `tones` of these keys are."""
    return sum(WAIT_MS if key in "wW" else TONE_MS + GAP_MS for key in keys)


def tones(keys: str, rate_hz: int) -> bytes:
    """PCM16 of these keys, one after another; "w" waits."""
    import numpy as np  # here: how long keys take is asked where nothing else needs it

    silence = np.zeros(rate_hz * GAP_MS // 1000)
    wait = np.zeros(rate_hz * WAIT_MS // 1000)
    time_s = np.arange(rate_hz * TONE_MS // 1000) / rate_hz
    parts = []
    for key in keys:
        if key in "wW":
            parts.append(wait)
            continue
        low, high = hertz_of(key.upper())
        both = np.sin(2 * np.pi * low * time_s) + np.sin(2 * np.pi * high * time_s)
        parts += [LEVEL * both, silence]
    whole = np.concatenate(parts) if parts else silence[:0]
    pcm16: bytes = np.rint(whole * 32_767).astype("<i2").tobytes()
    return pcm16
