"""Words to sound: flite's and espeak-ng's voices, with the time at which each word ends.

The voices are synthetic: `flite` is called as a program, `espeak-ng` as a library (its word
events say where each word begins). The ends are what lets training cut a sentence in the middle
and still know what is whole in it. A rendering whose ends cannot be told has `ends` None.
"""

from __future__ import annotations

import ctypes
import functools
import re
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]

FLITE = ("flite:slt", "flite:awb", "flite:kal16")
ESPEAK = (
    *("espeak:en-us", "espeak:en-gb-x-rp", "espeak:en-us+f2", "espeak:en-us+f4"),
    *("espeak:en-us+m3", "espeak:en-us+m7", "espeak:en-gb-x-rp+m5"),
)
TRAINED = FLITE + ESPEAK
UNTRAINED = ("flite:rms", "espeak:en-us+f3", "espeak:en-gb-x-rp+m1")
"""Voices that training never hears."""

_SYNCHRONOUS, _UTF8, _RATE, _PITCH, _WORD_EVENT = 2, 1, 1, 3, 1


@dataclass(frozen=True, slots=True)
class Spoken:
    """Mono sound from -1 to 1 at `rate_hz`, speech from `start_s` to `end_s`."""

    sound: Sound
    rate_hz: int
    start_s: float
    end_s: float
    ends: tuple[float, ...] | None
    """Where each word ends, in seconds."""


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """espeak_EVENT of espeak-ng's speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Espeak:
    """The library, once per process. Its callback hands out sound and events in pieces."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate_hz: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)
        self._pieces: list[NDArray[np.int16]] = []
        self._begins: list[float] = []
        self._callback = _CALLBACK(self._take)  # held here, or it is collected while in use
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples, count, events) -> int:  # type: ignore[no-untyped-def]
        if count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != 0:
            if events[index].type == _WORD_EVENT:
                self._begins.append(events[index].audio_position / 1000)
            index += 1
        return 0

    def say(self, voice: str, text: str, words_per_minute: int, pitch: int) -> Spoken:
        self._pieces, self._begins = [], []
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng has no voice {voice}")
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        raw = text.encode() + b"\0"
        self._library.espeak_Synth(raw, len(raw), 0, 0, 0, _UTF8, None, None)
        sound = (np.concatenate(self._pieces) / 32768).astype(np.float32)
        start_s, end_s = audible(sound, self.rate_hz)
        ends = (*self._begins[1:], end_s) if len(self._begins) == len(text.split()) else None
        return Spoken(sound, self.rate_hz, start_s, end_s, ends)


@functools.cache
def _espeak() -> _Espeak:
    return _Espeak()


def _run_flite(voice: str, text: str, stretch: float) -> tuple[Sound, int, list[tuple[str, float]]]:
    """Sound, its rate, and the phones with their ends."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        done = subprocess.run(
            [
                *("flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}"),
                *("-psdur", "-t", text, "-o", str(path)),
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        with wave.open(str(path)) as file:
            rate_hz = file.getframerate()
            pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    phones = [(name, float(end)) for name, end in re.findall(r"(\S+):([0-9.]+)", done.stdout)]
    return (pcm / 32768).astype(np.float32), rate_hz, phones


@functools.cache
def _phones_in(voice: str, word: str) -> int:
    return sum(name != "pau" for name, _ in _run_flite(voice, word, 1.0)[2])


def _say_flite(voice: str, text: str, stretch: float) -> Spoken:
    sound, rate_hz, phones = _run_flite(voice, text, stretch)
    phone_ends = [end for name, end in phones if name != "pau"]
    last = np.cumsum([_phones_in(voice, word) for word in text.split()])
    ends = None
    if last[-1] == len(phone_ends):
        ends = tuple(phone_ends[index - 1] for index in last)
    start_s, end_s = audible(sound, rate_hz)
    return Spoken(sound, rate_hz, start_s, end_s, ends)


def audible(sound: Sound, rate_hz: int) -> tuple[float, float]:
    """Where sound first and last exceeds a hundredth of its peak, in seconds."""
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
    return float(loud[0]) / rate_hz, float(loud[-1] + 1) / rate_hz


def say(voice: str, words: list[str], *, pace: float, pitch: int) -> Spoken:
    """Words in a voice. `pace` is 1.0 for the voice's own, `pitch` 0 to 100 (espeak-ng only)."""
    program, name = voice.split(":", 1)
    if program == "flite":
        return _say_flite(name, " ".join(words), 1 / pace)
    return _espeak().say(name, " ".join(words), round(165 * pace), pitch)
