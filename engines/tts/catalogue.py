"""The voices that can speak here, and those that can be had: for people who choose one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...config import Speaking
from ..models.folder import models_folder
from ..models.packaged import JOE
from . import kokoro
from .choice import choose_voice, piper_voice
from .espeak_languages import espeak_languages, voice_of
from .kokoro_worker import LANGUAGES as KOKORO_LANGUAGES
from .piper import missing as piper_missing

KOKORO_NAME = re.compile(r"[abefhijpz][fm]_[a-z0-9]+")
"""Language, woman or man, name: af_heart."""

HERE = "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownVoice:
    """`state` is HERE, or what is missing and how to have it. `chosen`: it speaks now."""

    name: str
    engine: str
    language: str
    licence: str
    state: str
    chosen: bool = False

    def speaks(self, language: str) -> bool:
        """Whether it speaks a language: "en" holds en-gb too; an empty one is any."""
        wanted = language.strip().lower()
        return not wanted or wanted in (self.language, self.language.split("-")[0])


def known_voices(speaking: Speaking) -> list[KnownVoice]:
    """The best to listen to first, eSpeak NG's last."""
    engine, _ = choose_voice(speaking)
    return [
        *_piper(speaking, engine),
        *_kokoro(speaking, engine),
        *_openai(speaking, engine),
        *_espeak(speaking, engine),
    ]


def settings_of(name: str, models_dir: str | None = None) -> dict[str, object]:
    """The settings by which this voice speaks, for one that a person named. `models_dir` is as it
    was set."""
    name = name.strip()
    if name.lower() == JOE.name:
        folder = models_folder(models_dir)
        # By its path, so that it speaks where another voice is set. Where it is not here, who opens
        # it says how to have it.
        path = str(JOE.path_of(JOE.files[0], folder)) if JOE.lies_in(folder) else None
        return {"stream_tts_engine": "piper", "stream_piper_voice": path}
    if name.endswith(".onnx"):
        return {"stream_tts_engine": "piper", "stream_piper_voice": name}
    if KOKORO_NAME.fullmatch(name):
        return {"stream_tts_engine": "kokoro", "stream_kokoro_voice": name}
    return {"stream_tts_engine": "pyttsx3", "stream_tts_voice": name}


def _piper(speaking: Speaking, engine: str) -> Iterator[KnownVoice]:
    models_dir = models_folder(speaking.models_dir)
    here = JOE.lies_in(models_dir)
    path = str(JOE.path_of(JOE.files[0], models_dir))
    spoken = piper_voice(speaking) if engine == "piper" else None
    yield KnownVoice(
        name=JOE.name,
        engine="piper",
        language="en-us",
        licence="MIT as packaged",
        state=(piper_missing(path) or HERE) if here else f"`parley voices pull {JOE.name}`",
        chosen=spoken == path,
    )
    own = speaking.piper_voice
    if own is not None:
        yield KnownVoice(
            name=Path(own).stem,
            engine="piper",
            language=Path(own).stem.partition("-")[0].replace("_", "-").lower(),
            licence="see its model card",
            state=piper_missing(own) or HERE,
            chosen=spoken == own,
        )


def _kokoro(speaking: Speaking, engine: str) -> Iterator[KnownVoice]:
    state = kokoro.missing(speaking) or HERE
    names = (speaking.kokoro_voice, *kokoro.SOME_VOICES)
    for name in dict.fromkeys(names) if state == HERE else names[:1]:
        yield KnownVoice(
            name=name,
            engine="kokoro",
            language=KOKORO_LANGUAGES.get(name[:1], "en-us"),
            licence="Apache-2.0",
            state=state,
            chosen=engine == "kokoro" and name == speaking.kokoro_voice,
        )


def _openai(speaking: Speaking, engine: str) -> Iterator[KnownVoice]:
    if speaking.base_url is not None or speaking.api_key is not None:
        yield KnownVoice(
            name=speaking.model_voice,
            engine="openai",
            language="any",
            licence="the service's terms",
            state="a service: what is said is sent to it",
            chosen=engine == "openai",
        )


def _espeak(speaking: Speaking, engine: str) -> Iterator[KnownVoice]:
    chosen = speaking.voice or voice_of(speaking.language) or "en-gb"
    for name in espeak_languages():
        yield KnownVoice(
            name=name,
            engine="pyttsx3",
            language=name,
            licence="GPL-3.0-or-later",
            state=HERE,
            chosen=engine == "pyttsx3" and name == chosen,
        )
