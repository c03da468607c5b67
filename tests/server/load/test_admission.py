"""Who is let in: by places, by what is measured, and by how many came just now."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from parley.config.slices import Load
from parley.engines.asr.admission import Admission, Expected
from parley.server.load.admission import NEW_FREE, NEW_S, SessionAdmission
from parley.server.load.use import LONG, SHORT
from parley.server.load.watch import LoadWatch
from parley.server.load.window import SAMPLES

LIMITS = Load(loop_lag_ms=80, cpu_share=0.8, lane_wait_ms=500, talking_share=0.8)
OFF = Load(loop_lag_ms=0, cpu_share=0, lane_wait_ms=0, talking_share=0)
TEN = Expected(rtf=0.095, final_s=0.1)


def ten_talkers() -> Admission:
    talkers = Admission(1, TEN)
    assert talkers.places == 10
    return talkers


def admission(
    limits: Load = LIMITS, talkers: Admission | None = None, most: int = 100, cores: int = 8
) -> SessionAdmission:
    watch = LoadWatch((), talkers)
    return SessionAdmission(most, limits, watch, taken=lambda: NEW_FREE, cores=cores)


def sample(
    door: SessionAdmission,
    *,
    lag_s: float = 0.0,
    cpu: float = 0.0,
    wait_s: float = 0.0,
    talking: float = 0.0,
) -> None:
    """A whole window of the same figures."""
    for _ in range(SAMPLES):
        door.watch.lag_s.note(lag_s)
        door.watch.cpu.note(cpu, NEW_FREE)
        door.watch.lane_wait_s.note(wait_s)
        door.watch.talking.note(talking)
    door.watch.sampled()


def reason(door: SessionAdmission) -> str | None:
    refusal = door.refusal()
    return refusal.reason if refusal else None


def test_who_stops_lets_nobody_in() -> None:
    door = admission()
    assert reason(door) is None
    door.stopping = True
    assert reason(door) == "stopping"


def test_a_handful_is_never_refused_for_what_another_program_does() -> None:
    door = admission(talkers=ten_talkers())
    sample(door, lag_s=9.0, wait_s=9.0, talking=9)
    assert reason(door) == "loop_lag"
    door.taken = lambda: NEW_FREE - 1
    assert reason(door) is None


def test_every_place_may_be_taken() -> None:
    taken = [2]
    door = admission(most=3)
    door.taken = lambda: taken[0]
    assert reason(door) is None
    taken[0] = 3
    assert reason(door) == "full"
    assert "3 connections" in str(door.refusal())


@pytest.mark.parametrize(
    ("figures", "why"),
    [
        ({"lag_s": 0.08}, "loop_lag"),
        ({"wait_s": 0.5}, "lane_backlog"),
        ({"talking": 8}, "talkers"),
    ],
)
def test_a_figure_over_its_limit_closes_the_door_until_it_is_well_below(
    figures: dict[str, float], why: str
) -> None:
    door = admission(talkers=ten_talkers())
    half = {name: value / 2 for name, value in figures.items()}
    below = {name: value * 0.95 for name, value in figures.items()}
    sample(door, **below)
    assert reason(door) is None
    sample(door, **figures)
    assert reason(door) == why
    sample(door, **below)
    assert reason(door) == why, "it does not flap"
    sample(door, **half)
    assert reason(door) is None


def crowded(people: int, cpu: float, cores: int = 2) -> SessionAdmission:
    """So many have been in for a while, and need so much."""
    door = admission(cores=cores)
    for _ in range(LONG):
        door.watch.cpu.note(cpu, people)
    door.taken = lambda: people
    return door


@pytest.mark.parametrize(
    ("people", "cpu", "more"),
    [
        (40, 0.4, 40),  # a hundredth each
        (40, 0.79, 1),
        (40, 0.81, 0),
        (5, 0.3, 8),
        (4, 0.6, 1),  # an eighth each at most: four who talk take a core
    ],
)
def test_so_many_more_are_let_in_as_the_processor_has_room_for(
    people: int, cpu: float, more: int
) -> None:
    door = crowded(people, cpu)
    taken = people
    door.taken = lambda: taken
    while door.refusal() is None:
        taken += 1
    assert taken - people == pytest.approx(more, abs=1)
    assert reason(door) == "cpu"


def test_who_needs_nothing_is_let_in_as_long_as_there_are_places() -> None:
    door = crowded(1, 0.0)
    door.taken = lambda: 99
    assert reason(door) is None


def test_the_door_opens_as_people_leave() -> None:
    door = crowded(40, 0.85)
    assert reason(door) == "cpu"
    door.taken = lambda: 30
    for _ in range(SHORT):
        door.watch.cpu.note(0.6, 30)
    assert reason(door) is None


def test_a_quiet_half_minute_lets_nobody_in_where_a_busy_one_is_not_long_ago() -> None:
    door = crowded(40, 0.85)
    for _ in range(SHORT):
        door.watch.cpu.note(0.5, 40)
    assert reason(door) == "cpu"
    for _ in range(LONG - SHORT):
        door.watch.cpu.note(0.5, 40)
    assert reason(door) is None


def test_the_few_who_were_there_before_say_nothing_of_many() -> None:
    """Three who talk all the time need more each than ten who came later and listen."""
    door = crowded(3, 0.35)
    for _ in range(SHORT):
        door.watch.cpu.note(0.45, 13)
    door.taken = lambda: 14
    assert reason(door) is None


def test_a_limit_that_is_off_refuses_nobody() -> None:
    door = admission(OFF, ten_talkers())
    sample(door, lag_s=10, cpu=1, wait_s=10, talking=10)
    assert reason(door) is None


@pytest.mark.parametrize(("cores", "let_in"), [(1, NEW_FREE + 4), (8, NEW_FREE + 8)])
async def test_more_than_a_core_holds_are_not_let_in_at_once(
    cores: int, let_in: int, autojump_clock: MockClock
) -> None:
    door = admission(talkers=ten_talkers(), cores=cores)
    for _ in range(let_in):
        assert reason(door) is None
        door.let_in()
    assert reason(door) == "talkers"


async def test_newcomers_count_as_talkers_until_they_could_be_measured(
    autojump_clock: MockClock,
) -> None:
    door = admission(talkers=ten_talkers())
    let_in = 0
    while door.refusal() is None:
        door.let_in()
        let_in += 1
        await trio.sleep(0.01)
    assert let_in == NEW_FREE + 8
    assert reason(door) == "talkers"
    await trio.sleep(NEW_S)
    assert reason(door) is None, "they do not talk, as was measured"


async def test_who_talks_and_who_is_new_count_together(autojump_clock: MockClock) -> None:
    door = admission(talkers=ten_talkers())
    sample(door, talking=6)
    let_in = 0
    while door.refusal() is None:
        door.let_in()
        let_in += 1
    assert let_in == NEW_FREE + 2


async def test_where_nobody_knows_how_many_may_talk_newcomers_are_not_counted(
    autojump_clock: MockClock,
) -> None:
    for door in (admission(), admission(OFF, ten_talkers())):
        for _ in range(50):
            assert reason(door) is None
            door.let_in()


async def test_a_few_newcomers_are_let_in_where_one_may_talk(autojump_clock: MockClock) -> None:
    door = admission(talkers=Admission(1, Expected(rtf=0.9, final_s=1.0)))
    for _ in range(NEW_FREE):
        assert reason(door) is None
        door.let_in()
