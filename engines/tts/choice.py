"""Which voice speaks, and why: the settings' choice, or what is there where they leave it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ...config import Speaking
from .piper import missing

Decided: TypeAlias = Literal["pyttsx3", "piper", "openai"]


def choose_voice(speaking: Speaking) -> tuple[Decided, str]:
    """The engine, and a reason where one is of interest.

    `auto` takes Piper where nothing of it is missing, else pyttsx3, and never a service: what
    costs money is asked for by name.
    """
    lacking = missing(speaking.piper_voice)
    if speaking.engine == "auto":
        if lacking is None:
            return "piper", "auto: its voice is there"
        return "pyttsx3", f"auto: {lacking}"
    if speaking.engine == "pyttsx3" and speaking.piper_voice is not None:
        ready = lacking or "ready with STREAM_TTS_ENGINE=auto"
        return "pyttsx3", f"as set; piper: {ready}"
    return speaking.engine, ""
