"""Lanes: a worker process that is shared, killed for real, and started again."""

from __future__ import annotations

import gc
import math
import multiprocessing
import multiprocessing.resource_tracker
import os
import select
import signal
import subprocess
import sys
import threading
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import structlog
import trio

from parley.backoff import Backoff
from parley.engines.failures import EngineFailure, EngineTimeout, EngineUnavailable, LaneLost
from parley.engines.lanes.giving_way import giving_way
from parley.engines.lanes.lane import FAIR_RUN_S, Lane
from parley.engines.lanes.life import WorkerLife
from parley.engines.lanes.pool import LanePool
from parley.engines.lanes.queue import QUEUE_MAX, Job, JobQueue, Rank
from parley.engines.lanes.standing import LaneState
from parley.engines.lanes.supervisor import LanesSupervisor
from parley.engines.lanes.worker import WorkerReplaced, warm, work
from support import lane_jobs as jobs  # spawned workers inherit sys.path

slow = pytest.mark.slow
QUICK = Backoff(first_s=0.02, most_s=0.05)


# --- The queue and the pauses, without an event loop ---


def job(
    name: str, *, urgent: bool = False, rank: Rank = Rank.LIVE, generation: int | None = None
) -> Job:
    rank = Rank.URGENT if urgent else rank
    return Job(jobs.append, (name,), math.inf, generation, rank)


def names(queue: JobQueue) -> list[str]:
    return [taken.args[0] for taken in iter(queue.pop, None)]


def queue_of(*waiting: Job) -> JobQueue:
    queue = JobQueue()
    for one in waiting:
        queue.put(one)
    return queue


def test_urgent_jobs_go_first_and_each_class_keeps_its_order() -> None:
    queue = queue_of(job("a"), job("b", urgent=True), job("c"), job("d", urgent=True))
    assert len(queue) == 4
    assert names(queue) == ["b", "d", "a", "c"]


def test_what_gives_way_is_last_and_takes_no_room_of_those_that_do_not() -> None:
    queue = queue_of(
        job("upload", rank=Rank.GIVES_WAY), job("partial"), job("final", rank=Rank.URGENT)
    )
    assert (len(queue), queue.live) == (3, 2)
    assert names(queue) == ["final", "partial", "upload"]
    queue = queue_of(*(job("upload", rank=Rank.GIVES_WAY) for _ in range(QUEUE_MAX)))
    assert [queue.full(rank) for rank in Rank] == [False, False, True]
    queue = queue_of(*(job("partial") for _ in range(QUEUE_MAX)))
    assert [queue.full(rank) for rank in Rank] == [True, True, False]


def test_jobs_are_taken_out_by_choice_and_the_others_keep_their_turn() -> None:
    queue = queue_of(job("a", generation=1), job("b", urgent=True), job("c"), job("d"))
    taken = queue.take(lambda waiting: waiting.args[0] in "ad")
    assert [one.args[0] for one in taken] == ["a", "d"]
    assert names(queue) == ["b", "c"]


def late(name: str, alike: str | None = "p", *, urgent: bool = False) -> Job:
    rank = Rank.URGENT if urgent else Rank.LIVE
    return Job(jobs.each_with_pid, (), math.inf, None, rank, late=lambda: name, alike=alike)


def items(batch: list[Job]) -> list[str]:
    return [one.late() if one.late else one.args[0] for one in batch]


def test_jobs_that_are_alike_are_done_together_and_the_others_keep_their_turn() -> None:
    waiting = [late("a"), job("x"), late("b", "q"), late("c"), late("d", urgent=True)]
    queue = queue_of(*waiting, *(late(name) for name in "efg"), late("h", None), late("i", None))
    batches = [items(batch) for batch in iter(queue.pop_with_alike, [])]
    assert batches == [["d"], ["a", "c", "e", "f"], ["x"], ["b"], ["g"], ["h"], ["i"]]


def test_a_job_ends_once() -> None:
    one = job("a")
    one.finish(7)
    one.finish(failure=LaneLost("too late"))
    assert (one.value, one.failure) == (7, None)


def test_the_pause_doubles_up_to_its_limit() -> None:
    backoff = Backoff(first_s=0.3, most_s=5.0)
    assert [backoff.pause_s(n) for n in (0, 1, 2, 3, 5, 6, 10**6)] == [0, 0.3, 0.6, 1.2, 4.8, 5, 5]


def test_a_part_of_the_pause_is_left_out_by_chance() -> None:
    backoff = Backoff(first_s=1.0, most_s=8.0, jitter=0.5)
    assert [backoff.pause_s(n, lambda: 0.0) for n in (0, 1, 2, 9)] == [0, 1, 2, 8]
    assert [backoff.pause_s(n, lambda: 0.5) for n in (0, 1, 2, 9)] == [0, 0.75, 1.5, 6]
    assert {backoff.pause_s(4) for _ in range(20)} != {8.0}


# --- Without a worker ---

PAUSE = Backoff(first_s=1000, most_s=1000)


def pausing_lane(name: str = "lane") -> Lane:
    """One that pauses before its next worker, for as long as a test lasts, when it is run."""
    lane = Lane(name, jobs.nothing, deaths=PAUSE)
    lane._quick_deaths = 1
    return lane


async def late_call(lane: Lane) -> object:
    return await lane.call_late(jobs.each_with_pid, lambda: "a")


CALLS: dict[str, Callable[[Lane], Awaitable[object]]] = {
    "call": lambda lane: lane.call(jobs.pid),
    "urgent": lambda lane: lane.call(jobs.pid, urgent=True),
    "bound": lambda lane: lane.call(jobs.pid, generation=lane.generation),
    "late": late_call,
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@every_call
async def test_a_lane_that_was_not_started_refuses_at_once(
    call: Callable[[Lane], Awaitable[object]],
) -> None:
    lane = Lane("lane", jobs.nothing)
    with trio.fail_after(1), pytest.raises(EngineUnavailable, match="has not been started"):
        await call(lane)
    lane.post(jobs.pid, generation=lane.generation)
    assert lane.load == 0


@every_call
async def test_a_lane_that_was_stopped_refuses_at_once(
    call: Callable[[Lane], Awaitable[object]],
) -> None:
    lane = pausing_lane()
    async with trio.open_nursery() as nursery:
        await nursery.start(lane.run)
        nursery.cancel_scope.cancel()
    with trio.fail_after(1), pytest.raises(EngineUnavailable, match="lane is stopped"):
        await call(lane)
    lane.post(jobs.pid, generation=lane.generation)
    assert lane.load == 0


@every_call
async def test_who_waits_for_a_lane_that_is_stopped_learns_it(
    call: Callable[[Lane], Awaitable[object]],
) -> None:
    lane = pausing_lane()
    results: list[object] = []
    with trio.fail_after(1):
        async with trio.open_nursery() as callers, trio.open_nursery() as nursery:
            await nursery.start(lane.run)
            callers.start_soon(outcome, partial(call, lane), results)
            await trio.testing.wait_all_tasks_blocked()
            assert results == []
            nursery.cancel_scope.cancel()
    assert [(type(result), str(result)) for result in results] == [
        (LaneLost, "lane: the lane is stopped")
    ]


async def test_a_lane_that_was_stopped_may_be_run_again() -> None:
    lane = pausing_lane()
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            await nursery.start(lane.run)
            nursery.start_soon(lane.call, jobs.pid)
            await trio.testing.wait_all_tasks_blocked()
            assert lane.load == 1  # it waits for the worker
            nursery.cancel_scope.cancel()


class LaneBetweenRuns(Lane):
    """Its supervisor's end finds it between two runs: nothing closes it from inside."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        self._closed = None
        task_status.started()
        await trio.sleep_forever()


@pytest.mark.parametrize("gracefully", [False, True])
async def test_lanes_whose_supervisor_has_ended_are_closed(gracefully: bool) -> None:
    lanes = [LaneBetweenRuns(name, jobs.nothing) for name in "ab"]
    supervisor = LanesSupervisor(lanes)
    results: list[object] = []
    with trio.fail_after(1):
        async with trio.open_nursery() as callers, trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)
            for lane in lanes:
                callers.start_soon(outcome, partial(lane.call, jobs.pid), results)
            await trio.testing.wait_all_tasks_blocked()
            assert results == []
            if gracefully:
                supervisor.stop()
            else:
                nursery.cancel_scope.cancel()
        for lane in lanes:
            with pytest.raises(EngineUnavailable, match="lane is stopped"):
                await lane.call(jobs.pid)
    assert [type(result) for result in results] == [LaneLost] * 2


async def test_a_full_lane_refuses_and_a_caller_that_goes_makes_room() -> None:
    lane = pausing_lane("full")
    async with trio.open_nursery() as nursery:
        await nursery.start(lane.run)
        for _ in range(QUEUE_MAX):
            nursery.start_soon(lane.call, jobs.pid)
        await trio.testing.wait_all_tasks_blocked()
        assert lane.load == QUEUE_MAX
        with pytest.raises(EngineFailure, match="lane full is full"):
            await lane.call(jobs.pid)
        nursery.cancel_scope.cancel()
    assert lane.load == 0


async def test_a_job_for_another_worker_than_the_present_is_refused_at_once() -> None:
    lane = pausing_lane()
    async with trio.open_nursery() as nursery:
        await nursery.start(lane.run)
        with pytest.raises(LaneLost):
            await lane.call(jobs.pid, generation=lane.generation - 1)
        lane.post(jobs.pid, generation=lane.generation - 1)
        assert lane.load == 0
        nursery.cancel_scope.cancel()


def test_a_pool_picks_the_least_loaded_of_the_ready_lanes() -> None:
    first, second, third = lanes = [Lane(name, jobs.nothing) for name in "abc"]
    pool = LanePool(lanes)
    assert (pool.ready, pool.load_error) == (False, None)
    assert third.refusal == "the lane has not been started"
    for lane in lanes:
        lane._closed = None  # as by `run`
    first.load_error = "no model"
    assert (pool.ready, pool.load_error) == (False, "no model")
    assert pool.pick() is second
    third.ready = True
    assert (pool.ready, pool.load_error) == (True, None)
    assert pool.pick() is third
    second.ready = True
    second._queue.put(job("a"))
    assert pool.pick() is third
    third._queue.put(job("a"))
    third._queue.put(job("b"))
    assert pool.pick() is second


def test_equal_lanes_take_turns() -> None:
    lanes = [Lane(name, jobs.nothing) for name in "abc"]
    pool = LanePool(lanes)
    assert [pool.pick().name for _ in range(4)] == ["a", "b", "c", "a"]


def test_who_gives_way_has_half_of_the_lanes_and_is_no_load_for_others() -> None:
    first, second = lanes = [Lane(name, jobs.nothing) for name in "ab"]
    for lane in lanes:
        lane._closed, lane.ready = None, True
    pool = LanePool(lanes)
    with giving_way():
        assert [pool.pick() for _ in range(3)] == [second] * 3
    second._queue.put(job("upload", rank=Rank.GIVES_WAY))
    first._queue.put(job("partial"))
    assert (second.load, second.live_load) == (1, 0)
    assert pool.pick() is second
    second.ready = False
    with giving_way():
        assert pool.pick() is first


async def test_a_call_within_giving_way_waits_for_those_that_talk() -> None:
    lane = pausing_lane()
    async with trio.open_nursery() as nursery:
        await nursery.start(lane.run)
        with giving_way():
            nursery.start_soon(lane.call, jobs.append, "upload")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(lane.call, jobs.append, "partial")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(partial(lane.call, urgent=True), jobs.append, "final")
        await trio.testing.wait_all_tasks_blocked()
        assert names(lane._queue) == ["final", "partial", "upload"]
        nursery.cancel_scope.cancel()


async def test_how_a_lane_stands_is_told(autojump_clock: trio.testing.MockClock) -> None:
    loads = Backoff(first_s=8, most_s=8, jitter=0.5)
    lane = Lane("lane", jobs.nothing, loads=loads, chance=lambda: 1.0)
    assert lane.standing.state is LaneState.STOPPED

    async def no_worker() -> None:
        lane._cannot_start(MemoryError("no room"))

    lane._serve_one_worker = no_worker  # type: ignore[method-assign]
    async with trio.open_nursery() as nursery:
        await nursery.start(lane.run)
        await trio.sleep(1)
        standing = lane.standing
        assert (standing.state, standing.failures) == (LaneState.BACKING_OFF, 1)
        told = "no worker can be started: MemoryError: no room; the next one starts in 3 s"
        assert standing.told() == told
        await trio.sleep(4)
        assert lane.standing.failures == 2
        nursery.cancel_scope.cancel()
    assert lane.standing.state is LaneState.STOPPED


@pytest.mark.parametrize("error", [KeyError("a bug"), MemoryError("no room")], ids=repr)
async def test_a_lane_that_cannot_get_as_far_as_a_worker_does_not_spin(
    error: Exception, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    starts: list[float] = []

    def refuse(*args: object, **options: object) -> None:
        starts.append(trio.current_time())
        raise error

    monkeypatch.setattr("trio_parallel.open_worker_context", refuse)
    lane = Lane("lane", jobs.nothing, chance=lambda: 0.0)
    logged: list[str] = []
    monkeypatch.setattr(
        "structlog.get_logger",
        lambda: types.SimpleNamespace(warning=lambda event, **told: logged.append(told["why"])),
    )
    with trio.move_on_after(60):
        await LanesSupervisor([lane]).run()
    assert starts == pytest.approx([0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5])
    assert logged == [f"no worker can be started: {type(error).__name__}: {error}"]


def test_a_pool_without_lanes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        LanePool([])


def test_a_worker_that_was_replaced_unnoticed_does_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parley.engines.lanes.worker._warm", False)
    with pytest.raises(WorkerReplaced):
        work(jobs.pid)
    assert warm(jobs.nothing).pid == work(jobs.pid) == os.getpid()


def test_a_process_that_is_not_there_has_ended() -> None:
    with WorkerLife(None) as life:
        assert life.ended


# --- With real workers ---


class WatchedLane(Lane):
    lost_with: list[str]
    """What each LaneLost said that `run` ended with."""


@asynccontextmanager
async def serving(
    init: Callable[[], object] = jobs.nothing, *, limit_s: float = 20
) -> AsyncIterator[WatchedLane]:
    """A lane under the simplest supervisor there is."""
    lane = WatchedLane("lane", init, deaths=QUICK, loads=QUICK)
    lane.lost_with = []

    async def supervise() -> None:
        while True:
            try:
                await lane.run()
            except LaneLost as lost:
                lane.lost_with.append(str(lost))

    with trio.fail_after(limit_s):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise)
            await trio.testing.wait_all_tasks_blocked()
            yield lane
            nursery.cancel_scope.cancel()


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await trio.sleep(0.005)


async def outcome(call: Callable[[], Awaitable[object]], into: list[object]) -> None:
    try:
        into.append(await call())
    except EngineFailure as failure:
        into.append(failure)


@slow
async def test_a_shared_lane_serves_survives_failing_jobs_and_keeps_its_order(
    tmp_path: Path,
) -> None:
    """One worker for many behaviours, since each start takes half a second."""
    async with serving() as lane:
        assert (lane.ready, lane.pid) == (False, None)
        assert await lane.call(jobs.pid) == lane.pid  # a call waits for the worker
        assert (lane.ready, lane.generation, lane.load) == (True, 1, 0)

        # State stays with the worker, and the worker is light and deaf to Ctrl-C.
        assert [await lane.call(jobs.count), await lane.call(jobs.count)] == [1, 2]
        assert await lane.call(jobs.heavy_modules) == []
        assert await lane.call(jobs.interrupt_myself) == "still here"

        # What a job raises comes back as an EngineFailure, and the worker stays.
        with pytest.raises(EngineUnavailable, match="no model"):
            await lane.call(jobs.fail, "unavailable")
        with pytest.raises(EngineFailure, match=r"ValueError at .*lane_jobs.py:\d+ in fail$"):
            await lane.call(jobs.fail, "value")
        with pytest.raises(EngineFailure, match="Picky at "):
            await lane.call(jobs.fail, "picky")
        with pytest.raises(EngineFailure, match="SystemExit at "):
            await lane.call(jobs.fail, "exit")
        with pytest.raises(EngineFailure, match=r"pickle|cannot be sent"):
            await lane.call(jobs.unpicklable)
        with pytest.raises(EngineFailure, match=r"pickle|cannot be sent"):
            await lane.call(jobs.append, threading.Lock())

        # A cancelled caller leaves the worker alone; its job runs on, or is dropped if it waits.
        path = tmp_path / "words"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lane.call, jobs.append, str(path), "running", 0.2)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(lane.call, jobs.append, str(path), "waiting")
            await trio.sleep(0.05)
            nursery.cancel_scope.cancel()
        assert lane.load == 1

        # A final overtakes the partials that wait.
        async with trio.open_nursery() as nursery:
            for word in ("one", "two"):
                nursery.start_soon(lane.call, jobs.append, str(path), word)
                await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(partial(lane.call, urgent=True), jobs.append, str(path), "final")
        lane.post(jobs.append, str(path), "posted", generation=lane.generation)
        assert await lane.call(jobs.count) == 3
        assert path.read_text() == "running final one two posted "

        # Jobs that are alike share a call; each hears what is there when it begins.
        told: list[object] = []
        newest = ["old"]

        def newest_of(name: str) -> str:
            return f"{name} {newest[0]}"

        async with trio.open_nursery() as nursery:
            nursery.start_soon(lane.call, jobs.sleep_for, 0.1)
            await trio.testing.wait_all_tasks_blocked()
            for name in ("left", "right"):
                late_call = partial(
                    lane.call_late, jobs.each_with_pid, partial(newest_of, name), alike="both"
                )
                nursery.start_soon(outcome, late_call, told)
            await trio.testing.wait_all_tasks_blocked()
            newest[0] = "new"
        assert sorted(map(str, told)) == ["('left new', 2, 4)", "('right new', 2, 4)"]
        alone = await lane.call_late(jobs.each_with_pid, lambda: "alone")
        assert alone == ("alone", 1, 5)
        with pytest.raises(EngineUnavailable, match="not these"):
            await lane.call_late(jobs.refuse, lambda: "x")
        with pytest.raises(EngineFailure, match="ValueError"):
            await lane.call_late(jobs.too_few, lambda: "x")

        # Whose time runs out in the queue is told so, and the job is not begun.
        results: list[object] = []
        scopes: list[trio.CancelScope] = []

        async def hurried() -> None:
            with trio.move_on_after(0.05) as scope:
                scopes.append(scope)
                await lane.call(jobs.append, str(path), "late")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(lane.call, jobs.sleep_for, 0.2)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(outcome, hurried, results)
            await trio.testing.wait_all_tasks_blocked()
            scopes[0].deadline = math.inf  # the caller goes on waiting
        assert isinstance(results[0], EngineTimeout)
        assert "late" not in path.read_text()
        assert (lane.generation, lane.lost_with) == (1, [])


@slow
async def test_a_worker_that_is_lost_takes_what_it_held_and_nothing_else() -> None:
    async with serving() as lane:
        first = await lane.call(jobs.pid)

        # It overruns: killed for real, although it keeps the interpreter lock.
        began_s = trio.current_time()
        with pytest.raises(trio.TooSlowError), trio.fail_after(0.1):
            await lane.call(jobs.block_with_lock, 30, generation=1)
        bound: list[object] = []
        unbound: list[object] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                outcome, partial(lane.call, jobs.count, generation=lane.generation), bound
            )
            nursery.start_soon(outcome, partial(lane.call, jobs.count), unbound)
        assert FAIR_RUN_S < trio.current_time() - began_s < 5
        assert isinstance(bound[0], LaneLost)
        assert unbound == [1]  # it waited for the new worker
        assert lane.generation == 2
        assert lane.pid != first
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
        with pytest.raises(LaneLost):
            await lane.call(jobs.count, generation=1)

        # It dies in a call.
        with pytest.raises(LaneLost):
            await lane.call(jobs.die)
        # The generation has moved on when the caller hears of it.
        assert await lane.call(jobs.count, generation=lane.generation) == 1
        assert lane.generation == 3

        # It dies between calls: noticed without a call.
        assert lane.pid is not None
        os.kill(lane.pid, signal.SIGKILL)
        await until(lambda: not lane.ready)
        assert lane.generation == 4
        await until(lambda: lane.ready)
        assert await lane.call(jobs.count) == 1

        # It dies, and a call comes before anybody could notice.
        assert lane.pid is not None
        os.kill(lane.pid, signal.SIGKILL)
        results: list[object] = []
        await outcome(partial(lane.call, jobs.count), results)  # it may or may not have begun
        assert results == [1] or isinstance(results[0], LaneLost)
        assert await lane.call(jobs.count) in (1, 2)
        assert lane.generation == 5
        assert len(lane.lost_with) == 4
        assert lane._quick_deaths == 4


@slow
async def test_the_caller_of_an_overrun_learns_it_where_it_still_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("parley.engines.lanes.lane.JOB_LIMIT_S", 0.7)
    async with serving() as lane:
        await until(lambda: lane.ready)
        with pytest.raises(EngineTimeout, match="overran"):
            await lane.call(jobs.sleep_for, 30)


@slow
async def test_an_engine_that_cannot_be_loaded_is_tried_again(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    missing.touch()
    async with serving(partial(jobs.fail_while_there, str(missing))) as lane:
        with pytest.raises(EngineUnavailable, match="OSError: the model is missing"):
            await lane.call(jobs.pid)
        assert (lane.ready, lane.load_error) == (False, "OSError: the model is missing")
        with pytest.raises(EngineUnavailable):
            await lane.call(jobs.pid)
        lane.post(jobs.pid, generation=lane.generation)
        missing.unlink()
        await until(lambda: lane.ready)
        assert (lane.ready, lane.load_error) == (True, None)
        assert await lane.call(jobs.pid) == lane.pid
        assert lane.lost_with == []


async def test_what_an_engine_says_when_it_is_loaded_is_kept_and_logged_once() -> None:
    with structlog.testing.capture_logs() as logged:
        async with serving(jobs.remark) as lane:
            await until(lambda: lane.ready)
            said = lane.remark
            lane._take(said)
    assert said == "it runs on the CPU"
    assert [line["remark"] for line in logged if line["event"] == "lane_remarks"] == [
        "it runs on the CPU"
    ]


@slow
async def test_a_worker_that_dies_while_loading_is_a_load_error() -> None:
    async with serving(jobs.die) as lane:
        with pytest.raises(EngineUnavailable, match="died while loading"):
            await lane.call(jobs.pid)


async def test_a_worker_that_cannot_be_started_is_a_load_error_and_does_not_spin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starts = []

    def refuse(process: object) -> None:
        starts.append(process)
        raise OSError("Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", refuse)
    async with serving(jobs.nothing) as lane:
        with pytest.raises(EngineUnavailable, match="no worker can be started: OSError"):
            await lane.call(jobs.pid)
        await trio.sleep(0.2)
        assert lane.lost_with == []
        assert len(starts) < 20


def open_files() -> set[str]:
    """What is open in this process; every pipe and socket has a name of its own."""
    gc.collect()
    links = (Path("/proc/self/fd") / fd for fd in os.listdir("/proc/self/fd"))
    return {os.readlink(link) for link in links if link.is_symlink()}


@pytest.fixture
def nothing_left() -> Iterator[None]:
    multiprocessing.resource_tracker.ensure_running()  # lives as long as the server
    before = open_files()
    yield
    assert multiprocessing.active_children() == []
    assert open_files() <= before


@slow
@pytest.mark.parametrize("state", ["starting", "idle", "busy", "dead"])
async def test_a_cancelled_lane_is_gone_at_once_and_leaves_nothing(
    nothing_left: None, state: str
) -> None:
    lane = Lane("lane", jobs.nothing)
    results: list[object] = []
    with trio.fail_after(10):
        async with trio.open_nursery() as callers, trio.open_nursery() as nursery:
            await nursery.start(lane.run)
            if state == "starting":
                await trio.sleep(0.05)
            else:
                await until(lambda: lane.ready)
            if state == "busy":
                for _ in range(2):
                    call = partial(lane.call, jobs.block_with_lock, 30)
                    callers.start_soon(outcome, call, results)
                await trio.sleep(0.1)
            if state == "dead":
                assert lane.pid is not None
                os.kill(lane.pid, signal.SIGKILL)
            began_s = trio.current_time()
            nursery.cancel_scope.cancel()
        assert trio.current_time() - began_s < 1
    assert [type(result) for result in results] == [LaneLost] * (2 if state == "busy" else 0)
    assert (lane.ready, lane.pid, lane.load) == (False, None, 0)


@slow
async def test_a_call_in_the_moment_at_which_a_lane_is_stopped_is_answered_at_once() -> None:
    lane = Lane("lane", jobs.nothing)
    results: list[object] = []
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            await nursery.start(lane.run)
            await until(lambda: lane.ready)
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                began_s = trio.current_time()
                await outcome(partial(lane.call, jobs.pid), results)  # it has not noticed yet
                await outcome(partial(lane.call, jobs.pid), results)  # its worker is ending
                assert trio.current_time() - began_s < 0.1
    assert [type(result) for result in results] == [LaneLost, EngineUnavailable]


@slow
def test_a_busy_worker_ends_with_its_server() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(Path(__file__).parents[2])], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    with server, server.stdout:
        worker = os.pidfd_open(int(server.stdout.readline()))
        try:
            server.stdout.readline()
            assert not select.select([worker], [], [], 0.2)[0]  # it is busy
            server.kill()
            assert select.select([worker], [], [], 2)[0]  # and yet it ends
        finally:
            os.close(worker)


SERVER = """
import sys
sys.path.insert(0, sys.argv[1])
import trio
from support import lane_jobs
from parley.engines.lanes.lane import Lane

async def main():
    lane = Lane("lane", lane_jobs.nothing)
    async with trio.open_nursery() as nursery:
        await nursery.start(lane.run)
        print(await lane.call(lane_jobs.pid), flush=True)
        nursery.start_soon(lane.call, lane_jobs.block_with_lock, 30)
        await trio.sleep(0.2)
        print("busy", flush=True)

trio.run(main)
"""
