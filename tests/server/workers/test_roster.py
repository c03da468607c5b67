"""Which workers the parent starts, replaces and gives up."""

from __future__ import annotations

from parley.server.workers.roster import (
    READY_S,
    STEADY_S,
    GiveUpRestart,
    Leave,
    Roster,
    Start,
    Step,
)


class World:
    """A roster, and workers that do what it says."""

    def __init__(self, wanted: int) -> None:
        self.roster = Roster(wanted, chance=lambda: 0.0)
        self.now_s = 0.0

    def steps(self) -> list[Step]:
        return list(self.roster.steps(self.now_s))

    def serve(self, *workers: int) -> None:
        for worker in workers:
            self.roster.beats(worker)
            self.roster.is_ready(worker)

    def end(self, *workers: int) -> None:
        for worker in workers:
            self.roster.ended(worker, self.now_s)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


def serving(wanted: int) -> World:
    world = World(wanted)
    world.steps()
    world.serve(1)
    world.steps()
    world.serve(*range(1, wanted + 1))
    world.wait(STEADY_S)
    assert world.steps() == []
    return world


def test_the_first_is_started_alone_and_the_others_when_it_serves() -> None:
    world = World(3)
    assert world.steps() == [Start(1)]
    assert world.steps() == []
    world.roster.beats(1)
    assert world.steps() == [Start(2), Start(3)]
    assert world.steps() == []


def test_where_the_first_cannot_serve_nothing_else_is_tried() -> None:
    world = World(3)
    world.steps()
    world.end(1)
    assert world.roster.failed
    assert world.steps() == []


def test_one_that_served_for_long_is_replaced_at_once_under_its_number() -> None:
    world = serving(3)
    world.end(2)
    assert world.steps() == [Start(2)]


def test_those_that_end_soon_are_waited_for_longer_each_time() -> None:
    world = serving(2)
    world.end(2)
    assert world.steps() == [Start(2)]
    pauses = []
    for _ in range(9):
        world.end(2)
        assert world.steps() == []
        pause_s = world.roster.wakes_s(world.now_s)
        assert pause_s is not None
        pauses.append(pause_s)
        world.wait(pause_s)
        assert world.steps() == [Start(2)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_restart_replaces_one_after_the_other() -> None:
    world = serving(2)
    world.roster.roll()
    assert world.steps() == [Start(3)]
    assert world.steps() == []  # not before the new one is ready
    world.serve(3)
    assert world.steps() == [Leave(1)]
    assert world.steps() == []  # not before the old one is gone
    world.end(1)
    assert world.steps() == [Start(1)]
    world.serve(1)
    assert world.steps() == [Leave(2)]
    assert world.steps() == []
    still = world.roster.rolling
    assert still  # until the last one is gone
    world.end(2)
    assert world.steps() == []
    assert not world.roster.rolling
    assert sorted(world.roster.workers) == [1, 3]


def test_a_restart_is_given_up_where_a_new_one_cannot_serve() -> None:
    world = serving(2)
    world.roster.roll()
    world.steps()
    world.end(3)
    assert world.steps() == [GiveUpRestart(3, "it ended before it was ready")]
    assert not world.roster.rolling
    world.wait(100)
    assert world.steps() == []
    assert world.roster.workers == [1, 2]


def test_a_restart_is_given_up_where_a_new_one_is_never_ready() -> None:
    world = serving(2)
    world.roster.roll()
    world.steps()
    world.wait(READY_S + 1)
    assert world.steps() == [
        GiveUpRestart(3, f"it was not ready after {READY_S:.0f} s"),
        Leave(3),
    ]
    world.end(3)
    assert world.steps() == []


def test_one_that_dies_during_a_restart_is_replaced_and_need_not_be_again() -> None:
    world = serving(3)
    world.roster.roll()
    world.steps()
    world.end(2)
    assert world.steps() == [Start(2)]
    world.serve(4, 2)
    assert world.steps() == [Leave(1)]
    world.end(1)
    assert world.steps() == [Start(1)]
    world.serve(1)
    assert world.steps() == [Leave(3)]
    world.end(3)
    assert world.steps() == []
    assert sorted(world.roster.workers) == [1, 2, 4]


def test_asked_again_during_a_restart_it_replaces_all_once_more() -> None:
    world = serving(1)
    world.roster.roll()
    world.steps()
    world.roster.roll()
    assert world.steps() == [Leave(2)]  # it has served nobody yet
    world.end(2)
    assert world.steps() == [Start(2)]
    world.serve(2)
    assert world.steps() == [Leave(1)]
    world.end(1)
    assert world.steps() == []
    assert not world.roster.rolling


def test_more_or_fewer_are_wanted_from_now_on() -> None:
    world = serving(2)
    world.roster.wanted = 4
    assert world.steps() == [Start(3), Start(4)]
    world.serve(3, 4)
    world.roster.wanted = 1
    assert world.steps() == [Leave(4), Leave(3), Leave(2)]
