"""What every section of the report is built from: figures with captions, tables, heat maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..result import Spread
from ..stored import spread_in
from .markup import Markup, el
from .scales import figure

UNITS = {
    "_ms_per_s": "ms per s",
    "_ms": "ms",
    "_us": "µs",
    "_s": "s",
    "_mb": "MB",
    "_hz": "Hz",
    "_per_min": "per min",
}
"""By the ending of a key."""

WORDS = {"rtf": "real-time factor", "wer": "word error rate", "cpu": "CPU"}
"""What short names in keys mean."""

HOW_STRIPS = "Line: least to p99; bar: the middle half; stroke: median; dot: p95."

HEATS = 9
"""Classes q0 to q9 of the style sheet, from nothing to the worst."""


def framed(title: str, words: str, *content: Markup, wide: bool = False) -> Markup:
    """A plot or table with what it shows; `wide` takes the page's whole width."""
    caption = el("figcaption", el("b", title), " ", words)
    return el("figure", caption, *content, class_="wide" if wide else None)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> Markup:
    """The first `texts` columns are words, the others figures."""
    kinds = [None if column < texts else "num" for column in range(len(head))]
    top = el("tr", *(el("th", h, class_=k) for h, k in zip(head, kinds, strict=True)))
    body = [
        el("tr", *(el("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    return el("div", el("table", el("thead", top), el("tbody", *body)), class_="scroll")


def heat_map(
    lines: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[str, str], float | None],
    *,
    shown: Callable[[float], str],
    badness: Callable[[float], float],
) -> Markup:
    """A cell per line and column, the deeper coloured the worse: `badness` is 0 to 1."""

    def cell(value: float | None) -> Markup:
        if value is None:
            return el("td", "-", class_="num")
        heat = round(HEATS * min(1.0, max(0.0, badness(value))))
        return el("td", shown(value), class_=f"num q{heat}")

    top = el("tr", el("th"), *(el("th", column, class_="num") for column in columns))
    body = [
        el("tr", el("th", line), *(cell(cells.get((line, column))) for column in columns))
        for line in lines
    ]
    heat = el("table", el("thead", top), el("tbody", *body), class_="heat")
    return el("div", heat, class_="scroll")


def folded(summary: str, content: Markup) -> Markup:
    return el("details", el("summary", summary), content)


def spreads_table(named: Sequence[tuple[str, Spread]], first: str, unit: str) -> Markup:
    """Count, median, p95, p99 and the most of each."""
    rows = [
        [name, f"{found.count:,}".replace(",", "\u2009"), *map(figure, _figures(found))]
        for name, found in named
    ]
    return table(
        [f"{first}, {unit}" if unit else first, "count", "median", "p95", "p99", "most"], rows
    )


def _figures(found: Spread) -> tuple[float | None, ...]:
    return (found.median, found.p95, found.p99, found.most)


def plain(row: dict[str, Any], key: str) -> str:
    """Anything in a row as a cell: figures, words, a distribution as its median and p95."""
    value = row.get(key)
    match value:
        case None:
            return "-"
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return figure(float(value)) if abs(value) < 1e15 else "…"
        case list() if all(isinstance(item, str | int | float) for item in value):
            return ", ".join(map(str, value))
        case dict() if found := spread_in(row, key):
            return f"{figure(found.median)} / {figure(found.p95)}"
    return "…" if value else "-"


def unit_of(key: str) -> str:
    """The unit in a key's name: `final_ms` is in ms."""
    return next((unit for ending, unit in UNITS.items() if key.endswith(ending)), "")


def name_of(key: str) -> str:
    """A key as words, without its unit."""
    ending = next((ending for ending in UNITS if key.endswith(ending)), "")
    words = key.removesuffix(ending).split("_")
    return " ".join(WORDS.get(word, word) for word in words)


def whole(value: float | None) -> float | None:
    """Milliseconds as a person wants them: one decimal below 10, none above."""
    return value if value is None else round(value, 1 if abs(value) < 10 else None)
