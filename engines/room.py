"""The engine room: the engines of a server together, their lanes, and when they are ready.

Owned by the server, opened once. Every kind of engine opens itself, by the table in its `open.py`;
here they are only put together.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ..config import Settings, VoiceSetting
from ..supervisor import Child, Observer, Restart, Supervisor
from .asr.admission import Admission
from .asr.open import chosen_name as chosen_recognizer
from .asr.open import open_recognizer
from .kit import Engines, OwnEngines
from .lanes.lane import Lane
from .lanes.standing import LaneState, Standing
from .lanes.supervisor import LanesSupervisor
from .llm.interface import Loads, Runs, Warms
from .llm.open import chosen_name as chosen_responder
from .llm.open import open_responder
from .media.decode_worker import load as load_media
from .pools.opening import pools_of
from .pools.pool import Pool
from .pools.standing import PlaceStanding
from .tts.interface import ManyVoices
from .tts.open import chosen_name as chosen_voice
from .tts.open import open_voice
from .tts.other_voices import OTHER_LANE
from .turn.open import TURN_LANE, open_turn_end
from .turn.open import chosen_name as chosen_turn_end
from .vad.open import chosen_name as chosen_detectors
from .vad.open import open_detectors
from .who import how_better, who_answers, who_hears_and_speaks

NO_OWN_ENGINES = OwnEngines()

VOICE_SETTINGS: dict[str, VoiceSetting] = {
    "openai": "openai_tts_voice",
    "kokoro": "stream_kokoro_voice",
}
"""What names the voice, by the engine that speaks; the others have STREAM_TTS_VOICE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRoom:
    engines: Engines
    lanes: tuple[Lane, ...]
    media_lane: Lane = field(default_factory=lambda: Lane("media-1", load_media))
    """Reads recorded blobs; one of `lanes`, but no conversation waits for it."""
    admission: Admission | None = None
    """Who may talk; None where the recognizer is a service or the embedder's."""
    chosen: dict[str, str]
    """Kind to engine, with the reason where the settings left the choice."""
    settings: Settings
    pools: tuple[Pool[Any], ...] = ()
    """Engines that are services with several servers."""
    hears_and_speaks: dict[str, str] = field(default_factory=dict)

    def who(self) -> dict[str, str]:
        """Who hears, answers and speaks now, in plain words; see who.py."""
        return self.hears_and_speaks | {"answers": who_answers(self.engines, self.chosen)}

    def how_better(self) -> list[str]:
        """What would make the conversation better here, a line each; see who.py."""
        return how_better(self.settings, self.engines)

    @property
    def waited_for(self) -> tuple[Lane, ...]:
        """The lanes that conversations wait for."""
        return tuple(lane for lane in self.lanes if lane is not self.media_lane)

    def worker_pids(self) -> tuple[int, ...]:
        """The processes of all lanes that run."""
        return tuple(lane.pid for lane in self.lanes if lane.pid is not None)

    @property
    def voice_setting(self) -> VoiceSetting | None:
        """What names the voice of the engine that speaks; None where it has one voice only."""
        if not isinstance(self.engines.synthesizer, ManyVoices):
            return None
        engine = self.chosen.get("tts", "").partition(" ")[0]
        return VOICE_SETTINGS.get(engine, "stream_tts_voice")

    @property
    def voices(self) -> list[str]:
        """Some that a session may ask for; none where there is one voice only."""
        voice = self.engines.synthesizer
        return list(voice.voices) if isinstance(voice, ManyVoices) else []

    def supervisor(self, observers: Sequence[Observer] = ()) -> Supervisor:
        """The supervisor of all lanes; see LanesSupervisor.

        Beside them the connection to a service that answers is opened, once, so that the first
        reply need not wait for it. Nothing waits for that, and it fails in a line of the log."""
        responder = self.engines.responder
        beside = []
        if isinstance(responder, Runs):
            beside.append(Child("model", run=responder.run, ready=True, restart=Restart.TRANSIENT))
        if isinstance(responder, Warms):
            beside.append(Child("warm", run=responder.warm, restart=Restart.TEMPORARY))
        beside += [Child(f"places-{pool.kind}", run=pool.run, ready=True) for pool in self.pools]
        return LanesSupervisor(self.lanes, beside=beside, observers=observers)

    def not_ready(self) -> list[str]:
        """What the server still waits for before it can talk; empty when it can.

        One ready lane of each kind is enough: the others only add room.
        """
        return [f"{kind}: {error or 'loading'}" for kind, error in self._not_ready().items()]

    @property
    def own_kinds(self) -> frozenset[str]:
        """Those of which the embedder brings the engine."""
        return frozenset(kind for kind, name in self.chosen.items() if name == "own")

    def standings(self) -> list[Standing]:
        """How each lane stands, those included that no conversation waits for."""
        return [lane.standing for lane in self.lanes]

    def remarks(self) -> list[str]:
        """What engines said when they were loaded: what works otherwise than one would think."""
        said = (lane.remark for lane in self.lanes if lane.remark is not None)
        return list(dict.fromkeys(said))

    def place_standings(self) -> list[PlaceStanding]:
        """How each server of a pool stands."""
        return [standing for pool in self.pools for standing in pool.standings()]

    def load_errors(self) -> list[str]:
        """Of what the server waits for, what will not come by waiting: engines that cannot be
        loaded, with the reason."""
        return [f"{kind}: {error}" for kind, error in self._not_ready().items() if error]

    def _not_ready(self) -> dict[str, str | None]:
        """Kind of lane to its load error, if it has one."""
        kinds: dict[str, list[Lane]] = {}
        for lane in self.lanes:
            if lane is self.media_lane or (_dispensable(lane) and lane.load_error):
                continue  # no conversation waits for it; the words decide, another voice speaks
            kinds.setdefault(lane.name.rsplit("-", 1)[0], []).append(lane)
        waits = {
            kind: next((why for lane in lanes if (why := _why(lane))), None)
            for kind, lanes in kinds.items()
            if not any(lane.ready for lane in lanes)
        }
        responder = self.engines.responder
        if isinstance(responder, Loads) and not responder.ready:
            waits["llm"] = responder.load_error
        for pool in self.pools:
            if not pool.ready and not pool.spare:
                waits.setdefault(pool.kind, pool.why())
        return waits


def _why(lane: Lane) -> str | None:
    """Why a lane does not work, where it is more than that it is loading."""
    if lane.load_error:
        return lane.load_error
    standing = lane.standing
    dying = standing.state is LaneState.BACKING_OFF and standing.failures > 1
    return standing.told() if dying else None


def _dispensable(lane: Lane) -> bool:
    return lane.name == TURN_LANE or lane.name.startswith(f"{OTHER_LANE}-")


@asynccontextmanager
async def open_engine_room(
    settings: Settings, own: OwnEngines = NO_OWN_ENGINES
) -> AsyncIterator[EngineRoom]:
    """Make the engines that the settings ask for, but for the embedder's own.

    Raises EngineUnavailable for a setting that cannot work (an unusable key). Lanes start when
    their supervisor runs; an engine that the embedder brings has none here.
    """
    detector = open_detectors(settings, own.detector)
    turn_end = open_turn_end(settings, own.turn_end)
    media_lane = Lane("media-1", load_media)
    chosen = choices(settings) | own.names()
    async with (
        open_recognizer(settings, own.transcriber) as recognizer,
        open_voice(settings, own.synthesizer) as voice,
        open_responder(settings, own.responder) as responder,
    ):
        yield EngineRoom(
            engines=Engines(
                detector=detector,
                transcriber=recognizer.make,
                responder=responder,
                synthesizer=voice.synthesizer,
                turn_end=turn_end.engine,
            ),
            admission=recognizer.admission,
            lanes=(*recognizer.lanes, *voice.lanes, *turn_end.lanes, media_lane),
            media_lane=media_lane,
            pools=(*recognizer.pools, *pools_of(responder), *voice.pools),
            chosen=chosen,
            settings=settings,
            hears_and_speaks=who_hears_and_speaks(settings, chosen),
        )


def choices(settings: Settings) -> dict[str, str]:
    """Kind of engine to the one that is chosen, and why where the settings left the choice."""
    return {
        "turn": chosen_turn_end(settings),
        "vad": chosen_detectors(settings),
        "asr": chosen_recognizer(settings),
        "llm": chosen_responder(settings),
        "tts": chosen_voice(settings),
    }
