"""The section of `parley bench turn`: a turn by its stages."""

from __future__ import annotations

from typing import Any

from ..result import Spread
from ..stored import Stored, dicts, number, spread_in, text
from ..turn import LINES, STAGES
from .figures import HOW_STRIPS, folded, framed, spreads_table, table, whole
from .markup import Markup, join
from .plots import Bar, bars, distributions, strips
from .scales import figure


def turn(result: Stored) -> Markup:
    return join(*(_row(row) for row in result.rows))


def _row(row: dict[str, Any]) -> Markup:
    since_the_end = _found(row, [(name, key) for name, key in STAGES])
    alone = _found(
        row,
        [
            (f"{name}, since {since}", key)
            for name, key, since in LINES
            if key in ("partial_lag_ms", "first_partial_ms") or key.endswith("_took_ms")
        ],
    )
    return join(
        _waterfall(row),
        framed("Each for itself", HOW_STRIPS, strips(alone, "Spread of each stage", "ms"))
        if alone
        else None,
        framed(
            "When it came",
            "The share of turns in which it had come, by time after the last speech sample.",
            distributions(since_the_end, "Distributions of the stages' times", "ms"),
        )
        if since_the_end
        else None,
        _figures(row),
        _each(row),
    )


def _found(row: dict[str, Any], named: list[tuple[str, str]]) -> list[tuple[str, Spread]]:
    return [(name, found) for name, key in named if (found := spread_in(row, key))]


def _waterfall(row: dict[str, Any]) -> Markup | None:
    stages = [bar for stage in dicts(row.get("waterfall")) if (bar := _stage(stage))]
    if not stages:
        return None
    return framed(
        "A turn, stage by stage",
        "Medians, from the moment the last speech sample was sent.",
        bars(stages, "Waterfall of a turn", "ms after the last speech sample"),
    )


def _stage(stage: dict[str, Any]) -> Bar | None:
    begin, end = number(stage, "from_ms"), number(stage, "to_ms")
    if begin is None or end is None:
        return None
    words = f"{figure(whole(end))} ms"
    if begin:
        words = f"+{figure(whole(end - begin))}, at {words}"
    return Bar(text(stage, "stage"), begin, end, words)


def _figures(row: dict[str, Any]) -> Markup | None:
    found = _found(row, [(f"{name}, since {since}", key) for name, key, since in LINES])
    if not found:
        return None
    words = (
        f"{text(row, 'answered')} of {text(row, 'turns')} turns were answered, "
        f"{text(row, 'word_errors')} of {text(row, 'words')} words were wrong."
    )
    return framed("Figures", words, spreads_table(found, "until", "ms"), wide=True)


def _each(row: dict[str, Any]) -> Markup | None:
    each = dicts(row.get("each"))
    if not each:
        return None
    keys = ("first_partial_ms", *(key for _, key in STAGES))
    head = ["recording", "word errors", "first partial", *(name for name, _ in STAGES)]
    lines = [
        [
            text(one, "name"),
            f"{text(one, 'word_errors')}/{text(one, 'words')}",
            *(figure(whole(number(one, key))) for key in keys),
        ]
        for one in each
    ]
    return folded("Every turn, in ms", table(head, lines))
