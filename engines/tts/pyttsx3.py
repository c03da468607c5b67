"""Speech by pyttsx3 with espeak-ng, in lanes: a phrase takes some 10 ms, whole, at 22,050 Hz."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ...config import Speaking
from ..lanes.pool import LanePool, numbered_lanes
from . import pyttsx3_worker as worker
from .espeak_languages import voice_of
from .interface import Speech
from .text import speakable_at
from .voice import Voice
from .word_times import moved

SILENT_RATE_HZ = 22_050
"""What empty speech says its rate is: espeak's own, so that nobody resamples nothing."""


def loader(
    *, rate_wpm: int | None = None, voice: str | None = None, volume: float | None = None
) -> Callable[[], None]:
    """What a lane for this engine needs as its `init`. None leaves pyttsx3's default: 200 words
    per minute, espeak's first English voice, volume 1.0. A `voice` that espeak does not have is a
    load error; it is an identifier, a language or a name, with "+" and a variant if you like."""
    given = {"rate": rate_wpm, "voice": voice, "volume": volume}
    return partial(worker.load, {name: v for name, v in given.items() if v is not None})


class Pyttsx3Synthesizer:
    """Shared by all sessions. A phrase needs no state, so any lane will do, also a new one."""

    voices = worker.SOME_VOICES

    def __init__(self, pool: LanePool, voice: str | None = None) -> None:
        """`voice` None: the lanes' own."""
        self._pool = pool
        self._voice = voice

    def with_voice(self, voice: str) -> Pyttsx3Synthesizer:
        return Pyttsx3Synthesizer(self._pool, voice)

    async def speak(self, text: str) -> Speech:
        text, begins = speakable_at(text)
        if not text:
            return Speech(pcm16=b"", rate_hz=SILENT_RATE_HZ)
        speech: Speech = await self._pool.pick().call(worker.speak, text, self._voice)
        return moved(speech, begins)


def opened(speaking: Speaking, lanes: str = "tts") -> Voice:
    """The voice as the settings describe it: of the language that is spoken, where none is named.
    Nothing can fail here: its `lanes` load it."""
    voice = speaking.voice or voice_of(speaking.language)
    load = loader(rate_wpm=speaking.rate_wpm, voice=voice, volume=speaking.volume)
    numbered = numbered_lanes(lanes, speaking.workers, load)
    return Voice(synthesizer=Pyttsx3Synthesizer(LanePool(numbered)), lanes=numbered)
