"""Speech by pyttsx3 with espeak-ng, in lanes: a phrase takes some 10 ms, whole, at 22,050 Hz."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import partial

from ..lane import LanePool
from . import pyttsx3_worker as worker
from .interface import Speech

SILENT_RATE_HZ = 22_050
"""What empty speech says its rate is: espeak's own, so that nobody resamples nothing."""

SPOKEN_PUNCTUATION = frozenset("%&@#*/\\§")
"""Marks that espeak reads out by name. Others alone would only give a pause."""


def loader(
    *, rate_wpm: int | None = None, voice: str | None = None, volume: float | None = None
) -> Callable[[], None]:
    """What a lane for this engine needs as its `init`. None leaves pyttsx3's default: 200 words
    per minute, espeak's first English voice, volume 1.0."""
    given = {"rate": rate_wpm, "voice": voice, "volume": volume}
    return partial(worker.load, {name: v for name, v in given.items() if v is not None})


class Pyttsx3Synthesizer:
    """Shared by all sessions. A phrase needs no state, so any lane will do, also a new one."""

    def __init__(self, pool: LanePool) -> None:
        self._pool = pool

    async def speak(self, text: str) -> Speech:
        text = speakable(text)
        if not text:
            return Speech(pcm16=b"", rate_hz=SILENT_RATE_HZ)
        pcm16, rate_hz = await self._pool.pick().call(worker.speak, text)
        return Speech(pcm16=pcm16, rate_hz=rate_hz or SILENT_RATE_HZ)


def speakable(text: str) -> str:
    """`text` without what espeak cannot take (control characters end a C string, lone surrogates
    have no UTF-8), and empty where nothing in it would be pronounced."""
    cleaned = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text).strip()
    return cleaned if any(map(_pronounced, cleaned)) else ""


def _pronounced(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNS" or character in SPOKEN_PUNCTUATION
