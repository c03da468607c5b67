"""Which voice speaks, and why: the settings' choice, or what is there where they leave it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ...config import Speaking
from ..models.folder import models_folder
from ..models.packaged import JOE
from .piper import missing

Decided: TypeAlias = Literal["pyttsx3", "piper", "kokoro", "openai"]

JOES_LANGUAGES = ("en", "auto")
"""Where the language is found out, Joe speaks English, and another voice the others."""


def piper_voice(speaking: Speaking) -> str | None:
    """The path of piper's voice: the one that is set, or the one that came in a package; None where
    there is neither. The packaged one speaks English, and only where nobody asked for a voice of
    pyttsx3's."""
    if speaking.piper_voice is not None:
        return speaking.piper_voice
    models_dir = models_folder(speaking.models_dir)
    asked = speaking.engine == "piper" or (
        speaking.voice is None and speaking.language in JOES_LANGUAGES
    )
    return str(JOE.path_of(JOE.files[0], models_dir)) if asked and JOE.lies_in(models_dir) else None


def choose_voice(speaking: Speaking) -> tuple[Decided, str]:
    """The engine, and a reason where one is of interest.

    `auto` takes Piper where nothing of it is missing, else pyttsx3, and never a service: what
    costs money is asked for by name.
    """
    lacking = missing(piper_voice(speaking))
    if speaking.engine == "auto":
        if lacking is None:
            return "piper", "auto: its voice is here"
        return "pyttsx3", f"auto: {lacking}"
    if speaking.engine == "pyttsx3" and speaking.piper_voice is not None:
        ready = lacking or "ready with STREAM_TTS_ENGINE=auto"
        return "pyttsx3", f"as set; piper: {ready}"
    return speaking.engine, ""
