"""The watch measures the event loop, the lanes and who talks. Virtual time."""

from __future__ import annotations

from dataclasses import dataclass

import trio
from trio.testing import MockClock

from parley.engines.asr.admission import Admission, Expected
from parley.server.load.watch import LoadWatch
from parley.server.load.window import EVERY_S, SAMPLES


@dataclass
class Lane:
    name: str
    ready: bool = True
    waiting_s: float = 0.0


async def after(watch: LoadWatch, seconds: float) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()


async def test_a_loop_that_is_on_time_has_no_lag(autojump_clock: MockClock) -> None:
    watch = LoadWatch((), None)
    await after(watch, 20)
    assert len(watch.lag_s.samples) == SAMPLES
    assert watch.lag_s.p90 < 1e-9
    assert watch.places is None


async def test_a_loop_that_stalls_is_late_for_as_long_as_it_stood(mock_clock: MockClock) -> None:
    watch = LoadWatch((), None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(3.0)  # no task ran for three seconds
        await trio.testing.wait_all_tasks_blocked()
        assert 14 <= len(watch.lag_s.samples) <= 15
        assert watch.lag_s.p90 > 2.5
        for _ in range(2 * SAMPLES):
            mock_clock.jump(EVERY_S)
            await trio.testing.wait_all_tasks_blocked()
        assert watch.lag_s.p90 < 1e-9
        nursery.cancel_scope.cancel()


async def test_work_waits_as_long_as_in_the_best_lane_of_the_worst_kind(
    autojump_clock: MockClock,
) -> None:
    lanes = [
        Lane("asr-1", waiting_s=3.0),
        Lane("asr-2", waiting_s=1.0),
        Lane("tts-1", waiting_s=2.0),
        Lane("turn-1", ready=False, waiting_s=99.0),
    ]
    watch = LoadWatch(lanes, None)
    await after(watch, 10)
    assert watch.lane_wait_s.p90 == 2.0


async def test_who_talks_is_counted_in_the_mean(autojump_clock: MockClock) -> None:
    talkers = Admission(1, Expected(rtf=0.1, final_s=0.1))
    watch = LoadWatch((), talkers)
    for _ in range(3):
        talkers.enter()
    await after(watch, 10)
    assert watch.talking.mean == 3
    assert watch.places == 9


async def test_each_sample_is_told(autojump_clock: MockClock) -> None:
    told: list[float] = []
    watch = LoadWatch((), None)
    watch.sampled = lambda: told.append(trio.current_time())
    await after(watch, 1.1)
    assert len(told) == 5
