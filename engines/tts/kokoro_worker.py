"""The worker's side of Kokoro: one model and its voices per process, without any network.

The model is an ONNX file. The voices are a file that numpy reads (the project's `voices-v1.0.bin`),
or a folder with a `.bin` for each: float32, styles of 256 numbers, as the model's other ports have
them. What is wrong with any of it is an EngineUnavailable that says what and where.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..failures import EngineFailure, EngineUnavailable

INSTALL = "pip install kokoro-onnx"

STYLE_SIZE = 256

LANGUAGES = {
    "a": "en-us",
    "b": "en-gb",
    "e": "es",
    "f": "fr-fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-br",
    "z": "cmn",
}
"""By the first letter of a voice's name."""

_kokoro: Any = None
_voice = ""
_volume = 1.0


def load(model: str, voices: str, voice: str, volume: float = 1.0) -> None:
    """Load the model and all voices, and speak a word with this one: what fails, fails now."""
    global _kokoro, _voice, _volume
    try:
        import onnxruntime  # type: ignore[import-untyped]
        from kokoro_onnx import Kokoro
    except ImportError as error:
        raise EngineUnavailable(f"kokoro-onnx cannot be used ({error}): {INSTALL}") from None
    logging.getLogger("kokoro_onnx").setLevel(logging.ERROR)
    logging.getLogger("phonemizer").setLevel(logging.ERROR)
    for file, what in ((Path(model), "model is"), (Path(voices), "voices are")):
        if not file.exists():
            raise EngineUnavailable(f"Kokoro's {what} not there: {file}")
    options = onnxruntime.SessionOptions()
    # Half the cores: the recognizers have work at the same time. And no spinning between calls.
    options.intra_op_num_threads = max(1, (os.cpu_count() or 1) // 2)
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            model, sess_options=options, providers=["CPUExecutionProvider"]
        )
        with tempfile.NamedTemporaryFile(suffix=".npz") as gathered:
            path = _gathered(Path(voices), Path(gathered.name)) if _folder(voices) else voices
            _kokoro = Kokoro.from_session(session, str(path))
            _kokoro.voices = {name: _kokoro.voices[name] for name in _kokoro.voices}
    except EngineUnavailable:
        raise
    except Exception as error:  # the libraries' exceptions have no common class
        reason = " ".join(str(error).split())[:200]
        raise EngineUnavailable(f"{model} and {voices} cannot be loaded ({reason})") from None
    _volume = volume
    _voice = voice
    try:
        speak("Ready.")
    except EngineFailure:
        raise
    except Exception as error:
        raise EngineUnavailable(
            f"{model} does not speak as Kokoro does ({type(error).__name__}: {error})"
        ) from None


def speak(text: str, voice: str | None = None) -> tuple[bytes, int]:
    """PCM16 mono and its rate in Hz, by the loaded voice or by another one of the same file."""
    name = voice or _voice
    if name not in _kokoro.voices:
        some = ", ".join(sorted(_kokoro.voices)[:8])
        raise EngineUnavailable(f"Kokoro has no voice {name!r}; it has {some} ...")
    language = LANGUAGES.get(name[:1], "en-us")
    try:
        samples, rate_hz = _kokoro.create(text, voice=_kokoro.voices[name], lang=language)
    except ValueError as error:  # nothing of it can be said
        raise EngineFailure(f"Kokoro cannot say this phrase ({error})", retryable=False) from None
    scaled = np.clip(np.asarray(samples, np.float32) * _volume, -1.0, 1.0)
    return (scaled * 32767).astype("<i2").tobytes(), int(rate_hz)


def _folder(voices: str) -> bool:
    return Path(voices).is_dir()


def _gathered(folder: Path, into: Path) -> Path:
    """The voices of a folder in one file, as the library wants them."""
    styles = {}
    for path in sorted(folder.glob("*.bin")):
        numbers = np.fromfile(path, dtype=np.float32)
        if not numbers.size or numbers.size % STYLE_SIZE:
            raise EngineUnavailable(f"{path} is no voice of Kokoro's")
        styles[path.stem] = numbers.reshape(-1, 1, STYLE_SIZE)
    if not styles:
        raise EngineUnavailable(f"{folder} has no voices: they are files that end in .bin")
    np.savez(into, **styles)  # type: ignore[arg-type]
    return into
