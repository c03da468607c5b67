"""Which bench is drawn by what, and what is said of it first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ..stored import Stored, number, spread_in, text
from .detectors import vad
from .figures import whole
from .generic import generic
from .loads import sessions
from .markup import Markup
from .scales import figure
from .turns import turn

Headline: TypeAlias = tuple[str, str, str]
"""A figure, its unit, and what it is of."""

SECTIONS: dict[str, tuple[str, Callable[[Stored], Markup]]] = {
    "turn": ("Turns", turn),
    "sessions": ("Sessions at once", sessions),
    "asr": ("Recognition", generic),
    "vad": ("Detectors of speech", vad),
}
"""By bench: its title and what draws it, in the order of the page."""

OF_A_TURN = (
    ("first partial after the onset of speech, median", "first_partial_ms"),
    ("final after the last word, median", "final_ms"),
    ("first reply audio after the last word, median", "first_audio_ms"),
)


def headlines(result: Stored) -> list[Headline]:
    """What to say of this result before everything else."""
    if not result.rows:
        return []
    row = result.rows[-1]
    match result.bench:
        case "turn":
            return [
                (figure(whole(found.median)), "ms", words)
                for words, key in OF_A_TURN
                if (found := spread_in(row, key))
            ]
        case "sessions" if (cost := number(row, "core_per_session")) is not None:
            words = f"per session, with {text(row, 'sessions')} at once"
            return [(figure(100 * cost), "% of a core", words)]
    return []
