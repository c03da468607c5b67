"""The worker's side of Piper: one voice per process, from two files, without any network.

A voice is an ONNX model and, beside it, its settings in `<model>.json`. What is wrong with either
is an EngineUnavailable that says what and where.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from ..failures import EngineFailure, EngineUnavailable

PHONEMES_INSIDE = ("espeak", "text")
"""Kinds of phonemes that Piper makes of text by itself. For others (Chinese, Japanese, Thai,
Hebrew) it wants further packages, or downloads a model."""

RATES_HZ = range(8000, 48_001)

INSTALL = "pip install 'piper-tts>=1.3'"

_voice: Any = None
_synthesis: Any = None


def load(path: str, volume: float = 1.0) -> None:
    """Load the voice at `path`, and speak a word with it: what fails, fails now."""
    global _voice, _synthesis
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
    _voice = PiperVoice(config=config, session=_session(model))
    _synthesis = SynthesisConfig(volume=volume)
    try:
        speak("Ready.")
    except Exception as error:
        raise EngineUnavailable(
            f"{model} does not speak as a Piper voice does ({type(error).__name__}: {error})"
        ) from None


def speak(text: str) -> tuple[bytes, int]:
    """PCM16 mono and its rate in Hz. Raises EngineFailure where the voice gives no sound."""
    # Piper takes what stands in [[double brackets]] for phonemes. A reply's are meant as text.
    plain = text.replace("[[", "[ [")
    pcm16 = b"".join(chunk.audio_int16_bytes for chunk in _voice.synthesize(plain, _synthesis))
    if not pcm16:
        raise EngineFailure("the voice made no sound of this phrase", retryable=False)
    return pcm16, _voice.config.sample_rate


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


def _session(model: Path) -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    # Half the cores: the recognizers have work at the same time. And no spinning between calls.
    options.intra_op_num_threads = max(1, (os.cpu_count() or 1) // 2)
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # fatal only; the rest would go to stderr past our logs
    try:
        return onnxruntime.InferenceSession(
            str(model), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its own exceptions have no common class
        reason = str(error).splitlines()[0]
        raise EngineUnavailable(f"{model} cannot be loaded as an ONNX model ({reason})") from None
