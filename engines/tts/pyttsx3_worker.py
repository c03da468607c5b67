"""The worker's side of pyttsx3: one engine per process, fed by one call at a time."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import os
import time
import wave
from typing import Any

import espeakng_loader

from ..failures import EngineFailure

SPEAK_LIMIT_S = 8.0
"""A phrase of 60 characters takes espeak 10 ms, a whole page a second."""

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
    wav = io.BytesIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # pyttsx3 prints what it has saved
            if _engine is None:
                _engine = _start()
            _engine.save_to_file(text, wav)  # the driver hands this to wave.open: no file needed
            _engine.runAndWait()
            _wait_for_espeak(_engine)
    except BaseException:
        _engine = None  # its run loop may believe that it still runs; the next call has a new one
        raise
    if not wav.getbuffer().nbytes:
        return b"", 0
    wav.seek(0)
    with wave.open(wav) as reader:
        return reader.readframes(reader.getnframes()), reader.getframerate()


def _wait_for_espeak(engine: Any) -> None:
    """Wait until espeak is done. `runAndWait` does not: it sleeps 10 ms while espeak's own thread
    speaks. Nor does espeak's Synchronize on a busy machine, where that thread may not even have
    begun. The driver's flag falls when the last sample has been written."""
    from pyttsx3.drivers import _espeak

    _espeak.Synchronize()
    give_up_s = time.monotonic() + SPEAK_LIMIT_S
    while engine.proxy._driver._speaking:
        if time.monotonic() > give_up_s:
            raise EngineFailure("espeak did not come to an end")
        time.sleep(0.001)


def _start() -> Any:
    from pyttsx3.engine import Engine  # only now: its driver looks for the library on import

    # A broken engine that went before would take the new one's callback away when it is collected.
    gc.collect()
    engine = Engine("espeak")  # not pyttsx3.init, which may give the broken one again
    for name, value in _properties.items():
        engine.setProperty(name, value)
    return engine
