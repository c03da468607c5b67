"""What listeners say over a reply: forty sounds that let it go on, forty that want it to end.

Made by espeak when they are wanted, in a process of its own, with several voices and speeds; no two
runs give the same samples, since espeak breathes at random. They are speech as a voice of 1995
speaks it: good for timing and for what a recognizer makes of short words, not for how people sound.

    for said in backchannels(): ...  # said.text, said.voice, said.pcm16 at 16 kHz
"""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from parley.engines.tts import pyttsx3_worker as worker

from .voices import at_rate

RATE_HZ = 16_000

VOICES = ("en-us", "en-us+f3", "en-gb-x-rp", "en-us+m3", "en-gb-x-rp+f4")
RATES_WPM = (160, 190, 220)
HOW_MANY = 40

BACKCHANNELS = (
    *("mm-hmm", "mhm", "uh-huh", "hmm", "yeah", "yep", "right", "okay", "sure"),
    *("I see", "got it", "go on", "yeah okay"),
)
INTERRUPTIONS = (
    *("stop", "wait", "no", "hold on", "hang on", "shut up", "be quiet", "cancel that"),
    *("but what about tomorrow", "actually never mind", "okay stop", "stop talking please"),
    "what time is it",
)

SPOKEN = {"mm-hmm": "umhum", "mhm": "um hum", "hmm": "hum"}
"""How to spell for espeak what it would read letter by letter."""


@dataclass(frozen=True, slots=True)
class Take:
    """One text by one voice at one speed."""

    text: str
    voice: str = VOICES[0]
    rate_wpm: int = RATES_WPM[1]


@dataclass(frozen=True, slots=True)
class Said:
    take: Take
    pcm16: bytes
    """At 16 kHz, cut to the sound itself."""

    @property
    def ms(self) -> float:
        return len(self.pcm16) / 2 / RATE_HZ * 1000


def takes(texts: Sequence[str], how_many: int = HOW_MANY) -> list[Take]:
    """The texts in turn, with voices and speeds that change at another pace."""
    return [
        Take(texts[n % len(texts)], VOICES[n % len(VOICES)], RATES_WPM[n % len(RATES_WPM)])
        for n in range(how_many)
    ]


@functools.cache
def backchannels() -> tuple[Said, ...]:
    return tuple(say(takes(BACKCHANNELS)))


@functools.cache
def interruptions() -> tuple[Said, ...]:
    return tuple(say(takes(INTERRUPTIONS)))


def say(wanted: Iterable[Take]) -> list[Said]:
    """Have them spoken. Takes a second for the process, and some 10 ms each."""
    wanted = list(wanted)
    spawn = multiprocessing.get_context("spawn")  # a fork would share the parent's event loop
    with ProcessPoolExecutor(1, mp_context=spawn) as process:
        spoken = process.submit(_speak, wanted).result()
    return [Said(take, _cut(sound)) for take, sound in zip(wanted, spoken, strict=True)]


def _speak(wanted: Sequence[Take]) -> list[bytes]:
    """In the process: PCM16 at the worker's rate."""
    worker.load()
    driver = worker._engine.proxy._driver
    spoken = []
    for take in wanted:
        worker._choose_voice(driver, take.voice)
        driver.setProperty("rate", take.rate_wpm)
        spoken.append(worker.speak(SPOKEN.get(take.text, take.text)).pcm16)
    return spoken


def _cut(pcm16: bytes) -> bytes:
    """To 16 kHz, without the silence that espeak puts around it."""
    import numpy as np

    samples = np.frombuffer(at_rate(pcm16, worker.RATE_HZ, RATE_HZ), dtype="<i2")
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 300)
    return samples[loud[0] : loud[-1] + 1].tobytes()
