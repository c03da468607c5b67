"""Speech by Kokoro, a neural synthesizer, in lanes: the best to listen to, and the most work.

An optional extra: `pip install '.[kokoro]'` in the checkout. Model and voices are the user's own
files (Apache-2.0), named by their paths.
"""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path

from ...config import Speaking
from ..failures import EngineUnavailable
from ..lanes.pool import LanePool, numbered_lanes
from . import kokoro_worker as worker
from .interface import Speech
from .text import speakable_at
from .voice import Voice
from .word_times import moved

SOME_VOICES = ("af_heart", "af_bella", "am_michael", "am_puck", "bf_emma", "bm_george")
"""The model's best English ones, to suggest."""


class KokoroSynthesizer:
    """Shared by all sessions. A phrase needs no state, so any lane will do, also a new one."""

    voices = SOME_VOICES
    speeds = (0.7, 1.6)

    def __init__(self, pool: LanePool, voice: str | None = None, speed: float = 1.0) -> None:
        """`voice` None: the one that is set."""
        self._pool = pool
        self._voice = voice
        self._speed = speed

    def with_voice(self, voice: str) -> KokoroSynthesizer:
        return KokoroSynthesizer(self._pool, voice, self._speed)

    def at_speed(self, speed: float) -> KokoroSynthesizer:
        return KokoroSynthesizer(self._pool, self._voice, speed)

    async def speak(self, text: str) -> Speech:
        text, begins = speakable_at(text)
        if not text:
            return Speech(pcm16=b"", rate_hz=worker.RATE_HZ)
        speech: Speech = await self._pool.pick().call(worker.speak, text, self._voice, self._speed)
        return moved(speech, begins)


def missing(speaking: Speaking) -> str | None:
    """Why Kokoro cannot speak here, as far as one can see without loading it; None: nothing is
    missing."""
    for name, path in (("MODEL", speaking.kokoro_model), ("VOICES", speaking.kokoro_voices)):
        if path is None:
            return f"STREAM_KOKORO_{name} is not set: docs/VOICES.md says what it is"
        if not Path(path).expanduser().exists():
            return f"{path} is not there"
    if importlib.util.find_spec("kokoro_onnx") is None:
        return f"kokoro-onnx is not installed: {worker.INSTALL}"
    return None


def opened(speaking: Speaking, lanes: str = "tts") -> Voice:
    """The voice as the settings describe it; its `lanes` load it. EngineUnavailable where something
    is missing."""
    lacking = missing(speaking)
    if lacking is not None or speaking.kokoro_model is None or speaking.kokoro_voices is None:
        raise EngineUnavailable(lacking or "")
    load = partial(
        worker.load,
        str(Path(speaking.kokoro_model).expanduser()),
        str(Path(speaking.kokoro_voices).expanduser()),
        speaking.kokoro_voice,
        speaking.volume,
    )
    numbered = numbered_lanes(lanes, speaking.workers, load)
    return Voice(synthesizer=KokoroSynthesizer(LanePool(numbered)), lanes=numbered)
