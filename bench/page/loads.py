"""The section of `parley bench sessions`: what grows with the number of sessions, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..result import Spread
from ..sessions import SPREADS
from ..stored import Stored, number, spread_in, text
from .figures import framed, table, whole
from .markup import Markup, join
from .plots import Series, curves, distributions
from .scales import figure

Row: TypeAlias = dict[str, Any]
Reading: TypeAlias = Callable[[Row], float | None]


def _number(key: str, times: float = 1.0) -> Reading:
    def read(row: Row) -> float | None:
        value = number(row, key)
        return None if value is None else value * times

    return read


def _median(key: str) -> Reading:
    return lambda row: found.median if (found := spread_in(row, key)) else None


def _p95(key: str) -> Reading:
    return lambda row: found.p95 if (found := spread_in(row, key)) else None


def _incomplete(row: Row) -> float | None:
    begun, complete = number(row, "lines"), number(row, "complete")
    return None if begun is None or complete is None else begun - complete


@dataclass(frozen=True, slots=True)
class Load:
    """A plot over the number of sessions."""

    title: str
    words: str
    unit: str
    readings: Sequence[tuple[str, Reading]]


LOADS = (
    Load(
        "Cost of a session",
        "The server's own CPU time; its workers' is in the table.",
        "% of a core",
        [("per session", _number("core_per_session", 100))],
    ),
    Load(
        "Frame lag",
        "From sending a frame until a partial that covers it came.",
        "ms",
        [("median", _median("frame_lag_ms")), ("p95", _p95("frame_lag_ms"))],
    ),
    Load(
        "Reply audio, late",
        "After the moment that the reply's pace asks for.",
        "ms",
        [("median", _median("audio_late_ms")), ("p95", _p95("audio_late_ms"))],
    ),
    Load(
        "Gaps",
        "Silences in the playing of replies, and turns that were not answered whole.",
        "count",
        [("gaps in reply audio", _number("gaps")), ("turns not complete", _incomplete)],
    ),
    Load(
        "Memory of a session",
        "What it adds to the server's own.",
        "MB",
        [("per session", _number("mb_per_session"))],
    ),
)

PLAIN = (
    ("turns begun", "lines"),
    ("turns complete", "complete"),
    ("gaps in reply audio", "gaps"),
    ("wrong finals", "wrong_finals"),
    ("failures", "failures"),
    ("cores per session", "core_per_session"),
    ("cores of all workers", "worker_cores"),
    ("MB per session", "mb_per_session"),
)


def sessions(result: Stored) -> Markup:
    rows = [row for row in result.rows if number(row, "sessions") is not None]
    if not rows:
        return join()
    return join(*(_curves(load, rows) for load in LOADS), _lags(rows), _figures(rows))


def _curves(load: Load, rows: Sequence[Row]) -> Markup | None:
    series = [
        Series(label, points)
        for label, read in load.readings
        if (points := [(number(r, "sessions") or 0, v) for r in rows if (v := read(r)) is not None])
    ]
    if not series:
        return None
    title = f"{load.title} by number of sessions"
    return framed(load.title, load.words, curves(series, title, "sessions at once", load.unit))


def _lags(rows: Sequence[Row]) -> Markup | None:
    named = [
        (f"{text(row, 'sessions')} sessions", found)
        for row in rows
        if (found := spread_in(row, "frame_lag_ms"))
    ]
    if not named:
        return None
    drawn = distributions(named, "Distributions of the frame lag", "ms")
    words = "The share of frames that a partial covered within this time."
    return framed("Frame lag, distributed", words, drawn)


def _figures(rows: Sequence[Row]) -> Markup:
    head = ["at once", *(text(row, "sessions") for row in rows)]
    lines = [
        [f"{name}, ms", *(_three(spread_in(row, key)) for row in rows)] for name, key in SPREADS
    ]
    lines += [[name, *(figure(number(row, key)) for row in rows)] for name, key in PLAIN]
    words = "A column per load; times are median / p95 / p99."
    return framed("Figures", words, table(head, lines), wide=True)


def _three(found: Spread | None) -> str:
    if found is None:
        return "-"
    return " / ".join(figure(whole(value)) for value in (found.median, found.p95, found.p99))
