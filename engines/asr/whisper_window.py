"""How much a Whisper decode looks at: windows, cuts and token caps. Plain arithmetic on PCM16.

Whisper was trained on windows of 30 s, and stock implementations pad everything to that. The
encoder's cost grows faster than its window, so a window as long as the speech needs is ten times
cheaper; the margin behind the speech is there because a model that never saw a window end right
after the last word repeats itself or invents some more.
"""

from __future__ import annotations

import math

import numpy as np

from ...audio.pcm import HEARING_RATE_HZ

BYTES_PER_S = HEARING_RATE_HZ * 2
FRAMES_PER_S = 100
"""Mel frames; the encoder halves them."""
FULL_FRAMES = 3000
"""30 s: what the model was trained on."""

TOKENS_PER_S = 9.0
"""Fast speech is 5 words a second and 1.3 tokens a word; above is a loop."""
TOKENS_MORE = 10
"""For short audio: "OK." alone takes three."""
TOKENS_MOST = 220
"""Half of the decoder's context, as in the reference implementation."""

SMOOTH_S = 0.1
"""A pause between two words is about that long."""


def frames_of(audio_s: float, margin_s: float, least_s: float) -> int:
    """The window in mel frames for so much audio: even, since the encoder takes two at a time."""
    wanted_s = max(audio_s + margin_s, least_s)
    return min(FULL_FRAMES, 2 * math.ceil(wanted_s * FRAMES_PER_S / 2))


def token_cap(audio_s: float) -> int:
    """The most tokens that so much audio can hold."""
    return min(TOKENS_MOST, math.ceil(audio_s * TOKENS_PER_S) + TOKENS_MORE)


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
