"""WebRTC's voice detector: 10 µs per frame, no model file, good down to 5 dB of hum and 20 dB of
babble (docs/VAD.md). In process: it neither blocks nor fails.

Three gates stand before it. Its noise model takes its first frames for speech whatever they are,
and later on it can take the faintest hiss for speech; neither can hold an utterance. And it takes
loud hum and distant voices for speech for ever; what hardly stands out from the last seconds'
floor is neither.
"""

from __future__ import annotations

from collections import deque

import webrtcvad

from ...audio.pcm import HEARING_RATE_HZ
from .energy import SILENCE_DBFS, level_dbfs

FRAME_MS = 30

FLOOR_DBFS = -60.0
"""Frames below are not speech. A whisper at arm's length is recorded at -50; the noise of a quiet
sound card is at -80 to -65."""

WARM_UP_FRAMES = 5
"""After a reset: the frames that its noise model needs. Whoever speaks at once loses nothing, an
utterance begins with the audio that was padded before its onset."""

WINDOW_FRAMES = 3000 // FRAME_MS
"""The noise floor is the lowest level of 3 s: speech dips to it between words. For as long after a
reset, or after digital silence, there is no floor to stand out from."""

SMOOTHING = 0.3
"""Of the level for the floor and the peak: frames of noise differ by some dB."""

PEAK_FALL_DB = 0.05
"""Per frame: what was loud is forgotten by 1.7 dB in a second."""

MARGIN_PART = 0.3
MARGIN_DB = (2.0, 12.0)
"""Speech stands out from the floor by this part of what lies between floor and peak, in these
bounds: little in loud noise, where more would cut words, and more where distant voices are far
under the near one. Tried on flite and on human speech: 0.4, or 3 dB and more, cut words in white
noise."""


class WebRtcDetector:
    """`aggressiveness` 0 to 3: how eagerly it takes sound for noise. Others are ValueErrors."""

    rate_hz = HEARING_RATE_HZ
    frame_samples = HEARING_RATE_HZ * FRAME_MS // 1000

    def __init__(self, aggressiveness: int) -> None:
        if aggressiveness not in range(4):
            raise ValueError(f"aggressiveness is 0, 1, 2 or 3, not {aggressiveness}")
        self._aggressiveness = aggressiveness
        self.reset()

    def is_speech(self, pcm16: bytes) -> bool:
        voiced = bool(self._vad.is_speech(pcm16, HEARING_RATE_HZ))  # always asked: it learns
        level = level_dbfs(pcm16)
        self._frames += 1
        gate = max(FLOOR_DBFS, self._floor_gate(level))
        return voiced and self._frames > WARM_UP_FRAMES and level >= gate

    def reset(self) -> None:
        self._vad = webrtcvad.Vad(self._aggressiveness)
        self._frames = 0
        self._smooth = self._peak = SILENCE_DBFS
        self._recent: deque[float] = deque(maxlen=WINDOW_FRAMES)

    def _floor_gate(self, level: float) -> float:
        """The level in dBFS that the noise floor asks for, after learning of this frame's."""
        self._smooth += (level - self._smooth) * SMOOTHING
        self._peak = max(self._smooth, self._peak - PEAK_FALL_DB)
        self._recent.append(self._smooth)
        floor = min(self._recent)
        low, high = MARGIN_DB
        return floor + min(max(low, (self._peak - floor) * MARGIN_PART), high)
