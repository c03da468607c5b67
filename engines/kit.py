"""The engines of a server, as sessions see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .asr.interface import Transcriber
from .llm.interface import Responder
from .tts.interface import Synthesizer
from .vad.interface import Detector


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """Detectors and transcribers are made per session; responder and synthesizer are shared."""

    detector: Callable[[], Detector]
    transcriber: Callable[[str], Transcriber]
    """Given the session's id."""
    responder: Responder
    synthesizer: Synthesizer
