"""Loads whose costs are known are taken apart again."""

from __future__ import annotations

import pytest

from parley.capacity.costs import Costs, Figure
from parley.capacity.fitting import PARTS, Fitted, Seen, amounts, fitted, scaled
from parley.capacity.server_load import Engines, Traffic, cooling, cores_of, events_per_s

KNOWN = {"session": 0.001, "frame": 0.0002, "talk": 0.003, "reply": 0.004, "turn": 0.02}
BASE = 0.01


def load(
    sessions: float, frame_ms: float, talking: float, replying: float, turns: float
) -> Traffic:
    return Traffic(
        dialect="ws",
        sessions=sessions,
        frames_per_s=sessions * 1000 / frame_ms,
        talking=talking,
        replying=replying,
        turns_per_s=turns,
    )


WAKE_S, COOLS_S = 0.0002, 0.003

LOADS = (
    load(8, 100, 0, 0, 0),
    load(12, 100, 4, 5, 2),
    load(120, 100, 0, 0, 0),
    load(60, 20, 0, 0, 0),
    load(60, 100, 19, 29, 9.7),
    load(30, 20, 10, 14, 4.8),
    load(60, 100, 40, 15, 5),
    load(60, 100, 8, 48, 4),
)


def seen(traffic: Traffic, costs: dict[str, float] = KNOWN, noise: float = 1.0) -> Seen:
    parts = zip(amounts(traffic), PARTS, strict=True)
    work = BASE + sum(amount * costs[part] for amount, part in parts)
    cold = cooling(events_per_s(traffic), COOLS_S) * WAKE_S
    return Seen(traffic=traffic, cores=(work + cold) / (1 + cold) * noise)


def test_it_finds_what_each_part_costs() -> None:
    found = fitted([seen(one) for one in LOADS], BASE)
    assert found.costs == pytest.approx(KNOWN)
    assert found.wake_s == pytest.approx(WAKE_S)
    assert found.cools_s == COOLS_S
    assert found.off < 1e-6


def test_noise_of_a_few_percent_stays_a_few_percent_in_other_loads() -> None:
    noises = (0.98, 1.01, 1.02, 0.98, 1.03, 0.97, 1.02, 0.99)
    found = fitted([seen(a, noise=b) for a, b in zip(LOADS, noises, strict=True)], BASE)
    costs = {f"ws.{part}": cost for part, cost in found.costs.items()}
    costs |= {"server.base": BASE, "server.wake": found.wake_s, "server.cools": found.cools_s}
    known = Costs(
        {name: Figure(value=cost, sure="assumed", by="", where="") for name, cost in costs.items()},
        "",
    )
    for other in (load(20, 100, 7, 9, 3), load(150, 60, 50, 60, 15), load(50, 20, 5, 7, 2)):
        said = cores_of(other, Engines(), known).server
        assert said == pytest.approx(seen(other).cores, rel=0.08)


def test_nothing_costs_less_than_nothing() -> None:
    found = fitted([seen(one, KNOWN | {"talk": -0.0005}) for one in LOADS], BASE)
    assert min(found.costs.values()) >= 0
    assert found.costs["talk"] == 0


def test_loads_that_are_too_alike_are_refused() -> None:
    with pytest.raises(ValueError, match="too alike"):
        fitted([seen(load(n, 100, n / 3, n / 2, n / 6)) for n in (20, 40, 60, 80, 100)], BASE)


def test_two_loads_scale_what_is_known_of_another_dialect() -> None:
    listening = ("session", "frame")
    other = {name: cost * (1.2 if name in listening else 1.3) for name, cost in KNOWN.items()}
    silent, talking = LOADS[2], LOADS[4]
    fit = Fitted(costs=KNOWN, wake_s=WAKE_S, cools_s=COOLS_S, off=0.0)
    assert scaled(seen(silent, other), seen(talking, other), BASE, fit) == pytest.approx(other)


def test_a_process_that_is_busy_anyhow_is_not_woken() -> None:
    assert cooling(0, COOLS_S) == 0
    assert cooling(1, COOLS_S) == pytest.approx(1), "once a second, and wholly cold"
    assert cooling(1e6, COOLS_S) == pytest.approx(1 / COOLS_S, rel=0.01), "never for long"
    assert cooling(100, COOLS_S) < cooling(1000, COOLS_S)
