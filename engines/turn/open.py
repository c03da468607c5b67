"""Which end-of-turn engines there are. A further one is one file in this folder and one line in
TURN_ENDS."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ...config import Turning
from ..lanes.lane import Lane, LanePool
from .choice import choose_turn_end
from .combined import TextAndAudio
from .fallback import WithFallback
from .fixed import FixedTurnEnd
from .interface import TurnEndEngine
from .smart_turn import SmartTurnEnd
from .smart_turn import loader as smart_turn_loader
from .text import TextTurnEnd

TURN_LANE = "turn-1"
"""One is enough: it is asked at pauses, for some 30 ms."""

TurnEnd: TypeAlias = tuple[TurnEndEngine, tuple[Lane, ...]]
"""What decides when a turn is over, and its lane if it has one."""


def open_turn_end(turning: Turning, own: TurnEndEngine | None) -> TurnEnd:
    """As the settings ask for, or the embedder's own."""
    if own is not None:
        return own, ()
    engine, _ = choose_turn_end(turning)
    return TURN_ENDS[engine](turning)


def _text(turning: Turning) -> TurnEnd:
    return TextTurnEnd(turning.language), ()


def _smart_turn(turning: Turning) -> TurnEnd:
    if turning.model is None:
        return _text(turning)
    lane = Lane(TURN_LANE, smart_turn_loader(turning.model))
    words = TextTurnEnd(turning.language)
    return WithFallback(SmartTurnEnd(LanePool((lane,))), words), (lane,)


def _both(turning: Turning) -> TurnEnd:
    if turning.model is None:
        return _text(turning)
    lane = Lane(TURN_LANE, smart_turn_loader(turning.model))
    sound = SmartTurnEnd(LanePool((lane,)), sharpness=1.0)
    return TextAndAudio(TextTurnEnd(turning.language), sound), (lane,)


TURN_ENDS: dict[str, Callable[[Turning], TurnEnd]] = {
    "fixed": lambda turning: (FixedTurnEnd(), ()),
    "text": _text,
    "smart-turn": _smart_turn,
    "both": _both,
}
