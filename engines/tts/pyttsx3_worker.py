"""The worker's side of pyttsx3: one engine per process, fed by one call at a time."""

from __future__ import annotations

import ctypes
import gc
import os
from typing import Any

import espeakng_loader

RATE_HZ = 22_050
"""What espeak's own voices are made at, and what pyttsx3's driver takes for granted."""

_engine: Any = None
_properties: dict[str, int | float | str] = {}


def load(properties: dict[str, int | float | str] | None = None) -> None:
    """Load espeak-ng from its wheel and start pyttsx3 on it. `properties` are pyttsx3's."""
    global _properties
    os.environ["ESPEAK_DATA_PATH"] = os.path.dirname(espeakng_loader.get_data_path())
    # Known by its SONAME from now on, so pyttsx3 finds this one and no system package is needed.
    ctypes.CDLL(espeakng_loader.get_library_path(), mode=ctypes.RTLD_GLOBAL)
    _properties = properties or {}
    speak("Ready.")


def speak(text: str) -> tuple[bytes, int]:
    """PCM16 mono and its rate in Hz. The text holds no NUL and no lone surrogate."""
    global _engine
    try:
        if _engine is None:
            _engine = _start()
        return _synthesize(_engine.proxy._driver, text), RATE_HZ
    except BaseException:
        _engine = None  # nobody knows what state it is in; the next call has a new one
        raise


def _synthesize(driver: Any, text: str) -> bytes:
    """One phrase by pyttsx3's espeak driver, without its run loop.

    The loop waits 10 ms for a thread of espeak's. Where the machine is busy that loses settings,
    phrases, or the end of one (seen: 1 phrase in 50). In the mode that `_start` chooses espeak
    speaks in the caller's thread: when the driver's call returns, its buffer is the phrase.
    """
    driver._start_synthesis(text)
    pcm16, driver._data_buffer = bytes(driver._data_buffer), b""
    driver._speaking = False
    return pcm16


def _start() -> Any:
    from pyttsx3.drivers import _espeak  # only now: it looks for the library on import
    from pyttsx3.engine import Engine

    _espeak.AUDIO_OUTPUT_RETRIEVAL = _espeak.AUDIO_OUTPUT_SYNCHRONOUS  # what the driver asks for
    # A broken engine that went before would take the new one's callback away when it is collected.
    gc.collect()
    engine = Engine("espeak")  # not pyttsx3.init, which may give the broken one again
    for name, value in _properties.items():
        engine.proxy._driver.setProperty(name, value)  # the engine would queue it for its loop
    return engine
