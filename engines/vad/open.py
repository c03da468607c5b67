"""Which detector each endpoint's settings ask for.

A further detector is one file in this folder and one line in DETECTORS (and its name in the
settings' `VadEngine`).
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable

from ...config import Hearing, Settings
from ...config.kinds import VadEngine
from ..failures import EngineUnavailable
from ..kit import MakeDetector, SessionInfo, fitted_detector
from .energy import EnergyDetector
from .interface import Detector
from .newspeech import NewSpeechDetector
from .silero import SileroDetector, model_path
from .webrtc import WebRtcDetector

DETECTORS: dict[str, Callable[[Hearing], Detector]] = {
    "webrtc": lambda hearing: WebRtcDetector(hearing.vad_aggressiveness),
    "energy": lambda hearing: EnergyDetector(hearing.energy_threshold),
    "silero": lambda hearing: SileroDetector(hearing.threshold, narrow_band=hearing.narrow_band),
    "newspeech": lambda hearing: NewSpeechDetector(hearing.sensitivity),
}


def open_detectors(settings: Settings, own: MakeDetector | None = None) -> MakeDetector:
    """What makes the sessions' detectors: the embedder's own factory, or the one of the settings.

    One detector is made now, so that a model is loaded, or is reported as missing, before anybody
    calls. Raises EngineUnavailable.
    """
    make = chosen_detector if own is None else fitted_detector(own)
    for path, hearing in hearings(settings):
        make(SessionInfo.outside(path, hearing))
        if own is not None:
            break  # it may cost something, and is the same for every endpoint
    return make


def chosen_detector(session: SessionInfo) -> Detector:
    """A new detector of the kind that the session's settings ask for. Raises EngineUnavailable."""
    return DETECTORS[decided(session.hearing.vad_engine)](session.hearing)


def decided(engine: VadEngine) -> str:
    """The detector that "auto" means here: Silero, which hears soft and hoarse voices and takes few
    breaths for speech; where its model cannot be run, WebRTC's."""
    if engine != "auto":
        return engine
    return "silero" if _silero_can_run() else "webrtc"


@functools.cache
def _silero_can_run() -> bool:
    try:
        model_path()
    except EngineUnavailable:
        return False
    return importlib.util.find_spec("onnxruntime") is not None


def hearings(settings: Settings) -> tuple[tuple[str, Hearing], ...]:
    """The endpoints that may have different detectors: path and slice of the settings."""
    return (
        ("/ws", settings.hearing),
        ("/stream", settings.hearing_io_speech),
        ("/engine", settings.hearing_newspeech),
    )


def chosen_name(settings: Settings) -> str:
    """The detector's name, and which endpoints have another one."""
    elsewhere = [
        f"{decided(hearing.vad_engine)} on {path}"
        for path, hearing in hearings(settings)
        if decided(hearing.vad_engine) != decided(settings.hearing.vad_engine)
    ]
    return decided(settings.hearing.vad_engine) + (
        f" ({', '.join(elsewhere)})" if elsewhere else ""
    )
