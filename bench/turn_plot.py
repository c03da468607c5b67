"""The curves of `parley bench turn-ends` and `talk-over` as one SVG file: turns cut off, or answers
too soon, by the median delay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .page.markup import Markup, el, join, raw
from .page.scales import Scale, labels, scale
from .result import Result

WIDTH, HEIGHT = 640.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 150.0, 40.0, 340.0
COLOURS = ("#777777", "#1f6fb4", "#7fb4e0", "#d1701a", "#2f8f4e")
STYLE = (
    "text{font:13px sans-serif;fill:#333}line{stroke:#ddd}polyline{fill:none;stroke-width:2}"
    ".end{text-anchor:end}.middle{text-anchor:middle}"
)


def svg_of(result: Result) -> str:
    """Of the half that the windows were not chosen on; marks that are ringed are the defaults."""
    return _svg(result, "turns cut off, %; rings: the default windows", "turns", 100)


def talk_over_svg(result: Result) -> str:
    """Answers that began too soon, per minute of speech."""
    return _svg(result, "answers too soon per minute; rings: the defaults", "minutes", 1)


def _svg(result: Result, name: str, of: str, times: int) -> str:
    """`times` `cut` of each row by its `of`."""

    def share(row: dict[str, Any]) -> float:
        return float(times * row["cut"] / row[of])

    rows = [row for row in result.rows if row["half"] == "report" and row["turns"]]
    engines = list(dict.fromkeys(row["engine"] for row in rows))
    x = scale([row["delay_ms"].median or 0.0 for row in rows], LEFT, WIDTH - RIGHT)
    y = scale([share(row) for row in rows], BOTTOM, TOP)
    parts = [_axes(x, y, name)]
    for number, engine in enumerate(engines):
        own = [row for row in rows if row["engine"] == engine]
        placed = [(x(row["delay_ms"].median or 0.0), y(share(row)), row) for row in own]
        parts.append(_curve(placed, COLOURS[number % len(COLOURS)], engine, number))
    box = f"0 0 {WIDTH:.0f} {HEIGHT:.0f}"
    head = el("rect", width=WIDTH, height=HEIGHT, fill="#ffffff")
    style = el("style", raw(STYLE))
    svg = el("svg", style, head, *parts, viewBox=box, xmlns="http://www.w3.org/2000/svg")
    return f"{svg}\n"


def _curve(
    placed: Sequence[tuple[float, float, dict[str, Any]]], colour: str, engine: str, number: int
) -> Markup:
    line = sorted((px, py) for px, py, row in placed if row["point"] == "chosen")
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in line)
    marks = [
        el(
            "circle",
            cx=px,
            cy=py,
            r=6 if row["point"] == "default" else 3,
            fill="none" if row["point"] == "default" else colour,
            stroke=colour,
            stroke_width=2,
        )
        for px, py, row in placed
    ]
    at = TOP + 20 * number
    key = el("circle", cx=WIDTH - RIGHT + 20, cy=at, r=5, fill=colour)
    name = el("text", engine, x=WIDTH - RIGHT + 32, y=at + 4)
    return join(el("polyline", points=path, stroke=colour), *marks, key, name)


def _axes(x: Scale, y: Scale, name: str) -> Markup:
    across = [el("line", x1=x(t), x2=x(t), y1=TOP, y2=BOTTOM) for t in x.ticks]
    up = [el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(t), y2=y(t)) for t in y.ticks]
    below = [
        el("text", label, x=x(t), y=BOTTOM + 18, class_="middle")
        for t, label in zip(x.ticks, labels(x.ticks), strict=True)
    ]
    beside = [
        el("text", label, x=LEFT - 6, y=y(t) + 4, class_="end")
        for t, label in zip(y.ticks, labels(y.ticks), strict=True)
    ]
    middle = (x.start + x.end) / 2
    names = [
        el("text", "median delay, ms", x=middle, y=BOTTOM + 40, class_="middle"),
        el("text", name, x=8, y=20),
    ]
    return join(*across, *up, *below, *beside, *names)
