"""Loads whose costs are known are taken apart again."""

from __future__ import annotations

import pytest

from parley.capacity.fitting import PARTS, Seen, amounts, fitted, scaled
from parley.capacity.server_load import Traffic

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


LOADS = (
    load(120, 100, 0, 0, 0),
    load(60, 20, 0, 0, 0),
    load(60, 100, 19, 29, 9.7),
    load(30, 20, 10, 14, 4.8),
    load(60, 100, 40, 15, 5),
    load(60, 100, 8, 48, 4),
)


def seen(traffic: Traffic, costs: dict[str, float] = KNOWN, noise: float = 1.0) -> Seen:
    cores = BASE + sum(
        amount * costs[part] for amount, part in zip(amounts(traffic), PARTS, strict=True)
    )
    return Seen(traffic=traffic, cores=cores * noise)


def test_it_finds_what_each_part_costs() -> None:
    assert fitted([seen(one) for one in LOADS], BASE) == pytest.approx(KNOWN)


def test_noise_of_a_few_percent_stays_a_few_percent_in_other_loads() -> None:
    noises = (1.02, 0.98, 1.03, 0.97, 1.02, 0.99)
    found = fitted([seen(a, noise=b) for a, b in zip(LOADS, noises, strict=True)], BASE)
    for other in (load(20, 100, 7, 9, 3), load(200, 60, 60, 80, 20)):
        assert seen(other, found).cores == pytest.approx(seen(other).cores, rel=0.08)


def test_nothing_costs_less_than_nothing() -> None:
    found = fitted([seen(one, KNOWN | {"talk": -0.0005}) for one in LOADS], BASE)
    assert min(found.values()) >= 0
    assert found["talk"] == 0


def test_loads_that_are_too_alike_are_refused() -> None:
    with pytest.raises(ValueError, match="too alike"):
        fitted([seen(load(n, 100, n / 3, n / 2, n / 6)) for n in (20, 40, 60, 80, 100)], BASE)


def test_two_loads_scale_what_is_known_of_another_dialect() -> None:
    other = {
        name: cost * (2 if name in ("session", "frame") else 3) for name, cost in KNOWN.items()
    }
    silent, talking = LOADS[0], LOADS[2]
    assert scaled(seen(silent, other), seen(talking, other), BASE, KNOWN) == pytest.approx(other)
