"""One question to a pool: failover, a second one beside, and who is to blame. Time is virtual."""

from __future__ import annotations

import random

import pytest
import trio
from trio.testing import MockClock

from parley.engines.failures import (
    EngineFailure,
    EngineTimeout,
    EngineUnreachable,
    ServiceBusy,
)
from parley.engines.pools.place import LATE_IN_A_ROW
from parley.engines.pools.pool import FIRST_PATIENCE_S, SECONDS_MOST, Pool
from parley.engines.pools.race import MAX_ASKED, RESCUE_S, Race
from parley.engines.pools.standing import PlaceState
from support.places import Load, Worker, back, gone, p95, pool_of, work

BROKEN = EngineFailure("it reported an error (500)")
REFUSED = EngineFailure("it refused", retryable=False)


def prefer(pool: Pool[Worker], name: str) -> None:
    """Have that place asked first, by keeping the others busy."""
    for place in pool.places:
        if place.name != name:
            for _ in range(3):
                place.begin()


async def test_a_place_that_fails_is_followed_by_another_at_once(autojump_clock: MockClock) -> None:
    pool = pool_of(Worker("bad", 0.01, BROKEN), Worker("good"), Worker("other"))
    prefer(pool, "bad")
    began_s = trio.current_time()
    assert await pool.ask(work) in ("good", "other")
    assert trio.current_time() - began_s == pytest.approx(0.11)
    assert pool.places[0].state is PlaceState.RESTING
    assert pool.places[0].in_hand == 0


async def test_no_more_than_three_places_are_asked(autojump_clock: MockClock) -> None:
    workers = [Worker(name, 0.01, BROKEN) for name in "abcde"]
    pool = pool_of(*workers)
    with pytest.raises(EngineFailure) as caught:
        await pool.ask(work)
    assert sum(worker.asked for worker in workers) == MAX_ASKED
    assert max(worker.asked for worker in workers) == 1
    assert caught.value.retryable


async def test_one_place_fails_as_it_says_itself(autojump_clock: MockClock) -> None:
    failure = ServiceBusy("busy", retry_after_s=3)
    pool = pool_of(Worker("only", 0.01, failure))
    with pytest.raises(ServiceBusy) as caught:
        await pool.ask(work)
    assert caught.value is failure


async def test_what_all_said_is_one_failure(autojump_clock: MockClock) -> None:
    pool = pool_of(
        Worker("a", 0.01, ServiceBusy("a is busy", retry_after_s=5)),
        Worker("b", 0.01, ServiceBusy("b is busy", retry_after_s=2)),
    )
    with pytest.raises(ServiceBusy) as caught:
        await pool.ask(work)
    assert set(str(caught.value).split("; ")) == {"a is busy", "b is busy"}
    assert caught.value.retry_after_s == 2


async def test_failures_of_several_kinds_are_a_plain_one(autojump_clock: MockClock) -> None:
    pool = pool_of(
        Worker("a", 0.01, EngineTimeout("a took long")),
        Worker("b", 0.01, EngineUnreachable("b is not there")),
    )
    with pytest.raises(EngineFailure) as caught:
        await pool.ask(work)
    assert type(caught.value) is EngineFailure
    assert caught.value.retryable


# Refusals


async def test_a_refusal_is_the_places_where_another_one_takes_the_same(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of(Worker("odd", 0.01, REFUSED), Worker("good"))
    prefer(pool, "odd")
    assert await pool.ask(work) == "good"
    assert pool.places[0].state is PlaceState.RESTING
    assert pool.places[0].standing.why == "it refused"


async def test_a_refusal_is_the_requests_where_another_one_says_the_same(
    autojump_clock: MockClock,
) -> None:
    workers = [Worker(name, 0.01, REFUSED) for name in "abc"]
    pool = pool_of(*workers)
    with pytest.raises(EngineFailure) as caught:
        await pool.ask(work)
    assert not caught.value.retryable
    assert sum(worker.asked for worker in workers) == 2
    assert {place.state for place in pool.places} == {PlaceState.WELL}


# Slow ones


async def test_one_that_says_nothing_is_not_waited_for(autojump_clock: MockClock) -> None:
    silent, good = Worker("silent", 1000), Worker("good")
    pool = pool_of(silent, good)
    prefer(pool, "silent")
    began_s = trio.current_time()
    assert await pool.ask(work) == "good"
    assert trio.current_time() - began_s == pytest.approx(FIRST_PATIENCE_S + 0.1)
    assert silent.left == 1
    assert pool.places[0].late == 1


async def test_the_first_answer_counts_also_where_it_is_the_slow_ones(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of(Worker("slow", FIRST_PATIENCE_S + 0.1), Worker("slower", 5))
    prefer(pool, "slow")
    assert await pool.ask(work) == "slow"
    assert [place.late for place in pool.places] == [0, 0], "it was given no time"
    assert pool.places[0].state is PlaceState.WELL


async def test_one_that_is_late_again_and_again_rests_if_another_one_is_well(
    autojump_clock: MockClock,
) -> None:
    silent = Worker("silent", 1000)
    pool = pool_of(silent, Worker("good"))
    prefer(pool, "silent")
    for _ in range(LATE_IN_A_ROW):
        for one in list(pool.places[0]._unanswered):
            one.close()
        assert await pool.ask(work) == "good"
        prefer(pool, "silent")
    assert pool.places[0].state is PlaceState.RESTING
    assert "did not answer within" in str(pool.places[0].standing.why)


async def test_the_last_one_never_rests_for_being_late(autojump_clock: MockClock) -> None:
    pool = pool_of(Worker("a", 1000), Worker("b", 1000))
    for _ in range(6):
        with trio.move_on_after(4):
            await pool.ask(work)
    assert PlaceState.WELL in {place.state for place in pool.places}


async def test_where_all_are_slow_few_are_asked_twice(autojump_clock: MockClock) -> None:
    workers = [Worker(name, 0.1) for name in "abc"]
    pool = pool_of(*workers)
    load = Load(pool)
    await load.run(5)
    for worker in workers:
        worker.takes_s = 3.0
    before = sum(worker.asked for worker in workers)
    await load.run(10)
    asked = sum(worker.asked for worker in workers) - before
    assert asked <= 200 * 1.1 + SECONDS_MOST
    assert load.failures == []


async def test_requests_at_a_place_that_has_begun_to_rest_are_asked_elsewhere(
    autojump_clock: MockClock,
) -> None:
    silent = Worker("silent", 1000)
    pool = pool_of(silent, Worker("good"))
    prefer(pool, "silent")
    took_s: list[float] = []

    async def one() -> None:
        began_s = trio.current_time()
        await pool.ask(work)
        took_s.append(trio.current_time() - began_s)

    pool._seconds = float(LATE_IN_A_ROW)
    async with trio.open_nursery() as nursery:
        for place in pool.places[1:]:
            place.in_hand += 100
        for _ in range(20):
            nursery.start_soon(one)
    assert silent.asked == 20
    assert pool.places[0].state is PlaceState.RESTING
    assert max(took_s) < 3 * FIRST_PATIENCE_S


async def test_half_of_the_callers_time_is_left_for_another_one(autojump_clock: MockClock) -> None:
    pool = pool_of(Worker("silent", 1000), Worker("good"))
    pool._seconds = 0.0
    prefer(pool, "silent")
    began_s = trio.current_time()
    with trio.fail_after(4):
        assert await pool.ask(work) == "good"
    assert trio.current_time() - began_s == pytest.approx(2.1)
    for one in list(pool.places[0]._unanswered):
        one.close()
    pool._seconds = 0.0
    prefer(pool, "silent")
    began_s = trio.current_time()
    assert await pool.ask(work) == "good"
    assert trio.current_time() - began_s == pytest.approx(RESCUE_S + 0.1)


# Ends


async def test_who_is_cancelled_blames_nobody_and_leaves_nothing(autojump_clock: MockClock) -> None:
    workers = [Worker("a"), Worker("b")]
    pool = pool_of(*workers)
    with trio.move_on_after(0.05):
        await pool.ask(work)
    assert [place.in_hand for place in pool.places] == [0, 0]
    assert [place.late for place in pool.places] == [0, 0]
    assert not any(place._unanswered for place in pool.places)


async def test_an_answer_that_comes_with_the_cancellation_is_discarded(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of(Worker("a"))
    discarded: list[str] = []

    async def discard(answer: str) -> None:
        discarded.append(answer)

    async def attempt(worker: Worker) -> str:
        answer = await worker.work()
        scope.cancel()
        return answer

    with trio.CancelScope() as scope:
        await Race(pool, attempt, discard).run()
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert discarded in ([], ["a"])
    assert pool.places[0].in_hand == (0 if discarded else 1)


async def test_of_two_answers_at_once_one_is_discarded(autojump_clock: MockClock) -> None:
    pool = pool_of(Worker("slow", FIRST_PATIENCE_S + 0.1), Worker("good"))
    prefer(pool, "slow")
    discarded: list[str] = []

    async def discard(answer: str) -> None:
        discarded.append(answer)

    answer, one = await Race(pool, work, discard).run()
    one.close()
    assert sorted([answer, *discarded]) == ["good", "slow"]
    assert pool.places[0].in_hand == 0
    assert pool.places[1].in_hand == 3


async def test_who_is_cancelled_while_an_answer_is_discarded_leaves_none(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of(Worker("slow", FIRST_PATIENCE_S + 0.1), Worker("good"))
    prefer(pool, "slow")
    discarded: list[str] = []

    async def discard(answer: str) -> None:
        discarded.append(answer)
        scope.cancel()
        await trio.lowlevel.checkpoint()

    with trio.CancelScope() as scope:
        await Race(pool, work, discard).run()
    assert scope.cancelled_caught
    assert [place.in_hand for place in pool.places] == [0, 3]
    assert discarded


async def test_a_bug_is_no_failure_of_a_place(autojump_clock: MockClock) -> None:
    pool = pool_of(Worker("a"), Worker("b"))

    async def attempt(worker: Worker) -> str:
        raise KeyError(worker.name)

    with pytest.RaisesGroup(KeyError):
        await pool.ask(attempt)
    assert [place.in_hand for place in pool.places] == [0, 0]


# The bar: three places, one dead and one slow


async def best() -> float:
    load = Load(pool_of(*map(Worker, "abc")))
    await load.run(20)
    return p95(load.took_s[20:])


@pytest.mark.few(3)
@pytest.mark.parametrize("dead", ["refuses", "errors", "silent", "garbage"])
@pytest.mark.parametrize("looked_after", [True, False])
async def test_one_dead_and_one_slow_cost_a_fifth_at_most(
    autojump_clock: MockClock, dead: str, looked_after: bool, nursery: trio.Nursery
) -> None:
    workers = [Worker("dead"), Worker("slow", 0.5), Worker("good")]
    match dead:
        case "refuses":
            gone(workers[0])
        case "errors":
            workers[0].failure, workers[0].takes_s = BROKEN, 0.002
        case "silent":
            workers[0].takes_s = 1000
        case "garbage":
            workers[0].failure, workers[0].takes_s = REFUSED, 0.002
    pool = pool_of(*workers)
    if looked_after:
        await nursery.start(pool.run)
    load = Load(pool)
    await load.run(60)
    nursery.cancel_scope.cancel()
    assert load.failures == []
    assert max(load.took_s) < 2.0, "no turn is lost"
    assert p95(load.took_s[20:]) <= 1.2 * await best()
    assert workers[0].asked < 40
    assert workers[1].asked < 60


@pytest.mark.parametrize("how", ["refuses", "hangs"])
async def test_a_pool_gets_over_a_place_that_dies_and_comes_back(
    autojump_clock: MockClock, how: str, nursery: trio.Nursery
) -> None:
    workers = [Worker("a"), Worker("b"), Worker("c")]
    pool = pool_of(*workers)
    await nursery.start(pool.run)
    load = Load(pool)
    await load.run(10)
    if how == "refuses":
        gone(workers[0])
    else:
        workers[0].takes_s = 1000
    await load.run(30)
    asked = workers[0].asked
    back(workers[0])
    await load.run(60)
    assert workers[0].asked > asked + 200
    assert load.failures == []
    assert max(load.took_s) < 0.5
    nursery.cancel_scope.cancel()


async def test_processes_that_do_not_talk_share_the_places_evenly(
    autojump_clock: MockClock,
) -> None:
    """Each place works on one request after the other, so that a herd would be seen."""
    turns = {name: trio.Lock() for name in "abc"}

    async def in_turn(worker: Worker) -> str:
        async with turns[worker.name]:
            return await worker.work()

    workers = [Worker(name, 0.05) for name in "abc"]
    took_s: list[float] = []

    async def process(seed: int) -> None:
        pool, rng = pool_of(*workers, seed=seed), random.Random(seed)
        async with trio.open_nursery() as nursery:
            for _ in range(300):
                nursery.start_soon(one, pool)
                await trio.sleep(rng.expovariate(5.0))

    async def one(pool: Pool[Worker]) -> None:
        began_s = trio.current_time()
        await pool.ask(in_turn)
        took_s.append(trio.current_time() - began_s)

    async with trio.open_nursery() as nursery:
        for seed in range(8):  # 40 requests a second, of 60 that the places can do
            nursery.start_soon(process, seed)
    counts = [worker.asked for worker in workers]
    assert max(counts) < 1.15 * min(counts)
    assert p95(took_s) < 0.3
