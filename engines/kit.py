"""The engines of a server, as sessions see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..config import Hearing
from .asr.interface import Transcriber
from .llm.interface import Responder
from .tts.interface import Synthesizer
from .turn.interface import TurnEndEngine
from .vad.interface import Detector


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """Detectors and transcribers are made per session; responder and synthesizer are shared."""

    detector: Callable[[Hearing], Detector]
    """Given the session's slice of the settings, which says which engine hears."""
    transcriber: Callable[[str], Transcriber]
    """Given the session's id."""
    responder: Responder
    synthesizer: Synthesizer
    turn_end: TurnEndEngine | None = None
    """None: short silences are not looked at, and the length of a silence alone ends a turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEngines:
    """An embedder's engines, each in the place of the one that the settings would choose."""

    detector: Callable[[], Detector] | None = None
    transcriber: Callable[[str], Transcriber] | None = None
    responder: Responder | None = None
    synthesizer: Synthesizer | None = None
    turn_end: TurnEndEngine | None = None

    def names(self) -> dict[str, str]:
        """Kind to what stands in for it, for reports."""
        given = {
            "vad": self.detector,
            "asr": self.transcriber,
            "llm": self.responder,
            "tts": self.synthesizer,
            "turn": self.turn_end,
        }
        return {kind: "own" for kind, engine in given.items() if engine is not None}
