"""What cannot work as it is set, found at the start without loading anything, and what to do.

One line each, for the log, for people who look at the terminal and for `parley doctor`. What only
an engine can know (a voice of an unknown name, a broken file) its lane tells when it loads.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from ..addresses import is_loopback
from ..cluster.cluster import NOT_INSTALLED, store_problem
from ..config import Settings, urls_of
from ..engines.asr.choice import choose_recognizer
from ..engines.models.folder import models_folder
from ..engines.pools.opening import names_of
from ..engines.tts.choice import piper_voice
from ..engines.tts.piper import missing as missing_for_piper
from ..recording.archive import NOT_INSTALLED as NO_OBSTORE
from ..recording.archive import archive_problem
from .tracing import DO, WHY, can_trace

RECOGNIZER_DO = {
    "moonshine": "`parley models pull moonshine-tiny`; or set STREAM_ASR_ENGINE=pocketsphinx",
    "whisper": "see `parley models list`; or set STREAM_ASR_ENGINE=pocketsphinx",
}
VOICE_DO = "set STREAM_TTS_ENGINE=pyttsx3"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartProblem:
    """`what` cannot work, `why`, and what to `do`."""

    what: str
    why: str
    do: str

    def line(self) -> str:
        return f"{self.what}: {self.why}; {self.do}"


def start_problems(settings: Settings, own: Collection[str] = ()) -> list[StartProblem]:
    """Of the engines that the settings choose, but for the kinds ("asr", "tts", "llm") that are the
    embedder's `own`, and of the folders that will be written. Takes milliseconds; touches no
    network."""
    problems: list[StartProblem] = []
    for kind, look in (("asr", _recognizer), ("tts", _voice), ("llm", _model)):
        if kind not in own:
            problems += look(settings)
    for more in (_pools(settings, own), _tools(settings), _store(settings), _traces(settings)):
        problems += more
    return [*problems, *_folders(settings)]


def _recognizer(settings: Settings) -> Iterator[StartProblem]:
    """Where one was asked for by name: `auto` takes what is there."""
    transcribing = settings.transcribing
    if transcribing.engine in RECOGNIZER_DO and not transcribing.may_download:
        choice = choose_recognizer(transcribing)
        if choice.model is None:
            why, do = choice.problem, RECOGNIZER_DO[choice.engine]
            yield StartProblem(what="recognizer", why=why, do=do)


def _voice(settings: Settings) -> Iterator[StartProblem]:
    speaking = settings.speaking
    if speaking.engine == "piper" and (why := missing_for_piper(piper_voice(speaking))):
        yield StartProblem(what="voice", why=why, do=f"or {VOICE_DO}")


def _model(settings: Settings) -> Iterator[StartProblem]:
    answering = settings.answering
    if answering.engine != "gguf":
        return
    if answering.gguf is not None and not Path(answering.gguf).expanduser().is_file():
        why = f"{answering.gguf} is not there"
        yield StartProblem(what="model", why=why, do="mend STREAM_GGUF_MODEL")
    if find_spec("xllamacpp") is None:
        why = "xllamacpp is not installed"
        yield StartProblem(what="model", why=why, do="pip install 'parley-voice[gguf]'")


def _pools(settings: Settings, own: Collection[str]) -> Iterator[StartProblem]:
    """Each server of a pool that cannot be asked, whoever runs there."""
    transcribing, answering, speaking = (
        settings.transcribing,
        settings.answering,
        settings.speaking,
    )
    asked = {
        "asr": ("OPENAI_ASR_BASE_URL", transcribing.engine, transcribing.base_url),
        "llm": ("OPENAI_BASE_URL", answering.engine, answering.base_url),
        "tts": ("OPENAI_TTS_BASE_URL", speaking.engine, speaking.base_url),
    }
    for kind, (variable, engine, listed) in asked.items():
        urls = urls_of(listed)
        if engine != "openai" or kind in own or len(urls) < 2:
            continue
        for url, name in zip(urls, names_of(urls), strict=True):
            if _is_this_server(settings, url):
                why, do = "it is this server itself", f"take it out of {variable}"
                yield StartProblem(what=f"{kind} at {name}", why=why, do=do)


def _is_this_server(settings: Settings, url: str) -> bool:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return is_loopback(parts.hostname or "") and port == settings.serving.port


def _tools(settings: Settings) -> Iterator[StartProblem]:
    if settings.acting.mcp_servers and find_spec("mcp") is None:
        why = "mcp is not installed"
        yield StartProblem(what="MCP servers", why=why, do="pip install 'parley-voice[mcp]'")


def _store(settings: Settings) -> Iterator[StartProblem]:
    why = store_problem(settings.clustering)
    if why == NOT_INSTALLED:
        why, _, do = why.partition(": ")
        yield StartProblem(what="store", why=why, do=do)
    elif why is not None:
        yield StartProblem(what="store", why=why, do="this server shares nothing with others")


def _traces(settings: Settings) -> Iterator[StartProblem]:
    if settings.observing.traces and not can_trace():
        yield StartProblem(what="traces", why=WHY, do=DO)


def _folders(settings: Settings) -> Iterator[StartProblem]:
    recording = settings.recording.folder
    if recording is not None and (why := cannot_write(Path(recording).expanduser())):
        do = "nothing is recorded; mend STREAM_RECORD_DIR or the folder's rights"
        yield StartProblem(what="recordings", why=why, do=do)
    if why := archive_problem(settings.recording.archive):
        why, _, do = why.partition(": ") if why == NO_OBSTORE else (why, "", "")
        do = do or "recordings stay on this machine; mend STREAM_RECORD_ARCHIVE"
        yield StartProblem(what="archive of recordings", why=why, do=do)
    elif settings.recording.archive and not recording and not settings.recording.on_request:
        why, do = "nothing is recorded that could be put there", "set STREAM_RECORD_DIR"
        yield StartProblem(what="archive of recordings", why=why, do=do)
    if settings.transcribing.may_download:
        models = models_folder(settings.transcribing.models_dir)
        if why := cannot_write(models):
            do = "mend PARLEY_MODELS_DIR or the folder's rights"
            yield StartProblem(what="models", why=why, do=do)
    try:
        with tempfile.TemporaryFile():
            pass
    except OSError as error:
        why = f"no temporary folder can be written ({error.strerror or error})"
        do = "recordings that are uploaded are refused; set TMPDIR"
        yield StartProblem(what="uploads", why=why, do=do)


def cannot_write(folder: Path) -> str | None:
    """Why nothing can be put there, also where it would have to be made first; None: it can."""
    at = folder
    while not at.exists():
        if at == at.parent or at.is_symlink():
            return f"{folder} cannot be made"
        at = at.parent
    if not at.is_dir():
        return f"{at} is no folder"
    if not os.access(at, os.W_OK | os.X_OK):
        return f"{at} cannot be written"
    try:
        if at == folder:
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        return f"{folder} cannot be written ({error.strerror or error})"
    return None
