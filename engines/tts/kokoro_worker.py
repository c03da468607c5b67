"""The worker's side of Kokoro: one model and its voices per process, without any network.

The model is an ONNX file. The voices are a file that numpy reads (the project's `voices-v1.0.bin`),
or a folder with a `.bin` for each: float32, styles of 256 numbers, as the model's other ports have
them. What is wrong with any of it is an EngineUnavailable that says what and where.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..failures import EngineFailure, EngineUnavailable
from .interface import Speech
from .onnx_session import Node, open_session
from .phoneme_times import Sound, from_phonemes, remembered
from .samples import checked, silent
from .text import to_be_heard

INSTALL = "pip install kokoro-onnx"

STYLE_SIZE = 256

RATE_HZ = 24_000

PHONEMES_AT_ONCE = 510
"""What the model takes; the library says more in parts, and puts pauses between them."""

NO_PAUSES: Mapping[str, Any] = {"sentence_pause": 0.0, "clause_pause": 0.0}

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
_phonemes_alone: Any = None
_voice = ""
_volume = 1.0


def load(model: str, voices: str, voice: str, volume: float = 1.0) -> None:
    """Load the model and all voices, and speak a word with this one: what fails, fails now."""
    global _kokoro, _voice, _volume, _phonemes_alone
    try:
        from kokoro_onnx import Kokoro
    except ImportError as error:
        raise EngineUnavailable(f"kokoro-onnx cannot be used ({error}): {INSTALL}") from None
    logging.getLogger("kokoro_onnx").setLevel(logging.ERROR)
    logging.getLogger("phonemizer").setLevel(logging.ERROR)
    for file, what in ((Path(model), "model is"), (Path(voices), "voices are")):
        if not file.exists():
            raise EngineUnavailable(f"Kokoro's {what} not there: {file}")
    try:
        with open_session(Path(model), _lengths) as opened, _one_file(Path(voices)) as path:
            _kokoro = Kokoro.from_session(opened.session, str(path))
            _kokoro.voices = {name: _kokoro.voices[name] for name in _kokoro.voices}
            # The library knows an export's output by its name; ours has the name it had inside.
            _kokoro.has_timings |= opened.lengths == 1
    except EngineUnavailable:
        raise
    except Exception as error:  # the libraries' exceptions have no common class
        reason = " ".join(str(error).split())[:200]
        raise EngineUnavailable(f"{model} and {voices} cannot be loaded ({reason})") from None
    _phonemes_alone = remembered(_written)
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


def speak(text: str, voice: str | None = None, speed: float = 1.0) -> Speech:
    """Speak `text` by the loaded voice or by another one of the same file, with the times of its
    words where the model tells how long its phonemes are. Empty where it makes a pause of signs
    alone. Raises EngineFailure."""
    name = voice or _voice
    if name not in _kokoro.voices:
        some = ", ".join(sorted(_kokoro.voices)[:8])
        raise EngineUnavailable(f"Kokoro has no voice {name!r}; it has {some} ...")
    language = LANGUAGES.get(name[:1], "en-us")
    phonemes = _kokoro.tokenizer.phonemize(text, language)
    # The library lengthens pauses where it knows the times. What is said in one go has its own.
    pauses = NO_PAUSES if len(phonemes) <= PHONEMES_AT_ONCE else {}
    try:
        samples, rate_hz, timings = _kokoro.create_timed(
            phonemes,
            voice=_kokoro.voices[name],
            speed=speed,
            lang=language,
            is_phonemes=True,
            **pauses,
        )
    except ValueError as error:  # nothing of it can be said
        if not to_be_heard(text):
            return Speech(pcm16=b"", rate_hz=RATE_HZ)
        raise EngineFailure(f"Kokoro cannot say this phrase ({error})", retryable=False) from None
    scaled = np.clip(checked(samples) * _volume, -1.0, 1.0)
    if silent(scaled):
        if to_be_heard(text):
            raise EngineFailure("the voice made no sound of this phrase", retryable=False)
        return Speech(pcm16=b"", rate_hz=RATE_HZ)
    words = from_phonemes(
        text,
        _sounds(timings),
        len(scaled) / rate_hz,
        partial(_phonemes_alone, language),
    )
    pcm16 = (scaled * 32767).astype("<i2").tobytes()
    return Speech(pcm16=pcm16, rate_hz=int(rate_hz), words=words)


def _sounds(timings: Iterable[Any]) -> Iterator[Sound]:
    """The phonemes and their beginnings. The model gives a space a length, and begins the word
    behind it where the space begins (measured: within 20 ms)."""
    space_s: float | None = None
    for timing in timings:
        yield Sound(timing.phoneme, timing.start if space_s is None else space_s)
        space_s = timing.start if timing.phoneme == " " else None


def _written(language: str, word: str) -> str:
    return str(_kokoro.tokenizer.phonemize(word, language))


def _lengths(nodes: Sequence[Node]) -> str | None:
    """Kokoro's model rounds how long each phoneme lasts, and takes 1 for less than that."""
    rounded = [output for node in nodes if node.kind == "Round" for output in node.outputs]
    if len(rounded) != 1:
        return None
    limited = [
        output
        for node in nodes
        if node.kind in ("Clip", "Max") and rounded[0] in node.inputs
        for output in node.outputs
    ]
    return limited[0] if len(limited) == 1 else None


@contextmanager
def _one_file(voices: Path) -> Iterator[Path]:
    """The voices of a folder in one file, as the library wants them; a file as it is."""
    if not voices.is_dir():
        yield voices
        return
    with tempfile.NamedTemporaryFile(suffix=".npz") as gathered:
        yield _gathered(voices, Path(gathered.name))


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
