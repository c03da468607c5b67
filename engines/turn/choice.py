"""What decides when a turn is over: the settings' choice, or the best that needs no file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from ...config import Turning
from ..models.folder import models_folder
from ..models.packaged import SMART_TURN
from .text import TextTurnEnd

Decided: TypeAlias = Literal["fixed", "text", "smart-turn", "both"]


def choose_turn_end(turning: Turning) -> tuple[Decided, str]:
    """The engine, and a reason where one is of interest. What lacks its file is replaced by the
    words' own engine; a file that is there and broken is found out when its lane loads it."""
    has_table = TextTurnEnd(turning.language).has_table
    if turning.engine == "auto":
        if has_table:
            return "text", "auto: needs no model"
        return "fixed", f"auto: no table for the language {turning.language!r}"
    if turning.engine in ("smart-turn", "both"):
        lacking = missing(turn_model(turning))
        if lacking is not None:
            return "text" if has_table else "fixed", f"{turning.engine}: {lacking}"
    if turning.engine == "text" and not has_table:
        return "fixed", f"text: no table for the language {turning.language!r}"
    return turning.engine, ""


def turn_model(turning: Turning) -> str | None:
    """The path of Smart Turn's model: the one that is set, or the one that came in a package; None
    where there is neither."""
    if turning.model is not None:
        return turning.model
    models_dir = models_folder(turning.models_dir)
    return str(SMART_TURN.place(models_dir)) if SMART_TURN.lies_in(models_dir) else None


def missing(path: str | None) -> str | None:
    """Why Smart Turn cannot be used, as far as one can see without loading it; None where it may
    be."""
    if path is None:
        return "its model is not here; `parley models pull smart-turn`, or set STREAM_TURN_MODEL"
    return None if Path(path).is_file() else f"{path} is not there"
