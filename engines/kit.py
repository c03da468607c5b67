"""The engines of a server, as sessions see them, and those that an embedder brings."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ..config import Hearing
from .asr.interface import Transcriber
from .llm.interface import Responder
from .tts.interface import Synthesizer
from .turn.interface import TurnEndEngine
from .vad.interface import Detector
from .vad.resampling import fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """What a factory of engines is told of the session that it makes one for."""

    session_id: str
    """A name that no other session of the server has; "http" for requests without a session."""
    dialect: str
    """The dialect's name: prompt-voice, io-speech or newspeech; "http" as above."""
    hearing: Hearing
    """The session's slice of the settings: which detector, how long a silence, and so on."""

    @classmethod
    def outside(cls, what: str, hearing: Hearing) -> SessionInfo:
        """For whoever uses an engine without a session, and says by `what` who that is."""
        return cls(session_id=what, dialect=what, hearing=hearing)


MakeDetector: TypeAlias = Callable[[SessionInfo], Detector]
MakeTranscriber: TypeAlias = Callable[[SessionInfo], Transcriber]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """Detectors and transcribers are made per session, by factories that are told which one;
    responder, synthesizer and end-of-turn engine are shared by all sessions."""

    detector: MakeDetector
    transcriber: MakeTranscriber
    responder: Responder
    synthesizer: Synthesizer
    turn_end: TurnEndEngine | None = None
    """None: short silences are not looked at, and the length of a silence alone ends a turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEngines:
    """An embedder's engines, each in the place of the one that the settings would choose.

    As in Engines: `detector` and `transcriber` are factories, called with a SessionInfo once per
    session (the detector's once more when the server opens, to look at what it makes, and again
    where a session's detector has crashed); the others are objects that all sessions share.
    Raises ValueError for what cannot be an engine of its kind.
    """

    detector: MakeDetector | None = None
    transcriber: MakeTranscriber | None = None
    responder: Responder | None = None
    synthesizer: Synthesizer | None = None
    turn_end: TurnEndEngine | None = None

    def __post_init__(self) -> None:
        for name, factory in (("detector", self.detector), ("transcriber", self.transcriber)):
            if factory is not None:
                _check_factory(name, factory)
        for name, engine, needed in (
            ("responder", self.responder, ("reply",)),
            ("synthesizer", self.synthesizer, ("speak",)),
            ("turn_end", self.turn_end, ("likelihood",)),
        ):
            if engine is not None:
                _check_methods(f"the {name}", engine, needed)
        if self.turn_end is not None and not hasattr(self.turn_end, "needs_text"):
            raise ValueError(f"the turn_end {type(self.turn_end).__name__} has no needs_text")

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


def fitted_detector(make: MakeDetector) -> MakeDetector:
    """A factory whose detectors hear 16 kHz, whatever those of `make` want. See `fitted`."""
    return functools.partial(_made_detector, make)


def checked_transcriber(make: MakeTranscriber) -> MakeTranscriber:
    """The same factory. What it makes is looked at: ValueError for what is no transcriber."""
    return functools.partial(_made_transcriber, make)


def _made_detector(make: MakeDetector, session: SessionInfo) -> Detector:
    return fitted(make(session))


def _made_transcriber(make: MakeTranscriber, session: SessionInfo) -> Transcriber:
    transcriber = make(session)
    _check_methods("the transcriber", transcriber, ("begin", "feed", "finish", "abandon"))
    return transcriber


def _check_factory(name: str, factory: object) -> None:
    if not callable(factory):
        raise ValueError(
            f"{name} is a factory, called once per session with a SessionInfo; "
            f"{type(factory).__name__} cannot be called"
        )
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):
        return  # written in C: it is seen when it is called
    try:
        signature.bind(None)
    except TypeError:
        raise ValueError(
            f"{name} is called with one argument, a SessionInfo, and takes {signature}; "
            f"write for instance {name}=lambda session: MyEngine()"
        ) from None


def _check_methods(what: str, engine: object, needed: tuple[str, ...]) -> None:
    for method in needed:
        if not callable(getattr(engine, method, None)):
            raise ValueError(f"{what} {type(engine).__name__} has no method {method!r}")
