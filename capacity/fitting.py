"""From loads that were measured to what each part costs: least squares, nothing below zero.

Loads that differ in one thing only (frames of another length, longer lines, longer replies) tell
its cost. Each is weighted by its size, so that a small load counts as much as a large one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .server_load import Traffic, cooling, events_per_s

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


COOLS_S = (0.0003, 0.001, 0.003, 0.01, 0.03)
"""Times in which a process may lose its caches, of which the one is taken that fits best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    costs: dict[str, float]
    """By the names of PARTS."""
    wake_s: float
    cools_s: float
    off: float
    """Root of the mean square, relative, of what the loads used."""


def fitted(seen: Sequence[Seen], base: float) -> Fitted:
    """The cost of each part, and of waking, for loads of one dialect. `base` is an idle process'
    cost.

    Raises ValueError where the loads are too alike to tell the parts apart.
    """
    return min((_fitted(seen, base, cools_s) for cools_s in COOLS_S), key=lambda one: one.off)


def _fitted(seen: Sequence[Seen], base: float, cools_s: float) -> Fitted:
    table = np.array([[*amounts(one.traffic), _woken(one, cools_s)] for one in seen])
    sizes = np.array([max(one.cores, 1e-6) for one in seen])
    used = np.array([max(one.cores - base, 0.0) for one in seen]) / sizes
    table = table / sizes[:, None]
    scale = np.abs(table).max(axis=0)
    if not scale.all() or np.linalg.matrix_rank(table / scale, tol=1e-2) < len(PARTS):
        raise ValueError("these loads are too alike to tell the costs apart")
    kept = list(range(len(PARTS) + 1))
    while True:
        found = np.linalg.lstsq(table[:, kept] / scale[kept], used, rcond=None)[0]
        if (found >= 0).all():
            break
        kept.pop(int(found.argmin()))  # noise made it less than nothing
    every = np.zeros(len(PARTS) + 1)
    every[kept] = found / scale[kept]
    *costs, wake_s = (float(cost) for cost in every)
    return Fitted(
        costs=dict(zip(PARTS, costs, strict=True)),
        wake_s=wake_s,
        cools_s=cools_s,
        off=float(np.sqrt(np.mean((table @ every - used) ** 2))),
    )


def _woken(one: Seen, cools_s: float) -> float:
    """How often the process was woken, counted by how cold it was."""
    return max(1 - one.cores, 0.0) * cooling(events_per_s(one.traffic), cools_s)


def scaled(silent: Seen, talking: Seen, base: float, fit: Fitted) -> dict[str, float]:
    """The costs of a dialect that was measured at two loads only, one silent and one in
    conversation: in the proportions of another dialect, to which loads were fitted."""
    like, listen, converse = fit.costs, ("session", "frame"), ("talk", "reply", "turn")
    open_ = _cost(silent.traffic, like, listen)
    left = silent.cores - base - _waking(silent, fit)
    listening = max(left, 0.0) / open_ if open_ else 0.0
    costs = {part: like[part] * listening for part in listen}
    busy = _cost(talking.traffic, like, converse)
    left = talking.cores - base - _waking(talking, fit) - _cost(talking.traffic, costs, listen)
    conversing = max(left, 0.0) / busy if busy else 0.0
    return costs | {part: like[part] * conversing for part in converse}


def _waking(one: Seen, fit: Fitted) -> float:
    return fit.wake_s * _woken(one, fit.cools_s)


def _cost(traffic: Traffic, costs: Mapping[str, float], parts: Sequence[str]) -> float:
    of = dict(zip(PARTS, amounts(traffic), strict=True))
    return sum(of[part] * costs[part] for part in parts)
