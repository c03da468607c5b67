"""The section of `parley bench vad`: which detector fails in which noise, as heat maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..stored import Stored, number, text
from .figures import folded, framed, heat_map, table
from .markup import Markup, join
from .plots import Bar, bars
from .scales import figure


@dataclass(frozen=True, slots=True)
class Map:
    """A heat map of one figure; `badness` is 0 to 1."""

    title: str
    words: str
    key: str
    shown: Callable[[float], str]
    badness: Callable[[float], float]


MAPS = (
    Map(
        "Accuracy",
        "The share of time that is judged rightly, hangover included.",
        "accuracy",
        "{:.3f}".format,
        lambda value: (1 - value) / 0.5,
    ),
    Map(
        "Utterances found",
        "Heard, and kept apart from their neighbours.",
        "found",
        "{:.0%}".format,
        lambda value: 1 - value,
    ),
    Map(
        "False segments per minute",
        "Stretches without speech that would be taken for an onset.",
        "false_per_min",
        "{:.1f}".format,
        lambda value: value / 10,
    ),
)

COLUMNS = (
    ("accuracy", "accuracy"),
    ("recall", "recall"),
    ("found", "found"),
    ("false/min", "false_per_min"),
    ("onset, ms", "onset_ms"),
    ("end, ms", "end_ms"),
    ("µs a frame", "frame_us"),
)


def vad(result: Stored) -> Markup:
    rows = [row for row in result.rows if text(row, "noise") and text(row, "detector")]
    if not rows:
        return join()
    noises = list(dict.fromkeys(_noise(row) for row in rows))
    detectors = list(dict.fromkeys(text(row, "detector") for row in rows))
    maps = [
        framed(
            one.title,
            one.words,
            heat_map(
                noises,
                detectors,
                {(_noise(row), text(row, "detector")): number(row, one.key) for row in rows},
                shown=one.shown,
                badness=one.badness,
            ),
        )
        for one in MAPS
    ]
    return join(*maps, _costs(rows, detectors), _everything(rows))


def _costs(rows: Sequence[dict[str, Any]], detectors: Sequence[str]) -> Markup | None:
    costs = []
    for name in detectors:
        mine = [row for row in rows if text(row, "detector") == name]
        times = sorted(us for row in mine if (us := number(row, "frame_us")) is not None)
        frame_ms = number(mine[0], "frame_ms")
        if times and frame_ms:
            frame_us = times[len(times) // 2]
            words = f"{figure(frame_us)} µs a frame of {figure(frame_ms)} ms"
            costs.append(Bar(name, 0, frame_us / frame_ms, words))
    if not costs:
        return None
    drawn = bars(costs, "CPU time of each detector", "ms of CPU time per second of audio")
    return framed("Cost", "CPU time on one core, the median over all noises.", drawn)


def _everything(rows: Sequence[dict[str, Any]]) -> Markup:
    head = ["noise, dB", "detector", *(name for name, _ in COLUMNS)]
    lines = [
        [_noise(row), text(row, "detector"), *(figure(number(row, key)) for _, key in COLUMNS)]
        for row in rows
    ]
    return folded("All figures", table(head, lines, texts=2))


def _noise(row: dict[str, Any]) -> str:
    """Kind and dB of speech over it."""
    return f"{text(row, 'noise')} {text(row, 'snr_db')}".strip()
