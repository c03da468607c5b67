"""How much a Whisper decode looks at: windows and token caps. Plain arithmetic.

Whisper was trained on windows of 30 s, and stock implementations pad everything to that. The
encoder's cost grows faster than its window, so a window as long as the speech needs is ten times
cheaper; the margin behind the speech is there because a model that never saw a window end right
after the last word repeats itself or invents some more.
"""

from __future__ import annotations

import math

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


def frames_of(audio_s: float, margin_s: float, least_s: float) -> int:
    """The window in mel frames for so much audio: even, since the encoder takes two at a time."""
    wanted_s = max(audio_s + margin_s, least_s)
    return min(FULL_FRAMES, 2 * math.ceil(wanted_s * FRAMES_PER_S / 2))


def token_cap(audio_s: float) -> int:
    """The most tokens that so much audio can hold."""
    return min(TOKENS_MOST, math.ceil(audio_s * TOKENS_PER_S) + TOKENS_MORE)
