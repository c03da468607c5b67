"""Which recognizer is used, and why: the one of the settings, or the best that is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ...config import Transcribing
from .model_store import ModelProblem, models_folder, ready_model

Decided: TypeAlias = Literal["whisper", "pocketsphinx", "openai"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizerChoice:
    engine: Decided
    why: str = ""
    """Of interest where the settings left the choice."""
    model: Path | None = None
    """Whisper's folder, where it is usable."""
    problem: str = ""
    """Why Whisper's model is not usable, and what to do."""


def choose_recognizer(transcribing: Transcribing) -> RecognizerChoice:
    """`auto` takes Whisper where its model is on disk and whole, else pocketsphinx, which needs
    none; never a service: what costs money is asked for by name. Touches no network."""
    if transcribing.engine in ("pocketsphinx", "openai"):
        return RecognizerChoice(engine=transcribing.engine)
    name = transcribing.whisper_model
    try:
        model = ready_model(name, models_folder(transcribing.models_dir))
    except (ModelProblem, ValueError) as problem:
        if transcribing.engine == "whisper":
            return RecognizerChoice(engine="whisper", problem=str(problem))
        why = f"auto: Whisper's {name} is not usable here"
        return RecognizerChoice(engine="pocketsphinx", why=why, problem=str(problem))
    why = f"auto: {name} is on disk" if transcribing.engine == "auto" else name
    return RecognizerChoice(engine="whisper", why=why, model=model)
