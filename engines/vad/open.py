"""Which detectors there are. A further one is one file in this folder and one line in DETECTORS."""

from __future__ import annotations

from collections.abc import Callable

from ...config import Hearing
from ..kit import SessionInfo
from .energy import EnergyDetector
from .interface import Detector
from .newspeech import NewSpeechDetector
from .silero import SileroDetector
from .webrtc import WebRtcDetector

DETECTORS: dict[str, Callable[[Hearing], Detector]] = {
    "webrtc": lambda hearing: WebRtcDetector(hearing.vad_aggressiveness),
    "energy": lambda hearing: EnergyDetector(hearing.energy_threshold),
    "silero": lambda hearing: SileroDetector(),
    "newspeech": lambda hearing: NewSpeechDetector(hearing.sensitivity),
}


def chosen_detector(session: SessionInfo) -> Detector:
    """A new detector of the kind that the session's settings ask for. Raises EngineUnavailable."""
    return DETECTORS[session.hearing.vad_engine](session.hearing)
