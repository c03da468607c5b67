"""How much of a server is free: the figure that is nearest to its limit decides."""

from __future__ import annotations

import pytest

from parley.config.slices import Load
from parley.engines.asr.admission import Admission, Expected
from parley.server.load.admission import NEW_FREE, WEIGHT_STEP, SessionAdmission
from parley.server.load.watch import LoadWatch
from parley.server.load.window import SAMPLES

LIMITS = Load(loop_lag_ms=100, cpu_share=0.8, lane_wait_ms=500, talking_share=0.8)
OFF = Load(loop_lag_ms=0, cpu_share=0, lane_wait_ms=0, talking_share=0)


def door(
    *,
    taken: int = 0,
    lag_s: float = 0.0,
    cpu: float = 0.0,
    wait_s: float = 0.0,
    talking: float = 0.0,
    limits: Load = LIMITS,
    places: bool = True,
) -> SessionAdmission:
    """A server that has been so busy for a whole window; its recognizer keeps up with ten."""
    talkers = Admission(1, Expected(rtf=0.095, final_s=0.1)) if places else None
    watch = LoadWatch((), talkers)
    admission = SessionAdmission(100, limits, watch, taken=lambda: taken, cores=8)
    for _ in range(SAMPLES):
        watch.lag_s.note(lag_s)
        watch.cpu.note(cpu, taken)
        watch.lane_wait_s.note(wait_s)
        watch.talking.note(talking)
    watch.sampled()
    return admission


@pytest.mark.parametrize(
    ("busy", "weight"),
    [
        ({}, 100),
        ({"taken": 50}, 50),
        ({"taken": 99}, WEIGHT_STEP),
        ({"lag_s": 0.02}, 80),
        ({"wait_s": 0.3}, 40),
        ({"cpu": 0.4}, 50),
        ({"cpu": 0.8, "taken": NEW_FREE}, 0),
        ({"talking": 2}, 75),
        ({"talking": 2, "taken": 60}, 40),
        ({"talking": 2, "lag_s": 0.09, "taken": 10}, 10),
        ({"taken": 100}, 0),
        ({"taken": NEW_FREE, "lag_s": 0.2}, 0),
        ({"taken": NEW_FREE - 1, "lag_s": 0.2}, WEIGHT_STEP),
        ({"limits": OFF, "lag_s": 9.0, "wait_s": 9.0, "talking": 9, "taken": 20}, 80),
        ({"places": False, "talking": 9}, 100),
    ],
)
def test_the_figure_that_is_nearest_to_its_limit_decides(
    busy: dict[str, object], weight: int
) -> None:
    assert door(**busy).weight() == weight  # type: ignore[arg-type]


def test_a_figure_that_wavers_a_little_changes_nothing() -> None:
    assert {door(lag_s=0.001 * lag).weight() for lag in range(1, 5)} == {100}


async def test_newcomers_weigh_as_talkers_at_once(autojump_clock: object) -> None:
    """What a stampede will do cannot be measured yet."""
    admission = door()
    for _ in range(4):
        admission.let_in()
    assert admission.weight() == 50


def test_who_stops_is_worth_nothing() -> None:
    admission = door()
    admission.stopping = True
    assert admission.weight() == 0
