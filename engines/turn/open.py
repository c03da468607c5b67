"""Which end-of-turn engine the settings ask for, and its lane if it has one.

A further engine is one file in this folder and one line in TURN_ENDS (and its name in the
settings' `TurnEngine`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...config import Settings, Turning
from ..lanes.lane import Lane
from ..lanes.pool import LanePool
from .choice import choose_turn_end, turn_model
from .combined import TextAndAudio
from .fallback import WithFallback
from .fixed import FixedTurnEnd
from .interface import TurnEndEngine
from .smart_turn import SmartTurnEnd, loader
from .text import TextTurnEnd

TURN_LANE = "turn-1"
"""One lane is enough: it is asked at pauses, for some 30 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnd:
    """What decides when a turn is over. Only an engine with a model has a lane."""

    engine: TurnEndEngine
    lanes: tuple[Lane, ...] = ()


def _by_sound(turning: Turning) -> TurnEnd:
    lane = _model_lane(turning)
    judge = SmartTurnEnd(LanePool((lane,)))
    return TurnEnd(engine=WithFallback(judge, TextTurnEnd(turning.language)), lanes=(lane,))


def _by_both(turning: Turning) -> TurnEnd:
    lane = _model_lane(turning)
    judge = SmartTurnEnd(LanePool((lane,)), sharpness=1.0)
    return TurnEnd(engine=TextAndAudio(TextTurnEnd(turning.language), judge), lanes=(lane,))


def _model_lane(turning: Turning) -> Lane:
    # Without a model `choose_turn_end` has chosen another engine; no path would be a load error.
    return Lane(TURN_LANE, loader(turn_model(turning) or ""))


TURN_ENDS: dict[str, Callable[[Turning], TurnEnd]] = {
    "fixed": lambda turning: TurnEnd(engine=FixedTurnEnd()),
    "text": lambda turning: TurnEnd(engine=TextTurnEnd(turning.language)),
    "smart-turn": _by_sound,
    "both": _by_both,
}


def open_turn_end(settings: Settings, own: TurnEndEngine | None = None) -> TurnEnd:
    """The embedder's own engine, or the one of the settings."""
    if own is not None:
        return TurnEnd(engine=own)
    engine, _ = choose_turn_end(settings.turning)
    return TURN_ENDS[engine](settings.turning)


def chosen_name(settings: Settings) -> str:
    """The engine's name, and why it was chosen where the settings left that open."""
    engine, why = choose_turn_end(settings.turning)
    return f"{engine} ({why})" if why else engine
