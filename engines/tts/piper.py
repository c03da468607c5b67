"""Speech by Piper, a neural synthesizer, in lanes: a voice is a file, and no network is asked.

An optional extra: `pip install 'piper-tts>=1.3'`, GPL-3.0-or-later.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ...config import Speaking
from ..failures import EngineUnavailable
from ..lanes.pool import LanePool, numbered_lanes
from . import piper_worker as worker
from .interface import Speech
from .text import speakable_at
from .voice import Voice
from .word_times import moved

SILENT_RATE_HZ = 22_050
"""What empty speech says its rate is: that of most voices, so that nobody resamples nothing."""


def loader(path: str, *, volume: float = 1.0) -> Callable[[], None]:
    """What a lane for this engine needs as its `init`: the voice at `path` (an .onnx file, with its
    .onnx.json beside it), its samples multiplied by `volume`."""
    return partial(worker.load, path, volume)


def missing(path: str | None) -> str | None:
    """Why Piper cannot speak here with the voice at `path`, as far as one can see without loading
    it; None where nothing is missing."""
    if path is None:
        return "no voice of piper's is here; `parley models pull joe`, or set STREAM_PIPER_VOICE"
    for file in (path, f"{path}.json"):
        if not Path(file).is_file():
            return f"{file} is not there"
    if importlib.util.find_spec("piper") is None:
        return f"piper-tts is not installed: {worker.INSTALL}"
    return None


class PiperSynthesizer:
    """Shared by all sessions. A phrase needs no state, so any lane will do, also a new one."""

    speeds = (0.6, 1.7)

    def __init__(self, pool: LanePool, speed: float = 1.0) -> None:
        self._pool = pool
        self._speed = speed

    def at_speed(self, speed: float) -> PiperSynthesizer:
        return PiperSynthesizer(self._pool, speed)

    async def speak(self, text: str) -> Speech:
        text, begins = speakable_at(text)
        if not text:
            return Speech(pcm16=b"", rate_hz=SILENT_RATE_HZ)
        speech: Speech = await self._pool.pick().call(worker.speak, text, self._speed)
        return moved(speech, begins)


def opened(speaking: Speaking, path: str | None, lanes: str = "tts") -> Voice:
    """The voice at `path`, as loud as the settings want it; its `lanes` load it. EngineUnavailable
    where there is no path."""
    if path is None:
        raise EngineUnavailable(missing(None) or "")
    load = loader(path, volume=speaking.volume)
    numbered = numbered_lanes(lanes, speaking.workers, load)
    return Voice(synthesizer=PiperSynthesizer(LanePool(numbered)), lanes=numbered)
