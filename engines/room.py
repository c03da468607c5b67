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

from pydantic import SecretStr

from ..config import Answering, Hearing, Settings, Speaking
from ..supervisor import Child, Observer, Supervisor
from .asr.admission import Admission
from .asr.interface import Transcriber
from .asr.pocketsphinx import EXPECTED, PocketsphinxTranscriber
from .asr.pocketsphinx_worker import DECODERS_MAX
from .asr.pocketsphinx_worker import load as load_pocketsphinx
from .kit import Engines, OwnEngines
from .lane import Lane, LanePool
from .llm.interface import Responder
from .llm.local import LocalResponder
from .media.decode_worker import load as load_media
from .tts import piper, pyttsx3
from .tts.choice import choose_voice
from .tts.interface import Synthesizer
from .vad.energy import EnergyDetector
from .vad.interface import Detector
from .vad.newspeech import NewSpeechDetector
from .vad.silero import SileroDetector
from .vad.webrtc import WebRtcDetector

MakeTranscriber = Callable[[str], Transcriber]
"""Given the session's id."""

DETECTORS: dict[str, Callable[[Hearing], Detector]] = {
    "webrtc": lambda hearing: WebRtcDetector(hearing.vad_aggressiveness),
    "energy": lambda hearing: EnergyDetector(hearing.energy_threshold),
    "silero": lambda hearing: SileroDetector(),
    "newspeech": lambda hearing: NewSpeechDetector(hearing.sensitivity),
}


NO_OWN_ENGINES = OwnEngines()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRoom:
    engines: Engines
    lanes: tuple[Lane, ...]
    media_lane: Lane = field(default_factory=lambda: Lane("media-1", load_media))
    """Reads recorded blobs; one of `lanes`, but no conversation waits for it."""
    chosen: dict[str, str]
    """Kind to engine, with the reason where the settings left the choice."""

    def supervisor(self, observers: Sequence[Observer] = ()) -> Supervisor:
        """The supervisor of all lanes. Without intensity: a lane paces its own restarts, and an
        engine that cannot be kept alive must not take the server down with it."""
        return Supervisor(
            "lanes",
            [Child(lane.name, run=lane.run, ready=True) for lane in self.lanes],
            max_restarts=math.inf,
            observers=observers,
        )

    def not_ready(self) -> list[str]:
        """What the server still waits for before it can talk; empty when it can.

        One ready lane of each kind is enough: the others only add room.
        """
        kinds: dict[str, list[Lane]] = {}
        for lane in self.lanes:
            if lane is self.media_lane:
                continue
            kinds.setdefault(lane.name.rsplit("-", 1)[0], []).append(lane)
        return [
            f"{kind}: {next((lane.load_error for lane in lanes if lane.load_error), 'loading')}"
            for kind, lanes in kinds.items()
            if not any(lane.ready for lane in lanes)
        ]


@asynccontextmanager
async def open_engine_room(
    settings: Settings, own: OwnEngines = NO_OWN_ENGINES
) -> AsyncIterator[EngineRoom]:
    """Make the engines that the settings ask for, but for the embedder's own.

    Raises EngineUnavailable for a setting that cannot work (an unusable key). Lanes start when
    their supervisor runs; an engine that the embedder brings has none here.
    """
    if own.detector is None:
        for _, hearing in hearings(settings):
            # One is made now: a model is loaded, or is missing in words, before anybody calls.
            chosen_detector(hearing)
    media_lane = Lane("media-1", load_media)
    async with (
        _open_transcriber(settings, own.transcriber) as (transcriber, asr_lanes),
        _open_synthesizer(settings.speaking, own.synthesizer) as (synthesizer, tts_lanes),
        _open_responder(settings.answering, own.responder) as responder,
    ):
        yield EngineRoom(
            engines=Engines(
                detector=_own_detector(own.detector) if own.detector else chosen_detector,
                transcriber=transcriber,
                responder=responder,
                synthesizer=synthesizer,
            ),
            lanes=(*asr_lanes, *tts_lanes, media_lane),
            media_lane=media_lane,
            chosen=choices(settings) | own.names(),
        )


def choices(settings: Settings) -> dict[str, str]:
    """Kind to engine, and why where the settings left the choice."""
    asr: str = settings.transcribing.engine
    if asr == "auto":
        asr = "pocketsphinx (auto: needs no model)"
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
    return {
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


def chosen_detector(hearing: Hearing) -> Detector:
    """A new detector of the kind that the slice asks for. Raises EngineUnavailable."""
    return DETECTORS[hearing.vad_engine](hearing)


def _own_detector(make: Callable[[], Detector]) -> Callable[[Hearing], Detector]:
    """An embedder's detector hears everywhere, and knows nothing of our settings."""
    return lambda hearing: make()


def _lanes(kind: str, count: int, load: Callable[[], object]) -> tuple[Lane, ...]:
    return tuple(Lane(f"{kind}-{number}", load) for number in range(1, count + 1))


def _pocketsphinx(pool: LanePool, admission: Admission, session_id: str) -> PocketsphinxTranscriber:
    return PocketsphinxTranscriber(pool, session_id, admission)


@asynccontextmanager
async def _open_transcriber(
    settings: Settings, own: MakeTranscriber | None
) -> AsyncIterator[tuple[MakeTranscriber, tuple[Lane, ...]]]:
    """What makes a session's transcriber, and its lanes; a service has none."""
    transcribing = settings.transcribing
    if own is not None:
        yield own, ()
    elif transcribing.engine == "openai":
        from .asr.openai import open_openai_asr  # the SDK; see _open_responder

        interval_ms = settings.hearing.partial_interval_ms if transcribing.partials else None
        async with open_openai_asr(
            model=transcribing.model,
            language=transcribing.language,
            partial_interval_ms=interval_ms,
            base_url=transcribing.base_url,
            api_key=_text(transcribing.api_key),
        ) as ear:
            yield ear, ()
    else:
        lanes = _lanes("asr", transcribing.lanes, load_pocketsphinx)
        admission = Admission(len(lanes), EXPECTED, most=len(lanes) * DECODERS_MAX)
        yield functools.partial(_pocketsphinx, LanePool(lanes), admission), lanes


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
