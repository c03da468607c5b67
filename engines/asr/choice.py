"""Which ear hears, and why: the settings' choice, or the best that is there where they leave it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ...config import Transcribing
from .model_store import ModelProblem, models_folder, ready_model

Decided: TypeAlias = Literal["whisper", "pocketsphinx", "openai"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarChoice:
    engine: Decided
    why: str = ""
    """Of interest where the settings left the choice."""
    model: Path | None = None
    """Whisper's folder, where it is usable."""
    problem: str = ""
    """Why Whisper's model is not usable, and what to do."""


def choose_ear(transcribing: Transcribing) -> EarChoice:
    """`auto` takes Whisper where its model is on disk and whole, else pocketsphinx, which needs
    none; never a service: what costs money is asked for by name. Touches no network."""
    if transcribing.engine in ("pocketsphinx", "openai"):
        return EarChoice(engine=transcribing.engine)
    name = transcribing.whisper_model
    try:
        model = ready_model(name, models_folder(transcribing.models_dir))
    except (ModelProblem, ValueError) as problem:
        if transcribing.engine == "whisper":
            return EarChoice(engine="whisper", problem=str(problem))
        why = f"auto: Whisper's {name} is not usable here"
        return EarChoice(engine="pocketsphinx", why=why, problem=str(problem))
    why = f"auto: {name} is on disk" if transcribing.engine == "auto" else name
    return EarChoice(engine="whisper", why=why, model=model)
