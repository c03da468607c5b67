"""Rows drawn by what they hold, for benches that have no section of their own.

Words are labels. Where rows carry a length of audio, medians are curves over it; several figures
of one unit are bars beside each other; a distribution that stands alone is a strip. Rows that name
their `kind` are drawn kind by kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from ..stored import Stored, number, spread_in, text
from .figures import HOW_STRIPS, framed, name_of, plain, table, unit_of
from .markup import Markup, el, join
from .plots import Bar, Series, bars, curves, strips
from .scales import figure

Rows: TypeAlias = Sequence[dict[str, Any]]

KIND = "kind"
LENGTH = "audio_s"
MOST = 24
"""Marks in one plot; what is beyond stands in the table alone."""
PLOTS = 8
LABELS = 3
COSTS = ("_ms", "_us", "_mb", "_per_s", "rtf", "wer")
"""How keys end whose figures are worth a plot."""


def generic(result: Stored) -> Markup:
    kinds = list(dict.fromkeys(text(row, KIND) for row in result.rows))
    return join(
        *(
            join(
                el("h3", kind.capitalize()) if kind and len(kinds) > 1 else None,
                _drawn([row for row in result.rows if text(row, KIND) == kind]),
            )
            for kind in kinds
        )
    )


def _drawn(rows: Rows) -> Markup:
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key != KIND]
    words = [key for key in keys if any(isinstance(row.get(key), str) for row in rows)]
    measured = [key for key in keys if _is_measured(rows, key)]
    varied = [key for key in keys if key not in measured and _varies(rows, key)]
    told_apart = len({_label(row, words) for row in rows}) == len(rows)
    labels = words if told_apart else [*words, *varied]
    parts: list[Markup | None]
    if LENGTH in varied:
        parts = [_curves(rows, key, words) for key in measured[:PLOTS]]
    else:
        units = list(dict.fromkeys(map(unit_of, measured)))
        alike = [[key for key in measured if unit_of(key) == unit] for unit in units]
        parts = [_compared(rows, same, labels) for same in alike[:PLOTS]]
    return join(*parts, _table(rows, keys, words))


def _is_measured(rows: Rows, key: str) -> bool:
    if any(spread_in(row, key) for row in rows):
        return True
    return key.endswith(COSTS) and any(number(row, key) is not None for row in rows)


def _compared(rows: Rows, keys: Sequence[str], labels: Sequence[str]) -> Markup | None:
    """Figures of one unit: a strip for each row where it is one distribution, bars otherwise."""
    unit = unit_of(keys[0])
    title = ", ".join(map(name_of, keys)).capitalize()
    if len(keys) == 1 and (found := _spreads(rows, keys[0], labels)):
        return framed(title, HOW_STRIPS, strips(found[:MOST], title, unit))
    items = [
        Bar(
            " · ".join(filter(None, (_label(row, labels), name_of(key)))),
            0,
            value,
            _with(value, unit),
            colour,
        )
        for row in rows
        for colour, key in enumerate(keys)
        if (value := _middle(row, key)) is not None
    ]
    return framed(title, "Medians.", bars(items[:MOST], title, unit)) if items else None


def _curves(rows: Rows, key: str, words: Sequence[str]) -> Markup | None:
    """Over the length of the audio, a curve for each combination of words."""
    series: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        at, value = number(row, LENGTH), _middle(row, key)
        if at is not None and value is not None:
            series.setdefault(_label(row, words), []).append((at, value))
    if not series:
        return None
    drawn = [Series(label or name_of(key), points) for label, points in series.items()]
    unit = unit_of(key)
    title = f"{name_of(key)}, {unit}" if " per " in unit else name_of(key)
    title = title[:1].upper() + title[1:]
    words_of = ", ".join(label for label in series if label) if len(series) == 1 else ""
    about = f"By length of audio. {words_of}".strip()
    return framed(title, about, curves(drawn[:MOST], title, "s of audio", unit))


def _table(rows: Rows, keys: Sequence[str], words: Sequence[str]) -> Markup | None:
    told = [key for key in keys if {plain(row, key) for row in rows} - {"\u2026", "-"}]
    told.sort(key=lambda key: key not in words)
    if not told:
        return None
    head = [" ".join(filter(None, (name_of(key), unit_of(key)))) for key in told]
    lines = [[plain(row, key) for key in told] for row in rows]
    about = "Distributions as median / p95." if any(_spreads(rows, key, ()) for key in told) else ""
    texts = sum(key in words for key in told)
    return framed("Figures", about, table(head, lines, texts=texts), wide=True)


def _spreads(rows: Rows, key: str, labels: Sequence[str]) -> list[Any]:
    return [(_label(row, labels), found) for row in rows if (found := spread_in(row, key))]


def _middle(row: dict[str, Any], key: str) -> float | None:
    found = spread_in(row, key)
    return found.median if found else number(row, key)


def _label(row: dict[str, Any], keys: Sequence[str]) -> str:
    """What tells this row from others: its words, and its figures that vary."""
    parts = []
    for key in keys:
        value = number(row, key)
        if value is not None:
            parts.append(f"{name_of(key)} {_with(value, unit_of(key))}")
        elif text(row, key):
            parts.append(text(row, key))
    return " · ".join(parts[:LABELS])


def _with(value: float, unit: str) -> str:
    return f"{figure(value)} {unit}".strip()


def _varies(rows: Rows, key: str) -> bool:
    return len({number(row, key) for row in rows} - {None}) > 1
