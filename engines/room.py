"""The engine room: which engines the settings ask for, their lanes, and when they are ready.

Owned by the server, opened once. Every kind has one table here: a further engine is one file in
its folder and one line in the table.
"""

from __future__ import annotations

import functools
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
import trio
from pydantic import SecretStr

from ..config import (
    Answering,
    Hearing,
    Settings,
    Speaking,
    Transcribing,
    Turning,
    VoiceSetting,
)
from ..supervisor import Child, Observer, Restart, Supervisor
from .asr import pocketsphinx, whisper
from .asr.admission import Admission
from .asr.choice import choose_ear
from .asr.model_store import models_folder, ready_model
from .asr.pocketsphinx_worker import DECODERS_MAX
from .asr.pocketsphinx_worker import load as load_pocketsphinx
from .asr.whisper_worker import load_named as load_whisper
from .failures import EngineFailure
from .kit import (
    Engines,
    MakeTranscriber,
    OwnEngines,
    SessionInfo,
    checked_transcriber,
    fitted_detector,
)
from .lanes.lane import Lane, LanePool
from .llm.interface import Responder, Warms
from .llm.local import LocalResponder
from .media.decode_worker import load as load_media
from .tts import piper, pyttsx3
from .tts.choice import choose_voice
from .tts.interface import ManyVoices, Synthesizer
from .turn.choice import choose_turn_end
from .turn.combined import TextAndAudio
from .turn.fallback import WithFallback
from .turn.fixed import FixedTurnEnd
from .turn.interface import TurnEndEngine
from .turn.smart_turn import SmartTurnEnd
from .turn.smart_turn import loader as smart_turn_loader
from .turn.text import TextTurnEnd
from .vad.energy import EnergyDetector
from .vad.interface import Detector
from .vad.newspeech import NewSpeechDetector
from .vad.silero import SileroDetector
from .vad.webrtc import WebRtcDetector


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ear:
    """What makes a session's transcriber. A service, and an embedder's engine, have no lanes."""

    make: MakeTranscriber
    lanes: tuple[Lane, ...] = ()
    admission: Admission | None = None


DETECTORS: dict[str, Callable[[Hearing], Detector]] = {
    "webrtc": lambda hearing: WebRtcDetector(hearing.vad_aggressiveness),
    "energy": lambda hearing: EnergyDetector(hearing.energy_threshold),
    "silero": lambda hearing: SileroDetector(),
    "newspeech": lambda hearing: NewSpeechDetector(hearing.sensitivity),
}


NO_OWN_ENGINES = OwnEngines()

TURN_LANE = "turn-1"
"""One is enough: it is asked at pauses, for some 30 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRoom:
    engines: Engines
    lanes: tuple[Lane, ...]
    media_lane: Lane = field(default_factory=lambda: Lane("media-1", load_media))
    """Reads recorded blobs; one of `lanes`, but no conversation waits for it."""
    admission: Admission | None = None
    """Who may talk; None where the ear is somebody else's."""
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
        _open_ear(settings, own.transcriber) as ear,
        _open_synthesizer(settings.speaking, own.synthesizer) as (synthesizer, tts_lanes),
        _open_responder(settings.answering, own.responder) as responder,
    ):
        turn_end, turn_lanes = _turn_end(settings.turning, own.turn_end)
        yield EngineRoom(
            engines=Engines(
                detector=detector,
                transcriber=ear.make,
                responder=responder,
                synthesizer=synthesizer,
                turn_end=turn_end,
            ),
            admission=ear.admission,
            lanes=(*ear.lanes, *tts_lanes, *turn_lanes, media_lane),
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


def chosen_detector(session: SessionInfo) -> Detector:
    """A new detector of the kind that the session's settings ask for. Raises EngineUnavailable."""
    return DETECTORS[session.hearing.vad_engine](session.hearing)


def _lanes(kind: str, count: int, load: Callable[[], object]) -> tuple[Lane, ...]:
    return tuple(Lane(f"{kind}-{number}", load) for number in range(1, count + 1))


@asynccontextmanager
async def _open_ear(settings: Settings, own: MakeTranscriber | None) -> AsyncIterator[_Ear]:
    transcribing = settings.transcribing
    engine = choose_ear(transcribing).engine
    if own is not None:
        yield _Ear(make=checked_transcriber(own))
    elif engine == "openai":
        from .asr.openai import open_openai_asr  # the SDK; see _open_responder

        interval_ms = settings.hearing.partial_interval_ms if transcribing.partials else None
        async with open_openai_asr(
            model=transcribing.model,
            language=None if transcribing.language == "auto" else transcribing.language,
            partial_interval_ms=interval_ms,
            base_url=transcribing.base_url,
            api_key=_text(transcribing.api_key),
        ) as ear:
            yield _Ear(make=lambda session: ear(session.session_id))
    elif engine == "whisper":
        yield _whisper_ear(transcribing)
    else:
        lanes = _lanes("asr", transcribing.lanes, load_pocketsphinx)
        admission = Admission(len(lanes), pocketsphinx.EXPECTED, most=len(lanes) * DECODERS_MAX)
        pool = LanePool(lanes)
        yield _Ear(
            make=lambda session: pocketsphinx.PocketsphinxTranscriber(
                pool, session.session_id, admission
            ),
            lanes=lanes,
            admission=admission,
        )


def _whisper_ear(transcribing: Transcribing) -> _Ear:
    threads = whisper.lane_threads(transcribing.threads, transcribing.lanes)
    load = functools.partial(
        load_whisper, transcribing.whisper_model, transcribing.models_dir, threads
    )
    lanes = _lanes("asr", transcribing.lanes, load)
    admission = Admission(len(lanes), whisper.expected(transcribing.whisper_model))
    ear = whisper.Ear(
        pool=LanePool(lanes),
        admission=admission,
        language="" if transcribing.language == "auto" else transcribing.language,
        beam=transcribing.beam,
    )
    return _Ear(
        make=lambda session: whisper.WhisperTranscriber(ear), lanes=lanes, admission=admission
    )


async def fetch_model(settings: Settings) -> None:
    """Download the Whisper model that is named, where that is wanted, allowed and needed.

    Takes minutes. What goes wrong is logged, and the server starts with what it has.
    """
    transcribing = settings.transcribing
    wanted = transcribing.engine in ("auto", "whisper") and transcribing.may_download
    if not wanted or choose_ear(transcribing).model is not None:
        return
    log = structlog.get_logger()
    name = transcribing.whisper_model
    log.info("model_download", model=name)
    pull = functools.partial(
        ready_model, name, models_folder(transcribing.models_dir), may_download=True
    )
    try:
        await trio.to_thread.run_sync(pull, abandon_on_cancel=True)
    except EngineFailure as problem:
        log.warning("model_download_failed", model=name, error=str(problem))


@asynccontextmanager
async def _open_synthesizer(
    speaking: Speaking, own: Synthesizer | None
) -> AsyncIterator[tuple[Synthesizer, tuple[Lane, ...]]]:
    """The synthesizer, and its lanes; a service has none."""
    engine, _ = choose_voice(speaking)
    if own is not None:
        yield own, ()
    elif engine == "openai":
        from .tts.openai import open_openai_tts  # the SDK; see _open_responder

        async with open_openai_tts(
            model=speaking.model,
            voice=speaking.model_voice,
            base_url=speaking.base_url,
            api_key=_text(speaking.api_key),
        ) as voice:
            yield voice, ()
    elif engine == "piper":
        load = piper.loader(speaking.piper_voice or "", volume=speaking.volume)
        lanes = _lanes("tts", speaking.workers, load)
        yield piper.PiperSynthesizer(LanePool(lanes)), lanes
    else:
        load = pyttsx3.loader(
            rate_wpm=speaking.rate_wpm, voice=speaking.voice, volume=speaking.volume
        )
        lanes = _lanes("tts", speaking.workers, load)
        yield pyttsx3.Pyttsx3Synthesizer(LanePool(lanes)), lanes


def _turn_end(
    turning: Turning, own: TurnEndEngine | None
) -> tuple[TurnEndEngine, tuple[Lane, ...]]:
    """What decides when a turn is over, and its lane if it has one."""
    if own is not None:
        return own, ()
    engine, _ = choose_turn_end(turning)
    if engine == "fixed":
        return FixedTurnEnd(), ()
    words = TextTurnEnd(turning.language)
    if engine == "text" or turning.model is None:
        return words, ()
    lane = Lane(TURN_LANE, smart_turn_loader(turning.model))
    pool = LanePool((lane,))
    if engine == "both":
        return TextAndAudio(words, SmartTurnEnd(pool, sharpness=1.0)), (lane,)
    return WithFallback(SmartTurnEnd(pool), words), (lane,)


@asynccontextmanager
async def _open_responder(answering: Answering, own: Responder | None) -> AsyncIterator[Responder]:
    if own is not None:
        yield own
        return
    if answering.engine == "local":
        yield LocalResponder()
        return
    # The SDK takes a second to import; only those who use it pay for that.
    from .llm.openai import open_openai

    async with open_openai(
        model=answering.model,
        max_tokens=answering.max_tokens,
        temperature=answering.temperature,
        base_url=answering.base_url,
        api_key=_text(answering.api_key),
    ) as responder:
        yield responder


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
