"""From loads that were measured to what each part costs: least squares, nothing below zero.

Loads that differ in one thing only (frames of another length, longer lines, longer replies) tell
its cost. Each is weighted by its size, so that a small load counts as much as a large one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .server_load import Traffic

PARTS = ("session", "frame", "talk", "reply", "turn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A load that was carried, and the CPU seconds per second that the server's process used."""

    traffic: Traffic
    cores: float


def amounts(traffic: Traffic) -> tuple[float, ...]:
    """How much of each part there was, in the order of PARTS."""
    return (
        traffic.sessions,
        traffic.frames_per_s,
        traffic.talking,
        traffic.replying,
        traffic.turns_per_s,
    )


def fitted(seen: Sequence[Seen], base: float) -> dict[str, float]:
    """The cost of each part, for loads of one dialect. `base` is an idle process' cost.

    Raises ValueError where the loads are too alike to tell the parts apart.
    """
    table = np.array([amounts(one.traffic) for one in seen])
    used = np.array([max(one.cores - base, 0.0) for one in seen])
    sizes = np.array([max(one.cores, 1e-6) for one in seen])
    table, used = table / sizes[:, None], used / sizes
    scale = np.abs(table).max(axis=0)
    if not scale.all() or np.linalg.matrix_rank(table / scale, tol=1e-2) < len(PARTS):
        raise ValueError("these loads are too alike to tell the costs apart")
    kept = list(range(len(PARTS)))
    while True:
        found = np.linalg.lstsq(table[:, kept] / scale[kept], used, rcond=None)[0]
        if (found >= 0).all():
            break
        kept.pop(int(found.argmin()))  # noise made it less than nothing
    costs = dict.fromkeys(PARTS, 0.0)
    for part, cost in zip(kept, found / scale[kept], strict=True):
        costs[PARTS[part]] = float(cost)
    return costs


def scaled(silent: Seen, talking: Seen, base: float, like: Mapping[str, float]) -> dict[str, float]:
    """The costs of a dialect that was measured at two loads only, one silent and one in
    conversation: in the proportions of another dialect, whose costs are `like`."""
    open_ = _cost(silent.traffic, like, ("session", "frame"))
    listening = max(silent.cores - base, 0.0) / open_ if open_ else 0.0
    costs = {part: like[part] * listening for part in ("session", "frame")}
    left = talking.cores - base - _cost(talking.traffic, costs, ("session", "frame"))
    busy = _cost(talking.traffic, like, ("talk", "reply", "turn"))
    conversing = max(left, 0.0) / busy if busy else 0.0
    return costs | {part: like[part] * conversing for part in ("talk", "reply", "turn")}


def _cost(traffic: Traffic, costs: Mapping[str, float], parts: Sequence[str]) -> float:
    of = dict(zip(PARTS, amounts(traffic), strict=True))
    return sum(of[part] * costs[part] for part in parts)
