"""Which place is asked, and how a place stands by what comes of requests. Time is virtual."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
from trio.testing import MockClock

from parley.engines.failures import EngineFailure, EngineUnreachable, ServiceBusy
from parley.engines.pools.place import HALF_LIFE_S, RESTS, Place
from parley.engines.pools.pool import FIRST_PATIENCE_S, IDLE_S, Pool
from parley.engines.pools.standing import PlaceState
from support.places import Worker, back, gone, pool_of, work

BROKEN = EngineUnreachable("the connection to it failed")


def drawn(pool: Pool[Worker], times: int = 300) -> Counter[str]:
    picked = (pool.pick() for _ in range(times))
    return Counter(place.name for place in picked if place is not None)


def is_ready(pool: Pool[Worker]) -> bool:
    return pool.ready


def state_of(place: Place[Worker]) -> PlaceState:
    return place.state


async def answers_in(place: Place[Worker], seconds: float, times: int = 5) -> None:
    for _ in range(times):
        one = place.begin()
        await trio.sleep(seconds)
        one.begun()
        one.answered()
        one.close()


async def test_equals_are_asked_equally_often(autojump_clock: MockClock) -> None:
    pool = pool_of(*map(Worker, "abc"))
    assert all(80 <= count <= 120 for count in drawn(pool).values())


async def test_small_differences_are_noise(autojump_clock: MockClock) -> None:
    pool = pool_of(*map(Worker, "abc"))
    for place, takes_s in zip(pool.places, (0.10, 0.11, 0.12), strict=True):
        await answers_in(place, takes_s)
    assert all(count >= 80 for count in drawn(pool).values())


async def test_who_has_less_in_hand_is_preferred(autojump_clock: MockClock) -> None:
    pool = pool_of(*map(Worker, "ab"))
    busy = [pool.places[0].begin() for _ in range(3)]
    assert drawn(pool) == {"b": 300}
    for one in busy:
        one.close()
        one.close()
    assert pool.places[0].in_hand == 0


async def test_a_slow_place_is_asked_when_the_fast_one_has_as_much_more_in_hand(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of(*map(Worker, ("fast", "slow")))
    fast, slow = pool.places
    await answers_in(slow, 0.5)
    await answers_in(fast, 0.1)
    assert drawn(pool) == {"fast": 300}
    for _ in range(7):
        fast.begin()
    assert drawn(pool) == {"slow": 300}


async def test_a_place_that_hangs_is_known_before_it_has_failed(autojump_clock: MockClock) -> None:
    pool = pool_of(*map(Worker, ("hangs", "works")))
    hangs, works = pool.places
    hangs.begin()
    works.begin()
    await trio.sleep(0.1)
    [unanswered] = works._unanswered
    unanswered.begun()  # its first piece: it goes on
    await trio.sleep(0.1)
    assert drawn(pool) == {"works": 300}


async def test_what_is_known_of_a_place_that_nobody_asks_is_forgotten(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of(*map(Worker, ("fast", "slow")))
    fast, slow = pool.places
    await answers_in(slow, 0.5)
    for _ in range(5):
        await trio.sleep(HALF_LIFE_S)
        await answers_in(fast, 0.1, 1)
    assert drawn(pool)["slow"] > 100


async def test_a_failure_has_a_place_rest_longer_each_time(autojump_clock: MockClock) -> None:
    pool = pool_of(*map(Worker, "ab"))
    place = pool.places[0]
    rests = []
    for _ in range(9):
        place.failed_with(BROKEN)
        assert state_of(place) is PlaceState.RESTING
        assert drawn(pool, 20) == {"b": 20}
        rests.append(place.standing.pause_s)
        await trio.sleep(rests[-1])
        assert state_of(place) is PlaceState.TRIAL
    whole = [1.0, 2.0, 4.0, 8.0, 16.0, RESTS.most_s, RESTS.most_s, RESTS.most_s, RESTS.most_s]
    for rest, most in zip(rests, whole, strict=True):
        assert most / 2 <= rest <= most
    assert len({rest / most for rest, most in zip(rests, whole, strict=True)}) == 9


async def test_many_requests_that_a_dying_place_had_in_hand_are_one_failure(
    autojump_clock: MockClock,
) -> None:
    place = pool_of(Worker("a")).places[0]
    for _ in range(20):
        place.failed_with(BROKEN)
    assert place.failures == 1
    assert place.failed == 20
    assert not place.down


async def test_after_its_rest_one_request_tries_it_and_the_others_wait_for_that(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of(*map(Worker, "ab"))
    place = pool.places[0]
    place.failed_with(BROKEN)
    await trio.sleep(1.0)
    assert pool.pick() is place
    trial = place.begin()
    assert drawn(pool) == {"b": 300}
    trial.begun()
    assert state_of(place) is PlaceState.TRIAL, "a sign of life is not all"
    trial.answered()
    trial.close()
    assert state_of(place) is PlaceState.WELL
    assert place.failures == 0
    assert place.standing.why is None
    assert drawn(pool)["a"] > 100


async def test_a_trial_is_nothing_for_a_question_that_has_failed_already(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of(*map(Worker, "abc"))
    trying, asked, other = pool.places
    trying.failed_with(BROKEN)
    await trio.sleep(1.0)
    assert pool.pick([asked]) is other


@pytest.mark.parametrize(("wanted_s", "rest_s"), [(None, 1.0), (7.0, 7.0), (0.0, 0.0)])
async def test_a_place_that_is_busy_rests_as_long_as_it_says_and_is_not_broken(
    autojump_clock: MockClock, wanted_s: float | None, rest_s: float
) -> None:
    pool = pool_of(*map(Worker, "ab"))
    place = pool.places[0]
    place.failed_with(ServiceBusy("it is asked too often", retry_after_s=wanted_s))
    assert place.standing.pause_s == rest_s
    assert place.failures == place.failed == 0
    assert place.busy == 1
    if rest_s:
        assert state_of(place) is PlaceState.BUSY
        assert drawn(pool) == {"b": 300}
    await trio.sleep(rest_s)
    assert state_of(place) is PlaceState.WELL


async def test_where_none_is_well_the_one_whose_rest_ends_first_is_asked_all_the_same(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of(*map(Worker, "abc"))
    for place, wanted_s in zip(pool.places, (9.0, 3.0, 6.0), strict=True):
        place.failed_with(ServiceBusy("busy", retry_after_s=wanted_s))
    assert pool.pick() is pool.places[1]
    assert pool.pick([pool.places[1]]) is pool.places[2]
    assert pool.pick([pool.places[1]], well=True) is None
    assert pool.pick(pool.places) is None


async def test_a_pool_is_ready_while_any_place_may_be(autojump_clock: MockClock) -> None:
    pool = pool_of(*map(Worker, "ab"))
    for place in pool.places:
        place.failed_with(BROKEN)
    assert is_ready(pool), "one failure may have been the request's own"
    await trio.sleep(1.0)
    for place in pool.places:
        place.failed_with(BROKEN)
    assert not is_ready(pool)
    assert pool.why().startswith("a: the connection to it failed; it is tried again in ")
    pool.places[1].begin().answered()
    assert is_ready(pool)


async def test_patience_follows_the_best_place(autojump_clock: MockClock) -> None:
    pool = pool_of(*map(Worker, ("fast", "slow")))
    fast, slow = pool.places
    assert pool.patience_s(fast) == FIRST_PATIENCE_S
    await answers_in(slow, 0.8, 10)
    assert pool.patience_s(fast) == pytest.approx(1.6)
    await answers_in(fast, 0.2, 10)
    assert pool.patience_s(slow) == pytest.approx(0.4)
    slow.failed_with(BROKEN)
    await trio.sleep(1.0)
    assert pool.patience_s(slow) == pytest.approx(0.2), "a trial costs nobody much"


# Looks


async def test_who_is_gone_at_the_start_is_known_before_anybody_asks(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    workers = [Worker("a"), Worker("b")]
    gone(workers[0])
    pool = pool_of(*workers)
    await nursery.start(pool.run)
    await trio.sleep(0.1)
    assert pool.places[0].state is PlaceState.RESTING
    assert pool.places[1].state is PlaceState.WELL
    assert [worker.asked for worker in workers] == [0, 0]


async def test_a_place_is_not_tried_before_a_look_has_found_it(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    worker = Worker("a")
    pool = pool_of(worker, Worker("b"))
    place = pool.places[0]
    await nursery.start(pool.run)
    gone(worker)
    place.failed_with(BROKEN)
    await trio.sleep(120)
    assert state_of(place) is PlaceState.RESTING
    assert place.failures > 3
    assert worker.looks < 20, "it rests between looks as well"
    back(worker)
    await trio.sleep(RESTS.most_s + 2)
    assert state_of(place) is PlaceState.TRIAL, "that it listens does not say that it works"
    assert await pool.ask(work) == "a"
    assert state_of(place) is PlaceState.WELL


async def test_who_answers_requests_is_not_looked_at(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    workers = [Worker("a"), Worker("b")]
    pool = pool_of(*workers)
    await nursery.start(pool.run)
    await trio.sleep(0.5)
    assert [worker.looks for worker in workers] == [1, 1]
    for _ in range(300):
        await answers_in(pool.places[0], 0.1, 1)
    assert workers[0].looks <= 2
    assert 3 <= workers[1].looks <= 30 / IDLE_S + 1


async def test_a_look_that_nobody_answers_ends(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    pool = pool_of(Worker("a"), Worker("b"))
    pool.places[0].look = trio.sleep_forever
    await nursery.start(pool.run)
    await trio.sleep(3)
    assert pool.places[0].standing.why == "a did not answer a look in time"


async def test_a_busy_word_to_a_look_is_a_sign_of_life(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    worker = Worker("a", hidden=ServiceBusy("busy", retry_after_s=60))
    pool = pool_of(worker)
    await nursery.start(pool.run)
    await trio.sleep(1)
    assert pool.places[0].state is PlaceState.WELL


def test_a_pool_has_places() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Pool[Worker]("asr", [])


async def test_some_that_are_well_are_drawn(autojump_clock: MockClock) -> None:
    pool = pool_of(*map(Worker, "abcde"))
    pool.places[0].failed_with(EngineFailure("boom"))
    drawn_names = {place.name for _ in range(50) for place in pool.some_well(2)}
    assert drawn_names == set("bcde")
    assert len(pool.some_well(2)) == 2
    assert len(pool.some_well(9)) == 4
