"""Which recognizer the settings ask for, and how it is opened.

A further recognizer is one file in this folder, with an `opened` of its own, and one line in
RECOGNIZERS (and its name in the settings' `AsrEngine`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

import structlog
import trio

from ...config import Hearing, Settings, Transcribing
from ..failures import EngineFailure
from ..kit import MakeTranscriber, checked_transcriber
from ..models.folder import models_folder
from . import moonshine, pocketsphinx, whisper
from .choice import choose_recognizer
from .model_store import ready_model
from .recognizer import Recognizer

OpenRecognizer = Callable[[Transcribing, Hearing], AbstractAsyncContextManager[Recognizer]]


def _openai(
    transcribing: Transcribing, hearing: Hearing
) -> AbstractAsyncContextManager[Recognizer]:
    from .openai import opened  # its SDK takes a second to import; only who uses it pays for that

    return opened(transcribing, hearing)


RECOGNIZERS: dict[str, OpenRecognizer] = {
    "pocketsphinx": pocketsphinx.opened,
    "moonshine": moonshine.opened,
    "whisper": whisper.opened,
    "openai": _openai,
}


def open_recognizer(
    settings: Settings, own: MakeTranscriber | None = None
) -> AbstractAsyncContextManager[Recognizer]:
    """The recognizer for as long as the context lasts: of the embedder's own factory, or the one
    of the settings. Entering raises EngineUnavailable for a setting that cannot work."""
    if own is not None:
        return nullcontext(Recognizer(make=checked_transcriber(own)))
    chosen = choose_recognizer(settings.transcribing).engine
    return RECOGNIZERS[chosen](settings.transcribing, settings.hearing)


def chosen_name(settings: Settings) -> str:
    """The recognizer's name, and why it was chosen where the settings left that open."""
    choice = choose_recognizer(settings.transcribing)
    return choice.engine + (f" ({choice.why})" if choice.why else "")


async def fetch_model(settings: Settings) -> None:
    """Download the Whisper model that is named, where that is wanted, allowed and needed.

    Takes minutes. What goes wrong is logged, and the server starts with what it has.
    """
    transcribing = settings.transcribing
    if transcribing.engine not in ("auto", "whisper") or not transcribing.may_download:
        return
    choice = choose_recognizer(transcribing)
    if choice.engine == "moonshine" or choice.model is not None:
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
