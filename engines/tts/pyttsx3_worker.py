"""The worker's side of pyttsx3: one engine per process, fed by one call at a time."""

from __future__ import annotations

import ctypes
import gc
import os
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import espeakng_loader

from ..failures import EngineFailure, EngineUnavailable
from .interface import Speech
from .text import to_be_heard
from .word_times import from_marks

RATE_HZ = 22_050
"""What espeak's own voices are made at, and what pyttsx3's driver takes for granted."""

EVENT_SAMPLE_RATE = 8
"""Tells the rate of what follows: a voice of MBROLA's has its own."""

SOME_VOICES = ("en-us", "en-gb", "de", "fr-fr", "es", "en-us+f3")
"""Named where a voice was asked for that espeak does not have."""

_engine: Any = None
_own_voice: str | None = None
"""What the engine speaks with when nobody asks for another: as it was set, or espeak's default."""
_voice_now: str | None = None
"""What espeak is set to; None where a choice failed half-way."""
_properties: dict[str, int | float | str] = {}


def load(properties: dict[str, int | float | str] | None = None) -> None:
    """Load espeak-ng from its wheel and start pyttsx3 on it. `properties` are pyttsx3's."""
    global _properties
    os.environ["ESPEAK_DATA_PATH"] = os.path.dirname(espeakng_loader.get_data_path())
    # Known by its SONAME from now on, so pyttsx3 finds this one and no system package is needed.
    ctypes.CDLL(espeakng_loader.get_library_path(), mode=ctypes.RTLD_GLOBAL)
    _properties = properties or {}
    speak("Ready.")


def speak(text: str, voice: str | None = None) -> Speech:
    """Speak `text`, which holds no NUL and no lone surrogate. `voice` None is the lane's own; one
    that espeak does not have is EngineUnavailable, and harms nothing else. Empty where espeak makes
    a pause of signs alone."""
    global _engine
    try:
        if _engine is None:
            _engine = _start()
    except BaseException:
        _engine = None
        raise
    try:
        _take_voice(_engine.proxy._driver, voice)
        heard = _synthesize(text)
    except EngineUnavailable:
        raise  # there is no such voice, and espeak is as well as before
    except BaseException:
        _engine = None  # nobody knows what state it is in; the next call has a new one
        raise
    if not heard.pcm16.strip(b"\0"):
        if to_be_heard(text):
            raise EngineFailure("the voice made no sound of this phrase", retryable=False)
        return Speech(pcm16=b"", rate_hz=RATE_HZ)
    pcm16, rate_hz = bytes(heard.pcm16), heard.rate_hz
    marks = ((position - 1, sample / rate_hz) for position, sample in heard.marks)
    return Speech(
        pcm16=pcm16, rate_hz=rate_hz, words=from_marks(text, marks, len(pcm16) / 2 / rate_hz)
    )


@dataclass(slots=True)
class _Heard:
    """What espeak's callback was told of a phrase."""

    pcm16: bytearray = field(default_factory=bytearray)
    marks: list[tuple[int, int]] = field(default_factory=list)
    """Where a word stands in the text, in characters from 1, and its first sample."""
    rate_hz: int = RATE_HZ
    said: int = 0
    """Samples in all, as its events have it."""

    def told(self, wav: Any, samples: int, events: Any) -> int:
        """What espeak calls, in the thread that speaks."""
        espeak, number = _espeak(), 0
        while (event := events[number]).type != espeak.EVENT_LIST_TERMINATED:
            self.said = max(self.said, event.sample)
            if event.type == espeak.EVENT_WORD:
                self.marks.append((event.text_position, event.sample))
            elif event.type == EVENT_SAMPLE_RATE and event.id.number > 0:
                self.rate_hz = event.id.number
            number += 1
        if samples > 0:
            self.pcm16 += ctypes.string_at(wav, samples * 2)
        return 0


def _synthesize(text: str) -> _Heard:
    """One phrase by pyttsx3's espeak, without its run loop, and without the driver's callback,
    which keeps no events.

    The loop waits 10 ms for a thread of espeak's. Where the machine is busy that loses settings,
    phrases, or the end of one (seen: 1 phrase in 50). In the mode that `_start` chooses espeak
    speaks in the caller's thread: when the call returns, all of the phrase was told.
    """
    espeak, heard = _espeak(), _Heard()
    espeak.SetSynthCallback(heard.told)
    problem = espeak.Synth(text.encode(), flags=espeak.ENDPAUSE | espeak.CHARS_UTF8)
    if problem != espeak.EE_OK:
        raise EngineFailure(f"espeak could not speak a phrase (error {problem})")
    if len(heard.pcm16) // 2 < heard.said:
        raise EngineFailure(
            f"espeak gave {len(heard.pcm16) // 2} samples of a phrase of {heard.said}"
        )
    return heard


def _espeak() -> Any:
    """pyttsx3's door to the library. Not earlier: it looks for the library when it is imported."""
    from pyttsx3.drivers import _espeak

    return _espeak


def _take_voice(driver: Any, voice: str | None) -> None:
    """Set it where another one is set. Raises EngineUnavailable."""
    global _voice_now
    wanted = voice or _own_voice
    if wanted is not None and wanted != _voice_now:
        _voice_now = None
        _choose_voice(driver, wanted)
        _voice_now = wanted


def _start() -> Any:
    global _own_voice, _voice_now
    from pyttsx3.engine import Engine

    espeak = _espeak()
    espeak.AUDIO_OUTPUT_RETRIEVAL = espeak.AUDIO_OUTPUT_SYNCHRONOUS  # what the driver asks for
    # A broken engine that went before would take the new one's callback away when it is collected.
    gc.collect()
    engine = Engine("espeak")  # not pyttsx3.init, which may give the broken one again
    driver = engine.proxy._driver  # the engine would queue the properties for its loop
    for name, value in _properties.items():
        if name == "voice":
            _choose_voice(driver, str(value))
        else:
            driver.setProperty(name, value)
    _own_voice = _voice_now = str(_properties.get("voice") or driver.getProperty("voice"))
    return engine


def _choose_voice(driver: Any, voice: str) -> None:
    """Raises EngineUnavailable, with some that exist, where espeak has no such voice or variant."""
    try:
        _set_voice(driver, voice)
    except ValueError:
        known = _names(driver)
        near = get_close_matches(voice.lower(), known, n=2)
        some = ", ".join(dict.fromkeys((*near, *SOME_VOICES)))
        raise EngineUnavailable(
            f"espeak has no voice {voice!r}; it has {some} and others, {len(known)} in all"
        ) from None
    language, plus, variant = voice.partition("+")
    if plus and "+" not in (driver.getProperty("voice") or ""):  # espeak takes the plain voice then
        raise EngineUnavailable(
            f"espeak has no variant {variant!r} of {language!r}; it has m1 to m8, f1 to f5 "
            "and others"
        )


def _set_voice(driver: Any, voice: str) -> None:
    """By identifier, name or language. espeak takes most languages itself, but not en-gb or fr-fr.
    Raises ValueError."""
    try:
        driver.setProperty("voice", voice)
    except ValueError:
        language, plus, variant = voice.partition("+")
        for known in driver.getProperty("voices"):
            if language.lower() in (known.languages or ()):
                driver.setProperty("voice", f"{known.id}{plus}{variant}")
                return
        raise


def _names(driver: Any) -> list[str]:
    """The languages of espeak's voices, which are the shortest way to name one."""
    return sorted(
        {language for voice in driver.getProperty("voices") for language in voice.languages or ()}
    )
