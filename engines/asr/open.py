"""Which recognizers there are, and how each is opened. A further one is one file in this folder and
one line in RECOGNIZERS."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import structlog
import trio

from ...config import Settings
from ..failures import EngineFailure
from ..kit import MakeTranscriber, checked_transcriber
from ..lanes.lane import Lane, LanePool, lanes_of
from ..services.keys import plain_key
from . import pocketsphinx, whisper
from .admission import Admission
from .choice import choose_ear
from .model_store import models_folder, ready_model
from .pocketsphinx_worker import DECODERS_MAX
from .pocketsphinx_worker import load as load_pocketsphinx
from .whisper_worker import load_named as load_whisper


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognizer:
    """An open recognizer: what makes a session's transcriber. A service, and an embedder's engine,
    have no lanes."""

    make: MakeTranscriber
    lanes: tuple[Lane, ...] = ()
    admission: Admission | None = None


@asynccontextmanager
async def open_recognizer(
    settings: Settings, own: MakeTranscriber | None
) -> AsyncIterator[Recognizer]:
    """The recognizer that the settings ask for, or the embedder's own. Raises EngineUnavailable."""
    if own is not None:
        yield Recognizer(make=checked_transcriber(own))
        return
    async with RECOGNIZERS[choose_ear(settings.transcribing).engine](settings) as recognizer:
        yield recognizer


@asynccontextmanager
async def _pocketsphinx(settings: Settings) -> AsyncIterator[Recognizer]:
    lanes = lanes_of("asr", settings.transcribing.lanes, load_pocketsphinx)
    admission = Admission(len(lanes), pocketsphinx.EXPECTED, most=len(lanes) * DECODERS_MAX)
    pool = LanePool(lanes)
    yield Recognizer(
        make=lambda session: pocketsphinx.PocketsphinxTranscriber(
            pool, session.session_id, admission
        ),
        lanes=lanes,
        admission=admission,
    )


@asynccontextmanager
async def _whisper(settings: Settings) -> AsyncIterator[Recognizer]:
    transcribing = settings.transcribing
    threads = whisper.lane_threads(transcribing.threads, transcribing.lanes)
    load = functools.partial(
        load_whisper, transcribing.whisper_model, transcribing.models_dir, threads
    )
    lanes = lanes_of("asr", transcribing.lanes, load)
    admission = Admission(len(lanes), whisper.expected(transcribing.whisper_model))
    shared = whisper.Ear(
        pool=LanePool(lanes),
        admission=admission,
        language="" if transcribing.language == "auto" else transcribing.language,
        beam=transcribing.beam,
    )
    yield Recognizer(
        make=lambda session: whisper.WhisperTranscriber(shared), lanes=lanes, admission=admission
    )


@asynccontextmanager
async def _openai(settings: Settings) -> AsyncIterator[Recognizer]:
    # The SDK takes a second to import; only those who use it pay for that.
    from .openai import open_openai_asr

    transcribing = settings.transcribing
    interval_ms = settings.hearing.partial_interval_ms if transcribing.partials else None
    async with open_openai_asr(
        model=transcribing.model,
        language=None if transcribing.language == "auto" else transcribing.language,
        partial_interval_ms=interval_ms,
        base_url=transcribing.base_url,
        api_key=plain_key(transcribing.api_key),
    ) as make:
        yield Recognizer(make=lambda session: make(session.session_id))


RECOGNIZERS: dict[str, Callable[[Settings], AbstractAsyncContextManager[Recognizer]]] = {
    "pocketsphinx": _pocketsphinx,
    "whisper": _whisper,
    "openai": _openai,
}


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
