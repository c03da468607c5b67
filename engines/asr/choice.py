"""Which recognizer is used, and why: the one of the settings, or the best that is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ...config import Transcribing
from ..models.folder import models_folder
from ..models.packaged import MOONSHINE_TINY
from .model_store import ModelProblem, ready_model
from .moonshine import ready_moonshine

Decided: TypeAlias = Literal["moonshine", "whisper", "pocketsphinx", "openai"]

ENGLISH = "en"
"""The one language that Moonshine's model knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizerChoice:
    engine: Decided
    why: str = ""
    """Of interest where the settings left the choice."""
    model: Path | None = None
    """The model's folder, where it is usable."""
    problem: str = ""
    """Why a better recognizer's model is not usable, and what to do."""


def choose_recognizer(transcribing: Transcribing) -> RecognizerChoice:
    """`auto` takes Moonshine where English is spoken and its model is here, else Whisper where its
    model is on disk and whole, else pocketsphinx, which needs none; never a service: what costs
    money is asked for by name. Touches no network."""
    match transcribing.engine:
        case "pocketsphinx" | "openai":
            return RecognizerChoice(engine=transcribing.engine)
        case "moonshine":
            return _moonshine(transcribing)
        case "whisper":
            return _whisper(transcribing)
    if transcribing.language == ENGLISH and _has_moonshine(transcribing):
        return RecognizerChoice(engine="moonshine", why="auto: its model is here")
    whisper = _whisper(transcribing)
    if whisper.model is not None:
        return whisper
    why = f"Whisper's {transcribing.whisper_model} is not usable here"
    problem = whisper.problem
    if transcribing.language == ENGLISH:
        why = f"no Moonshine model is here, and {why}"
        problem = f"`parley models pull {MOONSHINE_TINY.name}`, or: {problem}"
    return RecognizerChoice(engine="pocketsphinx", why=f"auto: {why}", problem=problem)


def _has_moonshine(transcribing: Transcribing) -> bool:
    """Quickly: its lanes check every byte."""
    if transcribing.moonshine_model is not None:
        return True
    return MOONSHINE_TINY.lies_in(models_folder(transcribing.models_dir))


def _moonshine(transcribing: Transcribing) -> RecognizerChoice:
    try:
        model = ready_moonshine(transcribing.moonshine_model, transcribing.models_dir)
    except ModelProblem as problem:
        return RecognizerChoice(engine="moonshine", problem=str(problem))
    return RecognizerChoice(engine="moonshine", model=model)


def _whisper(transcribing: Transcribing) -> RecognizerChoice:
    name = transcribing.whisper_model
    try:
        model = ready_model(name, models_folder(transcribing.models_dir))
    except (ModelProblem, ValueError) as problem:
        return RecognizerChoice(engine="whisper", problem=str(problem))
    why = f"auto: {name} is on disk" if transcribing.engine == "auto" else name
    return RecognizerChoice(engine="whisper", why=why, model=model)
