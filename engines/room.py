"""The engine room: which engines the settings ask for, their lanes, and when they are ready.

Owned by the server, opened once. Every kind opens itself (`asr.open`, `tts.open` and so on): a
further engine is one file in its folder and one line in its kind's table. Here they are joined.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ..config import (
    Hearing,
    Settings,
    VoiceSetting,
)
from ..supervisor import Child, Observer, Restart, Supervisor
from .asr.admission import Admission
from .asr.choice import choose_ear
from .asr.open import open_recognizer
from .kit import Engines, OwnEngines, SessionInfo, fitted_detector
from .lanes.lane import Lane
from .llm.interface import Warms
from .llm.open import open_responder
from .media.decode_worker import load as load_media
from .tts.choice import choose_voice
from .tts.interface import ManyVoices
from .tts.open import open_synthesizer
from .turn.choice import choose_turn_end
from .turn.open import TURN_LANE, open_turn_end
from .vad.open import chosen_detector

NO_OWN_ENGINES = OwnEngines()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRoom:
    engines: Engines
    lanes: tuple[Lane, ...]
    media_lane: Lane = field(default_factory=lambda: Lane("media-1", load_media))
    """Reads recorded blobs; one of `lanes`, but no conversation waits for it."""
    admission: Admission | None = None
    """Who may talk; None where somebody else recognizes."""
    chosen: dict[str, str]
    """Kind to engine, with the reason where the settings left the choice."""

    @property
    def voice_setting(self) -> VoiceSetting | None:
        """What names the voice of the engine that speaks; None where it has one voice only."""
        if not isinstance(self.engines.synthesizer, ManyVoices):
            return None
        openai = self.chosen.get("tts", "").startswith("openai")
        return "openai_tts_voice" if openai else "stream_tts_voice"

    @property
    def voices(self) -> list[str]:
        """Some that a session may ask for; none where there is one voice only."""
        voice = self.engines.synthesizer
        return list(voice.voices) if isinstance(voice, ManyVoices) else []

    def supervisor(self, observers: Sequence[Observer] = ()) -> Supervisor:
        """The supervisor of all lanes. Without intensity: a lane paces its own restarts, and an
        engine that cannot be kept alive must not take the server down with it.

        Beside them the connection to a service that answers is opened, once, so that the first
        reply need not wait for it. Nothing waits for that, and it fails in a line of the log."""
        children = [Child(lane.name, run=lane.run, ready=True) for lane in self.lanes]
        responder = self.engines.responder
        if isinstance(responder, Warms):
            children.insert(0, Child("warm", run=responder.warm, restart=Restart.TEMPORARY))
        return Supervisor(
            "lanes",
            children,
            max_restarts=math.inf,
            observers=observers,
        )

    def not_ready(self) -> list[str]:
        """What the server still waits for before it can talk; empty when it can.

        One ready lane of each kind is enough: the others only add room.
        """
        return [f"{kind}: {error or 'loading'}" for kind, error in self._not_ready().items()]

    def load_errors(self) -> list[str]:
        """Of what the server waits for, what will not come by waiting: engines that cannot be
        loaded, with the reason."""
        return [f"{kind}: {error}" for kind, error in self._not_ready().items() if error]

    def _not_ready(self) -> dict[str, str | None]:
        """Kind of lane to its load error, if it has one."""
        kinds: dict[str, list[Lane]] = {}
        for lane in self.lanes:
            if lane is self.media_lane or (lane.name == TURN_LANE and lane.load_error):
                continue  # no conversation waits for it; the words decide
            kinds.setdefault(lane.name.rsplit("-", 1)[0], []).append(lane)
        return {
            kind: next((lane.load_error for lane in lanes if lane.load_error), None)
            for kind, lanes in kinds.items()
            if not any(lane.ready for lane in lanes)
        }


@asynccontextmanager
async def open_engine_room(
    settings: Settings, own: OwnEngines = NO_OWN_ENGINES
) -> AsyncIterator[EngineRoom]:
    """Make the engines that the settings ask for, but for the embedder's own.

    Raises EngineUnavailable for a setting that cannot work (an unusable key). Lanes start when
    their supervisor runs; an engine that the embedder brings has none here.
    """
    detector = fitted_detector(own.detector) if own.detector else chosen_detector
    for path, hearing in hearings(settings):
        # One is made now: a model is loaded, or is missing in words, before anybody calls.
        detector(SessionInfo.outside(path, hearing))
        if own.detector:
            break  # it may cost something, and hears alike everywhere
    media_lane = Lane("media-1", load_media)
    async with (
        open_recognizer(settings, own.transcriber) as recognizer,
        open_synthesizer(settings.speaking, own.synthesizer) as (synthesizer, tts_lanes),
        open_responder(settings.answering, own.responder) as responder,
    ):
        turn_end, turn_lanes = open_turn_end(settings.turning, own.turn_end)
        yield EngineRoom(
            engines=Engines(
                detector=detector,
                transcriber=recognizer.make,
                responder=responder,
                synthesizer=synthesizer,
                turn_end=turn_end,
            ),
            admission=recognizer.admission,
            lanes=(*recognizer.lanes, *tts_lanes, *turn_lanes, media_lane),
            media_lane=media_lane,
            chosen=choices(settings) | own.names(),
        )


def choices(settings: Settings) -> dict[str, str]:
    """Kind to engine, and why where the settings left the choice."""
    heard_by = choose_ear(settings.transcribing)
    asr = heard_by.engine + (f" ({heard_by.why})" if heard_by.why else "")
    voice, why = choose_voice(settings.speaking)
    llm: str = settings.answering.engine
    if settings.stream_llm_engine == "auto":
        reason = "an API key or base URL is set" if llm == "openai" else "no OPENAI_API_KEY"
        llm += f" (auto: {reason})"
    elsewhere = [
        f"{hearing.vad_engine} on {path}"
        for path, hearing in hearings(settings)
        if hearing.vad_engine != settings.hearing.vad_engine
    ]
    turn, turn_why = choose_turn_end(settings.turning)
    return {
        "turn": f"{turn} ({turn_why})" if turn_why else turn,
        "vad": settings.hearing.vad_engine + (f" ({', '.join(elsewhere)})" if elsewhere else ""),
        "asr": asr,
        "llm": llm,
        "tts": f"{voice} ({why})" if why else voice,
    }


def hearings(settings: Settings) -> tuple[tuple[str, Hearing], ...]:
    """The endpoints that may hear differently, each with its slice."""
    return (
        ("/ws", settings.hearing),
        ("/stream", settings.hearing_io_speech),
        ("/engine", settings.hearing_newspeech),
    )
