"""The supervisor, in virtual time: `Stage` supplies children that end exactly when told."""

from __future__ import annotations

import logging
import math
from functools import partial

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from parley.childspec import (
    Intensity,
    replaced_with,
    restarts_after_exit,
    shuts_down,
    sole_error,
)
from parley.supervisor import (
    AutoShutdown,
    Child,
    Crashed,
    GaveUp,
    NotReady,
    Overran,
    Restart,
    Restarted,
    Started,
    StartFailed,
    Stopped,
    Strategy,
    SupervisionEvent,
    Supervisor,
    SupervisorStopped,
    Surrendered,
)

PERMANENT, TRANSIENT, TEMPORARY = Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY


class Boom(Exception):
    pass


class Stage:
    """Makes children that write down their steps (`+a` begun, `-a` cancelled) and end when told.

    `at` holds the same steps with their virtual times, `events` what observers were told.
    """

    def __init__(self) -> None:
        self.log: list[str] = []
        self.at: list[tuple[str, float]] = []
        self.events: list[str] = []
        self.raw: list[SupervisionEvent] = []
        self._fates: dict[str, tuple[trio.Event, list[Exception]]] = {}
        self._began = trio.current_time()

    def note(self, step: str) -> None:
        self.log.append(step)
        self.at.append((step, trio.current_time() - self._began))

    async def act(
        self,
        name: str,
        *,
        ready_after_s: float = 0,
        cleanup_s: float = 0,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        self.note(f"+{name}")
        fate, errors = self._fates[name] = (trio.Event(), [])
        try:
            if ready_after_s:
                await trio.sleep(ready_after_s)
            task_status.started()
            await fate.wait()
        except trio.Cancelled:
            self.note(f"-{name}")
            if cleanup_s:
                with trio.CancelScope(shield=True):
                    await trio.sleep(cleanup_s)
            raise
        for error in errors:
            raise error
        self.note(f".{name}")

    def child(
        self,
        name: str,
        restart: Restart = PERMANENT,
        *,
        ready_after_s: float = 0,
        cleanup_s: float = 0,
        winds_down_s: float | None = None,
        **spec: object,
    ) -> Child:
        """A child; with `winds_down_s` it has a `stop` that ends it after that time."""
        run = partial(self.act, name, ready_after_s=ready_after_s, cleanup_s=cleanup_s)
        if winds_down_s is not None:
            spec["stop"] = partial(self._wind_down, name, winds_down_s)
        if ready_after_s:
            spec["ready"] = True
        return Child(name, run=run, restart=restart, **spec)  # type: ignore[arg-type]

    def _wind_down(self, name: str, after_s: float) -> None:
        self.note(f"?{name}")

        async def later() -> None:
            await trio.sleep(after_s)
            self.finish(name)

        trio.lowlevel.spawn_system_task(later)

    def crash(self, *names: str) -> None:
        for name in names:
            fate, errors = self._fates[name]
            errors.append(Boom(name))
            fate.set()

    def finish(self, *names: str) -> None:
        for name in names:
            self._fates[name][0].set()

    async def crash_and_settle(self, *names: str) -> list[str]:
        """Crash these in one instant; returns what was written down since."""
        self.log.clear()
        self.crash(*names)
        await trio.testing.wait_all_tasks_blocked()
        return list(self.log)

    def observe(self, event: SupervisionEvent) -> None:
        self.raw.append(event)
        self.events.append(f"{type(event).__name__} {event.child}")


class Outcome:
    """Runs a supervisor in a nursery and keeps what came of it."""

    def __init__(self, nursery: trio.Nursery, supervisor: Supervisor) -> None:
        self.error: BaseException | None = None
        self.scope = trio.CancelScope()
        self.over = trio.Event()
        self._supervisor = supervisor
        nursery.start_soon(self._run)

    async def _run(self) -> None:
        try:
            with self.scope:
                await self._supervisor.run()
        except (Exception, KeyboardInterrupt, BaseExceptionGroup) as error:
            self.error = error
        finally:
            self.over.set()


@pytest.fixture
async def stage() -> Stage:
    return Stage()


async def settle() -> None:
    await trio.testing.wait_all_tasks_blocked()


async def raiser(error: BaseException) -> None:
    raise error


# The decisions


@pytest.mark.parametrize(
    ("restart", "crashed", "again"),
    [
        (PERMANENT, True, True),
        (PERMANENT, False, True),
        (TRANSIENT, True, True),
        (TRANSIENT, False, False),
        (TEMPORARY, True, False),
        (TEMPORARY, False, False),
    ],
)
def test_the_kind_of_restart_decides_who_starts_again(
    restart: Restart, crashed: bool, again: bool
) -> None:
    assert restarts_after_exit(restart, crashed=crashed) is again


@pytest.mark.parametrize(
    ("strategy", "replaced"),
    [
        (Strategy.ONE_FOR_ONE, "b"),
        (Strategy.ONE_FOR_ALL, "abc"),
        (Strategy.REST_FOR_ONE, "bc"),
    ],
)
def test_the_strategy_decides_who_is_replaced(strategy: Strategy, replaced: str) -> None:
    assert list(replaced_with(strategy, ["a", "b", "c"], "b")) == list(replaced)


def test_the_last_significant_child_counts_only_for_all_significant() -> None:
    for others in (True, False):
        assert not shuts_down(AutoShutdown.NEVER, others_active=others)
        assert shuts_down(AutoShutdown.ANY_SIGNIFICANT, others_active=others)
        assert shuts_down(AutoShutdown.ALL_SIGNIFICANT, others_active=others) is not others


def test_the_window_of_restarts_slides() -> None:
    intensity = Intensity(2, 5)
    assert [intensity.admit(now) for now in (0, 4, 5.5, 10.6, 12, 13)] == [True] * 5 + [False]


def test_a_restart_exactly_one_period_old_still_counts() -> None:
    intensity = Intensity(1, 5)
    assert intensity.admit(0)
    assert not intensity.admit(5)


def test_a_single_error_is_taken_out_of_its_groups() -> None:
    boom = Boom()
    assert sole_error(boom) is boom
    assert sole_error(ExceptionGroup("", [ExceptionGroup("", [boom])])) is boom
    both = ExceptionGroup("", [boom, Boom()])
    assert sole_error(both) is both


@given(
    gaps=st.lists(st.integers(0, 10), max_size=30),
    most=st.integers(0, 5),
    period=st.integers(1, 12),
)
def test_intensity_agrees_with_counting_by_hand(gaps: list[int], most: int, period: int) -> None:
    intensity, now, times = Intensity(most, period), 0, []
    for gap in gaps:
        now += gap
        times.append(now)
        recent = [t for t in times if now - t <= period]
        assert intensity.admit(now) is (len(recent) <= most)


@given(st.lists(st.integers(), unique=True, min_size=1), st.data(), st.sampled_from(Strategy))
def test_who_is_replaced_keeps_the_start_order_and_holds_the_crashed(
    children: list[int], data: st.DataObject, strategy: Strategy
) -> None:
    crashed = data.draw(st.sampled_from(children))
    replaced = list(replaced_with(strategy, children, crashed))
    assert crashed in replaced
    assert replaced == [child for child in children if child in replaced]
    if strategy is Strategy.REST_FOR_ONE:
        assert replaced[0] == crashed
        assert replaced[-1] == children[-1]


# What a spec refuses


def test_a_permanent_child_cannot_be_significant() -> None:
    with pytest.raises(ValueError, match="cannot be significant"):
        Child("a", run=trio.sleep_forever, significant=True)


@pytest.mark.parametrize("figures", [{"start_s": 0}, {"shutdown_s": -1}, {"start_s": math.nan}])
def test_times_that_make_no_sense_are_refused(figures: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="start_s above 0"):
        Child("a", run=trio.sleep_forever, **figures)  # type: ignore[arg-type]


@pytest.mark.parametrize("figures", [{"max_restarts": -1}, {"period_s": 0}])
def test_an_intensity_that_makes_no_sense_is_refused(figures: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="max_restarts"):
        Supervisor("s", **figures)  # type: ignore[arg-type]


def test_two_static_children_cannot_share_an_id() -> None:
    with pytest.raises(ValueError, match="two children with one id"):
        Supervisor("s", [Child("a", run=trio.sleep_forever)] * 2)


# Starting


async def test_children_take_their_first_steps_in_start_order(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    await nursery.start(Supervisor("s", [stage.child(name) for name in "abcdef"]).run)
    assert stage.log == ["+a", "+b", "+c", "+d", "+e", "+f"]


async def test_the_next_child_starts_only_when_the_one_before_is_ready(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [stage.child("a", ready_after_s=2), stage.child("b", ready_after_s=3)]
    children.append(stage.child("c"))
    await nursery.start(Supervisor("s", children).run)
    assert stage.at == [("+a", 0), ("+b", 2), ("+c", 5)]


async def test_a_supervisor_without_children_starts_and_stops(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    await nursery.start(supervisor.run)
    supervisor.stop()
    await settle()
    assert not nursery.child_tasks


async def test_a_child_that_is_not_ready_in_time_stops_the_others_and_fails_the_start(
    autojump_clock: MockClock,
    stage: Stage,
) -> None:
    children = [
        stage.child("a"),
        stage.child("b"),
        stage.child("c", ready_after_s=9, start_s=2.5),
        stage.child("d"),
    ]
    with pytest.raises(StartFailed, match="'c' did not start") as caught:
        await Supervisor("s", children).run()
    assert isinstance(caught.value.__cause__, NotReady)
    assert stage.at == [("+a", 0), ("+b", 0), ("+c", 0), ("-c", 2.5), ("-b", 2.5), ("-a", 2.5)]


async def test_the_start_limit_no_longer_counts_once_the_child_is_ready(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    await nursery.start(
        Supervisor("s", [stage.child("a", ready_after_s=1, start_s=1.5, cleanup_s=1)]).run
    )
    await trio.sleep(10)
    assert stage.log == ["+a"]


async def test_a_child_that_raises_before_it_is_ready_is_the_cause(
    autojump_clock: MockClock, stage: Stage
) -> None:
    boom = Boom()
    failing = Child("b", run=lambda task_status: raiser(boom), ready=True)
    supervisor = Supervisor("s", [stage.child("a"), failing], observers=[stage.observe])
    with pytest.raises(StartFailed) as caught:
        await supervisor.run()
    assert caught.value.__cause__ is boom
    assert stage.events == ["Started a", "Crashed b", "Stopped a"]


async def test_a_child_that_returns_before_it_is_ready_has_failed(
    autojump_clock: MockClock,
) -> None:
    async def hasty(*, task_status: trio.TaskStatus[None]) -> None:
        pass

    with pytest.raises(StartFailed) as caught:
        await Supervisor("s", [Child("a", run=hasty, ready=True)]).run()
    assert "ended before ready" in str(caught.value.__cause__)


async def test_readiness_declared_after_the_limit_comes_too_late(autojump_clock: MockClock) -> None:
    async def late(*, task_status: trio.TaskStatus[None]) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(3)
        task_status.started()
        await trio.sleep_forever()

    with pytest.raises(StartFailed):
        await Supervisor("s", [Child("a", run=late, ready=True, start_s=2)]).run()


async def test_a_child_may_declare_itself_ready_only_once(autojump_clock: MockClock) -> None:
    async def eager(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        task_status.started()

    supervisor = Supervisor("s", [Child("a", run=eager, ready=True)], max_restarts=0)
    with pytest.raises(GaveUp) as caught:
        await supervisor.run()
    assert isinstance(caught.value.__cause__, RuntimeError)


async def test_a_run_that_raises_before_its_first_await_is_a_crash(
    autojump_clock: MockClock, stage: Stage
) -> None:
    def broken() -> trio.Event:
        raise Boom

    child = Child("a", run=broken)  # type: ignore[arg-type]
    with pytest.raises(GaveUp) as caught:
        await Supervisor("s", [child], max_restarts=0).run()
    assert isinstance(caught.value.__cause__, Boom)


async def test_a_child_that_crashes_while_a_later_one_starts_is_restarted_at_once(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [stage.child("a"), stage.child("b", ready_after_s=4), stage.child("c")]
    Outcome(nursery, Supervisor("s", children))
    await trio.sleep(1)
    stage.crash("a")
    await trio.sleep(4)
    assert stage.log == ["+a", "+b", "+a", "+c"]


async def test_it_cannot_run_twice_at_once(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    await nursery.start(supervisor.run)
    with pytest.raises(RuntimeError, match="already running"):
        await supervisor.run()
    supervisor.stop()


async def test_it_can_run_again_with_its_static_children_only(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a")])
    await nursery.start(supervisor.run)
    supervisor.spawn_child(stage.child("x"))
    await settle()
    supervisor.stop()
    await settle()
    await nursery.start(supervisor.run)
    assert [info.id for info in supervisor.children()] == ["a"]
    assert stage.log == ["+a", "+x", "-x", "-a", "+a"]


# Restarting


@pytest.mark.parametrize(
    ("strategy", "crashes", "steps"),
    [
        (Strategy.ONE_FOR_ONE, "b", "+b"),
        (Strategy.ONE_FOR_ALL, "b", "-d -c -a +a +b +c +d"),
        (Strategy.REST_FOR_ONE, "b", "-d -c +b +c +d"),
        (Strategy.ONE_FOR_ONE, "cb", "+b +c"),
        (Strategy.ONE_FOR_ALL, "cb", "-d -a +a +b +c +d"),
        (Strategy.REST_FOR_ONE, "cb", "-d +b +c +d"),
        (Strategy.ONE_FOR_ONE, "dcba", "+a +b +c +d"),
        (Strategy.ONE_FOR_ALL, "dcba", "+a +b +c +d"),
        (Strategy.REST_FOR_ONE, "dcba", "+a +b +c +d"),
    ],
)
async def test_each_is_replaced_exactly_once_also_when_several_crash_together(
    autojump_clock: MockClock,
    stage: Stage,
    nursery: trio.Nursery,
    strategy: Strategy,
    crashes: str,
    steps: str,
) -> None:
    children = [stage.child(name) for name in "abcd"]
    supervisor = Supervisor("s", children, strategy=strategy, max_restarts=4)
    await nursery.start(supervisor.run)
    assert await stage.crash_and_settle(*crashes) == steps.split()


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_a_group_that_crashes_together_counts_as_one_restart(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery, strategy: Strategy
) -> None:
    children = [stage.child(name) for name in "abc"]
    supervisor = Supervisor("s", children, strategy=strategy, max_restarts=1)
    await nursery.start(supervisor.run)
    assert await stage.crash_and_settle("c", "b", "a") == ["+a", "+b", "+c"]


async def test_a_child_that_crashes_while_it_is_being_replaced_is_not_restarted_twice(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    async def sore_loser() -> None:
        stage.note("+c")
        try:
            await trio.sleep_forever()
        finally:
            raise Boom

    children = [stage.child("a"), Child("c", run=sore_loser)]
    supervisor = Supervisor("s", children, strategy=Strategy.ONE_FOR_ALL, max_restarts=1)
    await nursery.start(supervisor.run)
    assert await stage.crash_and_settle("a") == ["+a", "+c"]


async def test_a_permanent_child_that_returns_is_restarted(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    await nursery.start(Supervisor("s", [stage.child("a")]).run)
    stage.finish("a")
    await settle()
    assert stage.log == ["+a", ".a", "+a"]


async def test_a_transient_child_that_returns_stays_ended_and_is_not_counted(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a", TRANSIENT)], max_restarts=0)
    await nursery.start(supervisor.run)
    stage.finish("a")
    await settle()
    (info,) = supervisor.children()
    assert (info.id, info.alive, info.restarts, info.restart) == ("a", False, 0, TRANSIENT)


async def test_a_transient_child_that_had_ended_starts_again_with_its_group(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [stage.child("a"), stage.child("b", TRANSIENT)]
    await nursery.start(Supervisor("s", children, strategy=Strategy.REST_FOR_ONE).run)
    stage.finish("b")
    await settle()
    assert await stage.crash_and_settle("a") == ["+a", "+b"]


async def test_a_temporary_child_is_forgotten_when_it_crashes(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a", TEMPORARY)], max_restarts=0)
    await nursery.start(supervisor.run)
    assert await stage.crash_and_settle("a") == []
    assert supervisor.children() == []


async def test_a_temporary_child_is_stopped_with_its_group_but_not_started_again(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [stage.child("a"), stage.child("b", TEMPORARY), stage.child("c")]
    await nursery.start(Supervisor("s", children, strategy=Strategy.ONE_FOR_ALL).run)
    assert await stage.crash_and_settle("a") == ["-c", "-b", "+a", "+c"]


async def test_a_child_cancelled_by_a_scope_of_its_own_has_not_crashed(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    scope = trio.CancelScope()

    async def run() -> None:
        with scope:
            await trio.sleep_forever()

    supervisor = Supervisor(
        "s", [Child("a", run=run, restart=TRANSIENT)], observers=[stage.observe]
    )
    await nursery.start(supervisor.run)
    scope.cancel()
    await settle()
    assert stage.events == ["Started a", "Stopped a"]


async def test_a_start_that_fails_at_a_restart_is_tried_again_in_order(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    starts = 0

    async def flaky(*, task_status: trio.TaskStatus[None]) -> None:
        nonlocal starts
        starts += 1
        stage.note("+b")
        if starts == 2:
            raise Boom
        task_status.started()
        await trio.sleep_forever()

    children = [stage.child("a"), Child("b", run=flaky, ready=True), stage.child("c")]
    supervisor = Supervisor(
        "s", children, strategy=Strategy.REST_FOR_ONE, max_restarts=2, observers=[stage.observe]
    )
    await nursery.start(supervisor.run)
    stage.events.clear()
    assert await stage.crash_and_settle("a") == ["-c", "+a", "+b", "+b", "+c"]
    assert stage.events == [
        "Crashed a",
        "Stopped c",
        "Stopped b",
        "Restarted a",
        "Crashed b",
        "Restarted b",
        "Restarted c",
    ]


async def test_a_start_that_always_fails_at_a_restart_exhausts_the_intensity(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    starts: list[float] = []

    async def once(*, task_status: trio.TaskStatus[None]) -> None:
        starts.append(trio.current_time())
        if len(starts) == 1:
            task_status.started()
        await trio.sleep(1)
        raise Boom

    began = trio.current_time()
    with pytest.raises(GaveUp):
        await Supervisor("s", [Child("a", run=once, ready=True)], max_restarts=2).run()
    assert [at - began for at in starts] == [0, 1, 2]


async def test_a_crash_noticed_during_a_start_that_fails_is_cleared_in_start_order(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    starts = 0

    async def flaky(*, task_status: trio.TaskStatus[None]) -> None:
        nonlocal starts
        starts += 1
        if starts == 2:
            stage.note("+b")
            await trio.sleep(2)
            raise Boom
        await stage.act("b", task_status=task_status)

    await nursery.start(Supervisor("s", [stage.child("a"), Child("b", run=flaky, ready=True)]).run)
    stage.crash("b")
    await trio.sleep(1)
    stage.crash("a")
    await trio.sleep(5)
    assert stage.at[2:] == [("+b", 0), ("+a", 2), ("+b", 2)]


# Giving up


async def test_too_many_restarts_stop_everything_in_reverse_and_raise_from_the_last_crash(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [stage.child(name) for name in "abc"]
    supervisor = Supervisor("s", children, max_restarts=2, observers=[stage.observe])
    outcome = Outcome(nursery, supervisor)
    await settle()
    await stage.crash_and_settle("b")
    await stage.crash_and_settle("b")
    assert await stage.crash_and_settle("b") == ["-c", "-a"]
    assert isinstance(outcome.error, GaveUp)
    assert str(outcome.error.__cause__) == "b"
    assert stage.events[-4:] == ["Crashed b", "Surrendered b", "Stopped c", "Stopped a"]


async def test_crashes_further_apart_than_the_period_never_make_it_give_up(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a")], max_restarts=1, period_s=5)
    await nursery.start(supervisor.run)
    for _ in range(10):
        stage.crash("a")
        await trio.sleep(5.5)
    assert supervisor.children()[0].restarts == 10


async def test_with_unlimited_restarts_it_never_gives_up(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a")], max_restarts=math.inf)
    await nursery.start(supervisor.run)
    for _ in range(100):
        await stage.crash_and_settle("a")
    assert supervisor.children()[0].restarts == 100


async def test_a_permanent_child_that_keeps_returning_is_given_up_without_a_cause(
    autojump_clock: MockClock,
) -> None:
    async def hasty() -> None:
        pass

    with pytest.raises(GaveUp) as caught:
        await Supervisor("s", [Child("a", run=hasty)]).run()
    assert caught.value.__cause__ is None


async def test_an_observer_that_asks_to_stop_when_it_gives_up_changes_nothing(
    autojump_clock: MockClock,
    stage: Stage,
) -> None:
    def on_event(event: SupervisionEvent) -> None:
        if isinstance(event, Surrendered):
            supervisor.stop()

    bad = Child("b", run=partial(raiser, Boom()))
    supervisor = Supervisor(
        "s", [stage.child("a", winds_down_s=1), bad], max_restarts=0, observers=[on_event]
    )
    with pytest.raises(GaveUp):
        await supervisor.run()
    assert stage.log == ["+a", "-a"]


# Stopping


async def test_a_graceful_stop_goes_in_reverse_order_each_child_with_its_own_deadline(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [
        stage.child("a", winds_down_s=1),
        stage.child("b"),
        stage.child("c", winds_down_s=9, shutdown_s=3),
        stage.child("d", winds_down_s=2),
    ]
    supervisor = Supervisor("s", children)
    outcome = Outcome(nursery, supervisor)
    await settle()
    supervisor.stop()
    supervisor.stop()  # asking twice changes nothing
    await outcome.over.wait()
    assert stage.at[4:] == [
        ("?d", 0),
        (".d", 2),
        ("?c", 2),
        ("-c", 5),
        ("-b", 5),
        ("?a", 5),
        (".a", 6),
    ]
    assert outcome.error is None


async def test_cancellation_stops_in_reverse_order_without_grace(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [
        stage.child("a", winds_down_s=1),
        stage.child("b", cleanup_s=2),
        stage.child("c", cleanup_s=1),
    ]
    outcome = Outcome(nursery, Supervisor("s", children))
    await trio.sleep(1)
    outcome.scope.cancel()
    await outcome.over.wait()
    assert stage.at[3:] == [("-c", 1), ("-b", 2), ("-a", 4)]
    assert outcome.scope.cancelled_caught


async def test_cancellation_during_the_grace_ends_it_at_once(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [stage.child(name, winds_down_s=100, shutdown_s=50) for name in "abc"]
    supervisor = Supervisor("s", children)
    outcome = Outcome(nursery, supervisor)
    await settle()
    supervisor.stop()
    await trio.sleep(7)
    outcome.scope.cancel()
    await outcome.over.wait()
    assert stage.at[3:] == [("?c", 0), ("-c", 7), ("-b", 7), ("-a", 7)]
    assert outcome.scope.cancelled_caught


async def test_a_child_that_overruns_is_reported_and_waited_for_but_holds_up_nobody(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [stage.child("a"), stage.child("b", cleanup_s=10, shutdown_s=3)]
    supervisor = Supervisor("s", children, observers=[stage.observe])
    outcome = Outcome(nursery, supervisor)
    await settle()
    supervisor.stop()
    await outcome.over.wait()
    assert stage.at[2:] == [("-b", 0), ("-a", 3)]
    assert trio.current_time() - stage._began == 10
    assert stage.events[2:] == ["Overran b", "Stopped a", "Stopped b"]


async def test_a_sibling_that_overruns_holds_up_the_restart_of_its_group(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [stage.child("a"), stage.child("b", cleanup_s=10, shutdown_s=3)]
    supervisor = Supervisor("s", children, strategy=Strategy.ONE_FOR_ALL, observers=[stage.observe])
    await nursery.start(supervisor.run)
    stage.crash("a")
    await trio.sleep(11)
    assert stage.at[2:] == [("-b", 0), ("+a", 10), ("+b", 10)]
    assert stage.events.count("Overran b") == 1


async def test_a_stop_hook_that_raises_is_logged_and_the_child_cancelled(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise Boom

    supervisor = Supervisor("s", [stage.child("a", stop=broken)])
    outcome = Outcome(nursery, supervisor)
    await settle()
    supervisor.stop()
    await outcome.over.wait()
    assert stage.at == [("+a", 0), ("-a", 0)]
    assert "stop() of child 'a' raised" in caplog.text


async def test_a_stop_during_the_start_stops_what_has_started_and_counts_as_started(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a"), stage.child("b", ready_after_s=9)])
    async with trio.open_nursery() as asking:

        @asking.start_soon
        async def _() -> None:
            await trio.sleep(2)
            supervisor.stop()

        await nursery.start(supervisor.run)
    await settle()
    assert stage.at == [("+a", 0), ("+b", 0), ("-b", 2), ("-a", 2)]


async def test_a_stop_and_a_crash_in_one_instant_restart_nobody(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a"), stage.child("b")], max_restarts=0)
    outcome = Outcome(nursery, supervisor)
    await settle()
    stage.crash("b")
    supervisor.stop()
    await outcome.over.wait()
    assert outcome.error is None
    assert stage.log == ["+a", "+b", "-a"]


async def test_an_error_raised_while_being_stopped_is_reported_and_does_no_harm(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    async def sore_loser() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise Boom

    supervisor = Supervisor("s", [Child("a", run=sore_loser)], observers=[stage.observe])
    outcome = Outcome(nursery, supervisor)
    await settle()
    supervisor.stop()
    await outcome.over.wait()
    assert outcome.error is None
    assert stage.events == ["Started a", "Crashed a"]


async def test_stop_on_a_supervisor_that_does_not_run_does_nothing(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a")])
    supervisor.stop()
    await nursery.start(supervisor.run)
    assert supervisor.children()[0].alive


async def test_no_task_is_left_when_it_ends(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    def tasks() -> int:
        return trio.lowlevel.current_statistics().tasks_living

    before = tasks()
    for _ in range(3):
        children = [stage.child(name, cleanup_s=1) for name in "ab"]
        supervisor = Supervisor("s", children)
        outcome = Outcome(nursery, supervisor)
        await settle()
        for name in "xyz":
            supervisor.spawn_child(stage.child(name, TEMPORARY))
        stage.crash("a")
        await settle()
        supervisor.stop()
        await outcome.over.wait()
        await settle()
    assert tasks() == before


async def test_what_is_no_exception_goes_through_and_takes_everyone_down_in_order(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    async def interrupted() -> None:
        await trio.sleep(1)
        raise KeyboardInterrupt

    children = [stage.child("a", cleanup_s=1), stage.child("b", cleanup_s=1)]
    children.append(Child("c", run=interrupted))
    outer = Supervisor("outer", [Child("x", run=Supervisor("s", children).run, ready=True)])
    outcome = Outcome(nursery, outer)
    await outcome.over.wait()
    assert isinstance(outcome.error, BaseExceptionGroup)
    assert outcome.error.split(KeyboardInterrupt)[1] is None
    assert stage.at == [("+a", 0), ("+b", 0), ("-b", 1), ("-a", 2)]


# Automatic shutdown


@pytest.mark.parametrize("restart", [TRANSIENT, TEMPORARY])
async def test_the_end_of_any_significant_child_stops_the_rest_in_reverse_without_grace(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery, restart: Restart
) -> None:
    children = [
        stage.child("a", winds_down_s=1),
        stage.child("b", restart, significant=True),
        stage.child("c"),
    ]
    supervisor = Supervisor("s", children, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    outcome = Outcome(nursery, supervisor)
    await settle()
    stage.finish("b")
    await outcome.over.wait()
    assert stage.log[3:] == [".b", "-c", "-a"]
    assert outcome.error is None


async def test_the_crash_of_a_significant_temporary_child_ends_the_supervisor_well(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor(
        "s",
        [stage.child("a", TEMPORARY, significant=True)],
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
        observers=[stage.observe],
    )
    outcome = Outcome(nursery, supervisor)
    await settle()
    stage.crash("a")
    await outcome.over.wait()
    assert outcome.error is None
    assert stage.events == ["Started a", "Crashed a"]


async def test_a_significant_transient_child_that_crashes_is_restarted(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor(
        "s",
        [stage.child("a", TRANSIENT, significant=True)],
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
    )
    await nursery.start(supervisor.run)
    assert await stage.crash_and_settle("a") == ["+a"]


async def test_with_all_significant_only_the_last_one_ends_the_supervisor(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [
        stage.child("a", TRANSIENT, significant=True),
        stage.child("b", TEMPORARY, significant=True),
        stage.child("c"),
    ]
    supervisor = Supervisor("s", children, auto_shutdown=AutoShutdown.ALL_SIGNIFICANT)
    outcome = Outcome(nursery, supervisor)
    await settle()
    stage.finish("a")
    await settle()
    assert not outcome.over.is_set()
    stage.finish("b")
    await outcome.over.wait()
    assert outcome.error is None
    assert stage.log[-1] == "-c"


@pytest.mark.parametrize("auto", AutoShutdown)
async def test_the_end_of_an_insignificant_child_ends_nothing(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery, auto: AutoShutdown
) -> None:
    children = [stage.child("a", TRANSIENT), stage.child("b")]
    supervisor = Supervisor("s", children, auto_shutdown=auto)
    await nursery.start(supervisor.run)
    stage.finish("a")
    await settle()
    assert [info.alive for info in supervisor.children()] == [False, True]


async def test_a_significant_child_that_is_stopped_by_request_ends_nothing(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [stage.child("a", TEMPORARY, significant=True), stage.child("b")]
    supervisor = Supervisor("s", children, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    await nursery.start(supervisor.run)
    await supervisor.stop_child("a")
    await settle()
    assert [info.id for info in supervisor.children()] == ["b"]


async def test_a_significant_child_that_ends_during_a_slow_restart_does_not_wait_for_it(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [
        stage.child("a", TRANSIENT, significant=True),
        stage.child("b", ready_after_s=60),
    ]
    supervisor = Supervisor("s", children, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    outcome = Outcome(nursery, supervisor)
    await trio.sleep(61)
    stage.crash("b")
    await trio.sleep(1)
    stage.finish("a")
    await outcome.over.wait()
    assert trio.current_time() - stage._began == 62


# Dynamic children


async def test_start_child_waits_until_the_child_is_ready(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a")])
    await nursery.start(supervisor.run)
    await supervisor.start_child(stage.child("x", TEMPORARY, ready_after_s=3))
    assert trio.current_time() - stage._began == 3
    assert [(info.id, info.alive) for info in supervisor.children()] == [("a", True), ("x", True)]


@pytest.mark.parametrize("restart", Restart)
async def test_a_dynamic_child_that_fails_to_start_raises_and_is_not_kept(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery, restart: Restart
) -> None:
    supervisor = Supervisor("s", max_restarts=0)
    await nursery.start(supervisor.run)
    boom = Boom()
    child = Child("x", run=lambda task_status: raiser(boom), ready=True, restart=restart)
    with pytest.raises(StartFailed) as caught:
        await supervisor.start_child(child)
    assert caught.value.__cause__ is boom
    assert supervisor.children() == []
    await supervisor.start_child(stage.child("x"))


async def test_a_dynamic_child_that_is_not_ready_in_time_is_not_kept(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    await nursery.start(supervisor.run)
    with pytest.raises(StartFailed):
        await supervisor.start_child(stage.child("x", ready_after_s=9, start_s=2))
    assert stage.at == [("+x", 0), ("-x", 2)]
    assert supervisor.children() == []


async def test_whoever_is_cancelled_while_starting_a_child_leaves_none_behind(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    await nursery.start(supervisor.run)
    with trio.move_on_after(2):
        await supervisor.start_child(stage.child("x", ready_after_s=9))
    await settle()
    assert stage.at == [("+x", 0), ("-x", 2)]
    assert supervisor.children() == []


async def test_a_child_being_started_when_the_supervisor_stops_raises_supervisor_stopped(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    await nursery.start(supervisor.run)

    async def stop_soon() -> None:
        await trio.sleep(1)
        supervisor.stop()

    nursery.start_soon(stop_soon)
    with pytest.raises(SupervisorStopped):
        await supervisor.start_child(stage.child("x", ready_after_s=9))


async def test_a_child_being_started_when_it_is_stopped_has_not_started(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    await nursery.start(supervisor.run)

    async def stop_soon() -> None:
        await trio.sleep(1)
        await supervisor.stop_child("x")

    nursery.start_soon(stop_soon)
    with pytest.raises(StartFailed):
        await supervisor.start_child(stage.child("x", ready_after_s=9))
    assert supervisor.children() == []


async def test_spawn_child_does_not_wait(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    await nursery.start(supervisor.run)
    supervisor.spawn_child(stage.child("x", ready_after_s=3))
    assert stage.log == []
    await settle()
    assert stage.log == ["+x"]


async def test_a_spawned_permanent_child_that_fails_to_start_is_retried(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", observers=[stage.observe])
    await nursery.start(supervisor.run)
    supervisor.spawn_child(stage.child("x", ready_after_s=9, start_s=2))
    await trio.sleep(5)
    assert stage.at[:3] == [("+x", 0), ("-x", 2), ("+x", 2)]


async def test_dynamic_children_are_restarted_by_their_kind(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    await nursery.start(supervisor.run)
    for name, restart in (("p", PERMANENT), ("r", TRANSIENT), ("t", TEMPORARY)):
        await supervisor.start_child(stage.child(name, restart))
    assert await stage.crash_and_settle("t", "r", "p") == ["+p", "+r"]
    assert [(info.id, info.restarts) for info in supervisor.children()] == [("p", 1), ("r", 1)]


async def test_a_dynamic_permanent_child_belongs_to_the_group_of_its_strategy(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a")], strategy=Strategy.REST_FOR_ONE)
    await nursery.start(supervisor.run)
    await supervisor.start_child(stage.child("x"))
    await supervisor.start_child(stage.child("y", TEMPORARY))
    assert await stage.crash_and_settle("a") == ["-y", "-x", "+a", "+x"]


async def test_an_id_in_use_is_refused(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a")])
    await nursery.start(supervisor.run)
    with pytest.raises(ValueError, match="has a child 'a'"):
        supervisor.spawn_child(stage.child("a"))
    with pytest.raises(ValueError, match="has a child 'a'"):
        await supervisor.start_child(stage.child("a"))


async def test_nothing_can_be_started_unless_it_runs(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a", winds_down_s=1)])
    with pytest.raises(SupervisorStopped):
        supervisor.spawn_child(stage.child("x"))
    outcome = Outcome(nursery, supervisor)
    await settle()
    supervisor.stop()
    with pytest.raises(SupervisorStopped):
        await supervisor.start_child(stage.child("x"))
    await outcome.over.wait()
    with pytest.raises(SupervisorStopped):
        supervisor.spawn_child(stage.child("x"))
    assert supervisor.children() == []


async def test_stop_child_is_graceful_returns_when_it_is_gone_and_frees_the_id(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    await nursery.start(supervisor.run)
    await supervisor.start_child(stage.child("x", winds_down_s=2))
    await supervisor.stop_child("x")
    assert stage.at == [("+x", 0), ("?x", 0), (".x", 2)]
    await supervisor.start_child(stage.child("x"))


async def test_stop_child_cancels_after_the_deadline_and_waits_for_an_overrun(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", observers=[stage.observe])
    await nursery.start(supervisor.run)
    await supervisor.start_child(stage.child("x", winds_down_s=99, shutdown_s=3, cleanup_s=4))
    await supervisor.stop_child("x")
    assert stage.at == [("+x", 0), ("?x", 0), ("-x", 3)]
    assert trio.current_time() - stage._began == 7
    assert stage.events == ["Started x", "Overran x", "Stopped x"]


async def test_a_stop_asked_for_stands_when_whoever_asked_is_cancelled(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    await nursery.start(supervisor.run)
    await supervisor.start_child(stage.child("x", winds_down_s=99, shutdown_s=3))
    with trio.move_on_after(1):
        await supervisor.stop_child("x")
    assert supervisor.children()[0].alive
    await trio.sleep(3)
    assert stage.at[-1:] == [("-x", 3)]
    assert supervisor.children() == []


async def test_a_child_asked_twice_to_stop_hears_it_once_and_keeps_its_first_deadline(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    outcome = Outcome(nursery, supervisor)
    await settle()
    await supervisor.start_child(stage.child("x", winds_down_s=99, shutdown_s=5))
    nursery.start_soon(supervisor.stop_child, "x")
    await trio.sleep(2)
    supervisor.stop()
    await outcome.over.wait()
    assert stage.at == [("+x", 0), ("?x", 0), ("-x", 5)]


async def test_stop_child_forgets_a_child_that_had_ended(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a", TRANSIENT)])
    await nursery.start(supervisor.run)
    stage.finish("a")
    await settle()
    await supervisor.stop_child("a")
    assert supervisor.children() == []


async def test_stop_child_prevents_a_restart_that_is_due(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [stage.child("a", ready_after_s=5), stage.child("b")]
    supervisor = Supervisor("s", children)
    await nursery.start(supervisor.run)
    stage.crash("a", "b")
    await trio.sleep(1)
    assert [info.alive for info in supervisor.children()] == [True, False]
    await supervisor.stop_child("b")
    await trio.sleep(10)
    assert stage.log == ["+a", "+b", "+a"]


async def test_stop_child_of_an_unknown_id_is_a_lookup_error(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    with pytest.raises(LookupError):
        await supervisor.stop_child("x")
    await nursery.start(supervisor.run)
    with pytest.raises(LookupError, match="no child 'x'"):
        await supervisor.stop_child("x")


async def test_a_child_stopped_before_its_first_step_never_runs(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    await nursery.start(supervisor.run)
    supervisor.spawn_child(stage.child("x", winds_down_s=1))
    await supervisor.stop_child("x")
    assert "+x" not in stage.log
    assert "?x" not in stage.log


async def test_a_child_may_stop_itself(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    await nursery.start(supervisor.run)
    supervisor.spawn_child(Child("x", run=lambda: supervisor.stop_child("x")))
    await settle()
    assert supervisor.children() == []


async def test_dynamic_temporary_children_wind_down_together_before_the_static_ones(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a"), stage.child("b")])
    outcome = Outcome(nursery, supervisor)
    await settle()
    await supervisor.start_child(stage.child("x", TEMPORARY, winds_down_s=4))
    await supervisor.start_child(stage.child("p"))
    await supervisor.start_child(stage.child("y", TEMPORARY, winds_down_s=9, shutdown_s=2))
    await supervisor.start_child(stage.child("z", TEMPORARY))
    stage.at.clear()
    supervisor.stop()
    await outcome.over.wait()
    assert stage.at[:2] == [("?y", 0), ("?x", 0)]
    assert stage.at[2:] == [("-z", 0), ("-y", 2), (".x", 4), ("-p", 4), ("-b", 4), ("-a", 4)]


async def test_dynamic_temporary_children_are_cancelled_together(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", [stage.child("a")])
    outcome = Outcome(nursery, supervisor)
    await settle()
    for name in "xyz":
        await supervisor.start_child(
            stage.child(name, TEMPORARY, winds_down_s=1, cleanup_s=3, shutdown_s=4)
        )
    stage.at.clear()
    outcome.scope.cancel()
    await outcome.over.wait()
    assert sorted(stage.at[:3]) == [("-x", 0), ("-y", 0), ("-z", 0)]
    assert stage.at[3:] == [("-a", 3)]


async def test_cancellation_during_the_grace_of_the_dynamic_children_ends_it_at_once(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s")
    outcome = Outcome(nursery, supervisor)
    await settle()
    await supervisor.start_child(stage.child("x", TEMPORARY, winds_down_s=99, shutdown_s=50))
    supervisor.stop()
    await trio.sleep(2)
    outcome.scope.cancel()
    await outcome.over.wait()
    assert stage.at == [("+x", 0), ("?x", 0), ("-x", 2)]


# Nesting


def as_child(supervisor: Supervisor, restart: Restart = PERMANENT) -> Child:
    return Child(
        supervisor.name,
        run=supervisor.run,
        ready=True,
        stop=supervisor.stop,
        shutdown_s=math.inf,
        restart=restart,
    )


async def test_a_supervisor_as_a_child_is_ready_when_its_children_are(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    inner = Supervisor("inner", [stage.child("a", ready_after_s=2)], observers=[stage.observe])
    outer = Supervisor("outer", [as_child(inner), stage.child("b")], observers=[stage.observe])
    await nursery.start(outer.run)
    assert stage.at == [("+a", 0), ("+b", 2)]
    assert stage.events == ["Started a", "Started inner", "Started b"]


async def test_a_crash_escalates_over_two_levels(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    inner = Supervisor("inner", [stage.child("a"), stage.child("b")], max_restarts=1)
    middle = Supervisor("middle", [stage.child("m"), as_child(inner)], max_restarts=0)
    outer = Supervisor("outer", [as_child(middle), stage.child("o")], observers=[stage.observe])
    await nursery.start(outer.run)
    assert await stage.crash_and_settle("b") == ["+b"]
    assert await stage.crash_and_settle("b") == ["-a", "-m", "+m", "+a", "+b"]
    assert stage.events[2:] == ["Crashed middle", "Restarted middle"]
    crash = stage.raw[2]
    assert isinstance(crash, Crashed)
    error: BaseException | None = crash.error
    chain = []
    while error is not None:
        chain.append(type(error))
        error = error.__cause__
    assert chain == [GaveUp, GaveUp, Boom]


async def test_a_failed_start_escalates_as_a_failed_start(
    autojump_clock: MockClock, stage: Stage
) -> None:
    inner = Supervisor("inner", [stage.child("a", ready_after_s=9, start_s=1)])
    with pytest.raises(StartFailed, match="'inner'") as caught:
        await Supervisor("outer", [as_child(inner)]).run()
    assert isinstance(caught.value.__cause__, StartFailed)


async def test_a_graceful_stop_reaches_down_two_levels(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    inner = Supervisor("inner", [stage.child("a", winds_down_s=1), stage.child("b")])
    outer = Supervisor("outer", [stage.child("o"), as_child(inner)])
    outcome = Outcome(nursery, outer)
    await settle()
    outer.stop()
    await outcome.over.wait()
    assert stage.at[3:] == [("-b", 0), ("?a", 0), (".a", 1), ("-o", 1)]


async def test_cancellation_reaches_down_two_levels_in_reverse_order(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    inner = Supervisor("inner", [stage.child("a", cleanup_s=1), stage.child("b", cleanup_s=1)])
    outer = Supervisor("outer", [stage.child("o"), as_child(inner), stage.child("q")])
    outcome = Outcome(nursery, outer)
    await settle()
    outcome.scope.cancel()
    await outcome.over.wait()
    assert stage.at[4:] == [("-q", 0), ("-b", 0), ("-a", 1), ("-o", 2)]


async def test_an_automatic_shutdown_looks_like_a_normal_end_to_the_parent(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    inner = Supervisor(
        "inner",
        [stage.child("a", TRANSIENT, significant=True), stage.child("b", ready_after_s=9)],
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
    )
    outer = Supervisor("outer", [as_child(inner, TRANSIENT)], observers=[stage.observe])
    Outcome(nursery, outer)
    await trio.sleep(1)
    stage.finish("a")  # while b is still starting
    await settle()
    assert stage.events == ["Started inner", "Stopped inner"]


# Observers


async def test_observers_are_told_everything_in_order(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    children = [stage.child("a"), stage.child("b")]
    supervisor = Supervisor(
        "s", children, strategy=Strategy.ONE_FOR_ALL, max_restarts=1, observers=[stage.observe]
    )
    outcome = Outcome(nursery, supervisor)
    await settle()
    await stage.crash_and_settle("b")
    stage.crash("a")
    await outcome.over.wait()
    first, last = (event.error for event in stage.raw if isinstance(event, Crashed))
    assert stage.raw == [
        Started(supervisor="s", child="a"),
        Started(supervisor="s", child="b"),
        Crashed(supervisor="s", child="b", error=first),
        Stopped(supervisor="s", child="a"),
        Restarted(supervisor="s", child="a", restarts=1),
        Restarted(supervisor="s", child="b", restarts=1),
        Crashed(supervisor="s", child="a", error=last),
        Surrendered(supervisor="s", child="a", error=last),
        Stopped(supervisor="s", child="b"),
    ]


async def test_an_observer_sees_the_table_as_it_is_after_the_event(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    seen: list[list[str]] = []

    def look(event: SupervisionEvent) -> None:
        if isinstance(event, Stopped):
            seen.append([info.id for info in supervisor.children()])

    supervisor = Supervisor("s", [stage.child("a", TEMPORARY)], observers=[look])
    await nursery.start(supervisor.run)
    stage.finish("a")
    await settle()
    assert seen == [[]]


async def test_an_observer_that_raises_is_logged_and_harms_nobody(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(event: SupervisionEvent) -> None:
        raise Boom

    supervisor = Supervisor("s", [stage.child("a")], observers=[broken, stage.observe])
    with caplog.at_level(logging.ERROR):
        await nursery.start(supervisor.run)
    assert stage.events == ["Started a"]
    assert "observer of supervisor 's' raised" in caplog.text


@pytest.mark.parametrize("kind", [Started, Crashed])
async def test_an_observer_that_ends_the_program_leaves_nobody_behind(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery, kind: type[SupervisionEvent]
) -> None:
    def fatal(event: SupervisionEvent) -> None:
        if isinstance(event, kind) and event.child == "b":
            raise KeyboardInterrupt

    children = [stage.child(name) for name in "abc"]
    outcome = Outcome(nursery, Supervisor("s", children, observers=[fatal]))
    await settle()
    if kind is Crashed:
        stage.crash("b", "c")
    await outcome.over.wait()
    assert isinstance(outcome.error, BaseExceptionGroup)


async def test_an_overrun_is_told_once(
    autojump_clock: MockClock, stage: Stage, nursery: trio.Nursery
) -> None:
    supervisor = Supervisor("s", observers=[stage.observe])
    outcome = Outcome(nursery, supervisor)
    await settle()
    await supervisor.start_child(stage.child("x", cleanup_s=9, shutdown_s=2))
    nursery.start_soon(supervisor.stop_child, "x")
    await trio.sleep(3)
    supervisor.stop()
    await outcome.over.wait()
    assert [event for event in stage.raw if isinstance(event, Overran)] == [
        Overran(supervisor="s", child="x")
    ]


@pytest.mark.parametrize("during", ["serving", "a stop", "a cancellation"])
async def test_an_exception_that_comes_while_it_waits_leaves_nobody_behind(
    during: str, autojump_clock: MockClock
) -> None:
    """A KeyboardInterrupt is raised wherever the main task waits, also under a shield."""
    left: list[str] = []

    async def slow_to_end() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            left.append("gone")

    def interrupt() -> None:
        raise KeyboardInterrupt

    supervisor = Supervisor("hit", [Child(id="slow", run=slow_to_end)])
    tasks: list[trio.lowlevel.Task] = []

    async def supervise() -> None:
        tasks.append(trio.lowlevel.current_task())
        with pytest.raises(BaseExceptionGroup) as caught:
            await supervisor.run()
        assert caught.value.subgroup(KeyboardInterrupt) is not None

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise)
            await trio.testing.wait_all_tasks_blocked()
            match during:
                case "a stop":
                    supervisor.stop()
                case "a cancellation":
                    nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await trio.testing.wait_all_tasks_blocked()
                tasks[0]._attempt_abort(interrupt)
    assert left == ["gone"]
