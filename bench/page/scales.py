"""Axes: from a value to a place on paper, round ticks, figures as people write them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
"""Times a power of ten: how far ticks are apart."""
THIN_SPACE = "\u2009"
"""Between thousands."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from the first to the last tick lie between `start` and `end` on paper; `start` may
    be the larger. With `log` every tenfold is as wide; what is less than the first tick lies there.
    """

    ticks: Sequence[float]
    start: float
    end: float
    log: bool = False

    @property
    def high(self) -> float:
        return self.ticks[-1]

    def __call__(self, value: float) -> float:
        low, high = self.ticks[0], self.high
        if self.log:
            value, low, high = math.log(max(value, low)), math.log(low), math.log(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def scale(values: Iterable[float], start: float, end: float, *, least_step: float = 0.0) -> Scale:
    """A scale that holds all values and 0, and ends at ticks, about five of them."""
    listed = [0.0, *values]
    low, high = min(listed), max(listed)
    if low == high:
        high = max(1.0, least_step)
    step = max(_step((high - low) / 5), least_step)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Scale([round(number * step, 12) for number in range(first, last + 1)], start, end)


def log_scale(low: float, high: float, start: float, end: float) -> Scale:
    """From `low`, which is over 0, to `high`; ticks at 1, 2 and 5, over many decades at 1."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    parts = (1, 2, 5) if last - first <= 3 else (1,)
    ticks = [round(part * 10.0**power, 12) for power in range(first, last + 1) for part in parts]
    at_low = max((tick for tick in ticks if tick <= low * (1 + 1e-9)), default=ticks[0])
    at_high = min((tick for tick in ticks if tick >= high * (1 - 1e-9)), default=ticks[-1])
    if at_low == at_high:
        at_high = ticks[ticks.index(at_low) + 1]
    return Scale([tick for tick in ticks if at_low <= tick <= at_high], start, end, log=True)


def _step(width: float) -> float:
    """The least round step that is at least so wide."""
    power = 10.0 ** math.floor(math.log10(width))
    return next(power * step for step in STEPS if power * step >= width * (1 - 1e-9))


def figure(value: float | None) -> str:
    """Three digits that count, more where there are more before the point; - for None."""
    if value is None:
        return "-"
    decimals = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(decimals, 8)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace(",", THIN_SPACE)


def labels(ticks: Sequence[float], *, log: bool = False) -> list[str]:
    """Ticks with as many decimals as the finest needs; on a log axis each with its own."""
    if log:
        return [figure(tick) for tick in ticks]
    for decimals in range(9):
        if all(abs(round(tick, decimals) - tick) < 1e-9 for tick in ticks):
            return [f"{tick:,.{decimals}f}".replace(",", THIN_SPACE) for tick in ticks]
    return [figure(tick) for tick in ticks]
