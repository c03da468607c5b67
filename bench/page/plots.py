"""Plots as inline SVG: drawn for a column of WIDTH units, so that a phone can show them, and
coloured by the page's style sheet alone, so that they follow light and dark.

Every plot says in words what it shows (`title`), and every mark its figures when it is pointed at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..result import Spread
from .markup import Markup, el, join
from .scales import Scale, figure, labels, log_scale, scale

WIDTH = 420.0
LEFT, RIGHT = 46.0, 12.0
CHARACTER = 6.4
"""About as wide as a letter of a label is."""
FAR_APART = 10
"""Times the least median, from which on a linear axis would show a heap at 0 and one curve."""
COUNT = "count"
"""The unit of what has no halves."""
COLOURS = 6
"""Classes s1 to s6 of the style sheet; further series begin anew."""


@dataclass(frozen=True, slots=True)
class Bar:
    """From `begin` to `end` on the axis; `colour` is a number, without one its own."""

    label: str
    begin: float
    end: float
    text: str
    colour: int | None = None


@dataclass(frozen=True, slots=True)
class Series:
    label: str
    points: Sequence[tuple[float, float]]


def distributions(named: Sequence[tuple[str, Spread]], title: str, unit: str) -> Markup:
    """Cumulative shares: how much was at most so late. The axis ends with the latest p99, and is
    logarithmic where the medians are far apart."""
    top, bottom = 12.0, 236.0
    x = _of_times([found for _, found in named])
    y = Scale([0, 1], bottom, top)
    parts = [_x_axis(x, top, bottom, unit), _y_axis(y, [0, 0.25, 0.5, 0.75, 0.95], "percent")]
    for number, (label, found) in enumerate(named):
        points = _cut(_shares(found), x.high)
        words = f"{label}: median {figure(found.median)}, p95 {figure(found.p95)} {unit}"
        parts.append(_line([(x(value), y(share)) for value, share in points], number, words))
    return join(_svg(parts, bottom + 42, title), _legend([label for label, _ in named]))


def strips(named: Sequence[tuple[str, Spread]], title: str, unit: str) -> Markup:
    """A strip each: least to p99 as a line, the middle half as a bar, the median, p95 as a dot."""
    row, top = 40.0, 8.0
    bottom = top + row * len(named)
    x = scale([_or(found.p99) for _, found in named], 8.0, WIDTH - RIGHT)
    parts = [_x_axis(x, top, bottom, unit)]
    for number, (label, found) in enumerate(named):
        at = top + row * number
        middle = at + 28
        low, early, median, late = (_quantile(found, share) for share in (0, 0.25, 0.5, 0.75))
        p95, p99 = _or(found.p95), _or(found.p99)
        figures = f"{figure(found.median)} · p95 {figure(found.p95)}"
        words = f"{label}: median {figure(median)}, p95 {figure(p95)}, p99 {figure(p99)} {unit}"
        parts += [
            _text(8, at + 14, _fitted(label, figures), "label"),
            _text(WIDTH - RIGHT, at + 14, figures, "label end quiet"),
            el(
                "g",
                el("title", f"{words}, of {found.count}"),
                el("line", x1=x(low), x2=x(p99), y1=middle, y2=middle, class_="whisker"),
                _rect(x(early), middle - 5, x(late) - x(early), 10, "box"),
                el("line", x1=x(median), x2=x(median), y1=middle - 8, y2=middle + 8, class_="mid"),
                el("circle", cx=x(p95), cy=middle, r=3.5, class_="dot"),
            ),
        ]
    return _svg(parts, bottom + 42, title)


def bars(items: Sequence[Bar], title: str, unit: str) -> Markup:
    """Horizontal bars, each under its label. Bars that begin where another ends hang together:
    a waterfall."""
    row, top = 40.0, 4.0
    bottom = top + row * len(items)
    x = scale([edge for bar in items for edge in (bar.begin, bar.end)], 8.0, WIDTH - RIGHT)
    parts = [_x_axis(x, top, bottom, unit)]
    for number, (bar, following) in enumerate(pairwise(items)):
        if bar.end == following.begin != 0:
            at = top + row * number
            edge = x(bar.end)
            parts.append(el("line", x1=edge, x2=edge, y1=at + 34, y2=at + 60, class_="joint"))
    for number, bar in enumerate(items):
        at = top + row * number
        colour = (number if bar.colour is None else bar.colour) % COLOURS + 1
        left, right = x(min(bar.begin, bar.end)), x(max(bar.begin, bar.end))
        parts += [
            _text(8, at + 14, _fitted(bar.label, bar.text), "label"),
            _text(WIDTH - RIGHT, at + 14, bar.text, "label end quiet"),
            el(
                "g",
                el("title", f"{bar.label}: {bar.text}"),
                _rect(left, at + 20, max(right - left, 1.5), 14, f"bar f{colour}"),
            ),
        ]
    return _svg(parts, bottom + 42, title)


def curves(series: Sequence[Series], title: str, x_unit: str, y_unit: str) -> Markup:
    """Lines with a mark at every point that was measured."""
    top, bottom = 26.0, 226.0
    points = [point for one in series for point in one.points]
    x = scale([at for at, _ in points], LEFT, WIDTH - RIGHT - 6)
    least_step = 1.0 if y_unit == COUNT else 0.0
    y = scale([value for _, value in points], bottom, top, least_step=least_step)
    parts = [_x_axis(x, top, bottom, x_unit), _y_axis(y, y.ticks, y_unit)]
    for number, one in enumerate(series):
        placed = [(x(at), y(value)) for at, value in sorted(one.points)]
        parts.append(_line(placed, number, one.label))
        for (at, value), (px, py) in zip(sorted(one.points), placed, strict=True):
            words = el("title", f"{one.label}: {figure(value)} {y_unit} at {figure(at)} {x_unit}")
            mark = f"mark f{number % COLOURS + 1}"
            parts.append(el("circle", words, cx=px, cy=py, r=3.5, class_=mark))
    legend = _legend([one.label for one in series]) if len(series) > 1 else None
    return join(_svg(parts, bottom + 42, title), legend)


def _of_times(spreads: Sequence[Spread]) -> Scale:
    latest = max(_or(found.p99) for found in spreads)
    medians = [_or(found.median) for found in spreads]
    if min(medians) <= 0 or max(medians) < FAR_APART * min(medians):
        return scale([latest], LEFT, WIDTH - RIGHT)
    first = min(max(_quantile(found, 0.05), min(medians) / 10) for found in spreads)
    return log_scale(first, latest, LEFT, WIDTH - RIGHT)


def _svg(parts: Sequence[Markup], height: float, title: str) -> Markup:
    box = f"0 0 {WIDTH:.0f} {height:.0f}"
    return el("svg", *parts, viewBox=box, role="img", aria_label=title)


def _x_axis(x: Scale, top: float, bottom: float, unit: str) -> Markup:
    ticks = x.ticks
    lines = [el("line", x1=x(t), x2=x(t), y1=top, y2=bottom, class_="gridline") for t in ticks]
    # The outermost labels are pulled in, so that none is cut off.
    ends = ["start" if x(t) < 20 else "end" if x(t) > WIDTH - 24 else "middle" for t in ticks]
    texts = [
        _text(x(tick), bottom + 16, label, f"tick {end}")
        for tick, label, end in zip(ticks, labels(ticks, log=x.log), ends, strict=True)
    ]
    name = _text((x.start + x.end) / 2, bottom + 34, unit, "tick middle name")
    return el("g", *lines, *texts, name)


def _y_axis(y: Scale, ticks: Sequence[float], unit: str) -> Markup:
    lines = [
        el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(tick), y2=y(tick), class_="gridline")
        for tick in ticks
    ]
    shown = [f"{t:.0%}" for t in ticks] if unit == "percent" else labels(ticks)
    texts = [
        _text(LEFT - 6, y(tick) + 4, label, "tick end")
        for tick, label in zip(ticks, shown, strict=True)
    ]
    name = None if unit == "percent" else _text(4, 12, unit, "tick name")
    return el("g", *lines, *texts, name)


def _line(points: Sequence[tuple[float, float]], number: int, words: str) -> Markup:
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
    return el("polyline", el("title", words), points=path, class_=f"s{number % COLOURS + 1}")


def _rect(left: float, top: float, width: float, height: float, kind: str) -> Markup:
    return el("rect", x=left, y=top, width=max(width, 0.0), height=height, rx=2, class_=kind)


def _text(left: float, base: float, text: str, kind: str) -> Markup:
    return el("text", text, x=left, y=base, class_=kind)


def _fitted(label: str, beside: str) -> str:
    """As much of a label as there is room for on its line."""
    room = int((WIDTH - 30) / CHARACTER) - len(beside)
    return label if len(label) <= room else f"{label[: room - 1].rstrip()}…"


def _legend(names: Sequence[str]) -> Markup:
    keys = (
        el("li", el("span", class_=f"key b{number % COLOURS + 1}"), name)
        for number, name in enumerate(names)
    )
    return el("ul", *keys, class_="legend")


def _shares(found: Spread) -> list[tuple[float, float]]:
    last = len(found.quantiles) - 1
    return [(value, place / last) for place, value in enumerate(found.quantiles)]


def _cut(points: list[tuple[float, float]], limit: float) -> list[tuple[float, float]]:
    """The curve up to the end of the axis, the last piece of it in part."""
    inside = [point for point in points if point[0] <= limit]
    if inside and len(inside) < len(points):
        (x0, y0), (x1, y1) = points[len(inside) - 1], points[len(inside)]
        inside.append((limit, y0 + (y1 - y0) * (limit - x0) / (x1 - x0)))
    return inside


def _quantile(found: Spread, share: float) -> float:
    return found.quantiles[round(share * (len(found.quantiles) - 1))]


def _or(value: float | None) -> float:
    return 0.0 if value is None else value
