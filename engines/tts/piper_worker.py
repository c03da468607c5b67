"""The worker's side of Piper: one voice per process, from two files, without any network.

A voice is an ONNX model and, beside it, its settings in `<model>.json`. What is wrong with either
is an EngineUnavailable that says what and where.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..failures import EngineFailure, EngineUnavailable
from .interface import Speech
from .onnx_session import Node, open_session
from .phoneme_times import Sound, from_phonemes, remembered
from .samples import checked, silent
from .text import to_be_heard

PHONEMES_INSIDE = ("espeak", "text")
"""Kinds of phonemes that Piper makes of text by itself. For others (Chinese, Japanese, Thai,
Hebrew) it wants further packages, or downloads a model."""

WHOLE = 0.9
"""A sentence's sound is as long as its phonemes are together. With less than this share of it a
part of it is missing."""

RATES_HZ = range(8000, 48_001)

INSTALL = "pip install 'piper-tts>=1.3'"

_voice: Any = None
_synthesis: Any = None
_phonemes_alone: Any = None


def load(path: str, volume: float = 1.0) -> None:
    """Load the voice at `path`, and speak a word with it: what fails, fails now."""
    global _voice, _synthesis, _phonemes_alone
    try:
        from piper import PiperVoice, SynthesisConfig
        from piper.config import PiperConfig
    except ImportError as error:
        raise EngineUnavailable(f"piper-tts cannot be used ({error}): {INSTALL}") from None
    logging.getLogger("piper").setLevel(logging.ERROR)  # it warns of every sound it does not know
    model, settings = Path(path), Path(f"{path}.json")
    for file, what in ((model, "model is"), (settings, "settings are")):
        if not file.is_file():
            raise EngineUnavailable(f"the voice's {what} not there: {file}")
    told = _read(settings)
    try:
        config = PiperConfig.from_dict(told)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EngineUnavailable(
            f"{settings} does not describe a Piper voice ({type(error).__name__}: {error})"
        ) from None
    if config.phoneme_type not in PHONEMES_INSIDE:
        raise EngineUnavailable(
            f"{settings} wants {config.phoneme_type.value} phonemes; "
            f"Parley speaks voices with {' or '.join(PHONEMES_INSIDE)} phonemes"
        )
    if config.sample_rate not in RATES_HZ:
        raise EngineUnavailable(f"{settings} has a sample rate of {config.sample_rate!r} Hz")
    with open_session(model, _lengths) as opened:
        _voice = PiperVoice(config=config, session=opened.session)
    _phonemes_alone = remembered(_written)
    _synthesis = SynthesisConfig(volume=volume)
    try:
        speak("Ready.")
    except Exception as error:
        raise EngineUnavailable(
            f"{model} does not speak as a Piper voice does ({type(error).__name__}: {error})"
        ) from None


def speak(text: str, speed: float = 1.0) -> Speech:
    """Speak `text` at a `speed` (1: the voice's own), with the times of its words where the model
    tells how long its phonemes are. Empty where the voice makes a pause of signs alone. Raises
    EngineFailure."""
    # Piper takes what stands in [[double brackets]] for phonemes. A reply's are meant as text.
    plain = text.replace("[[", "[ [")
    rate_hz = _voice.config.sample_rate
    pcm16, sounds, known, heard = bytearray(), [], False, False
    how = _synthesis
    if speed != 1.0:
        how = replace(how, length_scale=(_voice.config.length_scale or 1.0) / speed)
    for chunk in _voice.synthesize(plain, how, include_alignments=True):
        row = checked(chunk.audio_float_array)
        told, sure = _sounds(chunk, len(row))
        before_s = len(pcm16) / 2 / rate_hz
        sounds += [replace(one, start_s=before_s + one.start_s) for one in told]
        known, heard = known or sure, heard or not silent(row)
        pcm16 += chunk.audio_int16_bytes
    if not heard:
        if to_be_heard(text):
            raise EngineFailure("the voice made no sound of this phrase", retryable=False)
        return Speech(pcm16=b"", rate_hz=rate_hz)
    total_s = len(pcm16) / 2 / rate_hz
    words = from_phonemes(text, sounds, total_s, _phonemes_alone) if known else ()
    return Speech(pcm16=bytes(pcm16), rate_hz=rate_hz, words=words)


def _sounds(chunk: Any, samples: int) -> tuple[list[Sound], bool]:
    """The phonemes of a sentence that is so many samples long, and whether their times are known;
    where they are not, they are taken for equally long. Raises EngineFailure where the sound ends
    before they do."""
    lengths = chunk.phoneme_id_samples
    known = (
        lengths is not None
        and lengths.shape == (len(chunk.phoneme_ids),)
        and lengths.min() >= 0
        and lengths.sum() >= WHOLE * samples
    )
    if known and samples < WHOLE * lengths.sum():
        raise EngineFailure(f"the voice gave {samples} samples of a sentence of {lengths.sum()}")
    if not known:
        lengths = np.ones(len(chunk.phoneme_ids))
    begins = (np.cumsum(lengths) - lengths) * (samples / chunk.sample_rate / lengths.sum())
    return [Sound(phoneme, float(begins[at])) for phoneme, at in _placed(chunk)], known


def _placed(chunk: Any) -> Iterator[tuple[str, int]]:
    """Each phoneme that the voice has, and the place of its first id: there may be several, and one
    for a pause before or behind. So each is looked for behind the one before."""
    at = 0
    for phoneme in chunk.phonemes:
        ids = _voice.config.phoneme_id_map.get(phoneme)
        if ids:
            at = chunk.phoneme_ids.index(ids[0], at)
            yield phoneme, at
            at += len(ids)


def _written(word: str) -> tuple[str, ...]:
    sentences = _voice.phonemize(word.replace("[[", "[ ["))
    return tuple(phoneme for sentence in sentences for phoneme in sentence)


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EngineUnavailable(f"{path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise EngineUnavailable(f"{path} is not JSON ({error})") from None
    if not isinstance(told, dict):
        raise EngineUnavailable(f"{path} does not describe a Piper voice (no object)")
    return told


def _lengths(nodes: Sequence[Node]) -> str | None:
    """Piper's models round up how long each phoneme lasts, and nothing else."""
    found = [output for node in nodes if node.kind == "Ceil" for output in node.outputs]
    return found[0] if len(found) == 1 else None
