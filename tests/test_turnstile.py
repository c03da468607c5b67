"""One thing at a time: order that does not depend on luck."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from parley import turnstile as ts
from parley.turnstile import Turnstile

Clock = trio.testing.MockClock

SEEDS = range(30)


def scheduled_by(seed: int) -> None:
    """Trio's own dice, thrown by us."""
    trio._core._run._r.seed(seed)


async def in_a_session(body: Callable[[trio.Nursery, Turnstile], Awaitable[None]]) -> Turnstile:
    turnstile = Turnstile()
    with turnstile.entered():
        async with trio.open_nursery() as nursery:
            await body(nursery, turnstile)
    return turnstile


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_comes_at_once_is_let_in_one_after_the_other(
    seed: int, autojump_clock: Clock
) -> None:
    scheduled_by(seed)
    log: list[str] = []

    async def come(name: str) -> None:
        await trio.sleep(1)
        await turnstile.admit(name)
        log.append(f"{name} in")
        for _ in range(5):
            await trio.lowlevel.checkpoint()
        log.append(f"{name} done")

    turnstile = Turnstile()
    with turnstile.entered():
        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(come, name)
    assert len(log) == 6
    for at in (0, 2, 4):
        assert log[at][0] == log[at + 1][0]
    assert turnstile.admitted == 3
    assert turnstile.now_s == trio.current_time()


@pytest.mark.parametrize("seed", SEEDS)
async def test_turns_are_taken_by_rank_when_everybody_is_still(
    seed: int, autojump_clock: Clock
) -> None:
    scheduled_by(seed)
    log: list[str] = []

    async def speak(rank: int, steps: int) -> None:
        with ts.ranked(rank):
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            await ts.turn()
            log.append(f"{rank} first")
            await trio.lowlevel.checkpoint()
            await ts.turn()
            log.append(f"{rank} second")

    async def body(nursery: trio.Nursery, turnstile: Turnstile) -> None:
        for rank, steps in ((3, 1), (1, 9), (2, 4)):
            nursery.start_soon(speak, rank, steps)

    await in_a_session(body)
    assert log == ["1 first", "1 second", "2 first", "2 second", "3 first", "3 second"]


async def test_a_turn_or_an_admission_that_is_cancelled_is_forgotten(
    autojump_clock: Clock,
) -> None:
    async def body(nursery: trio.Nursery, turnstile: Turnstile) -> None:
        for wait in (lambda: turnstile.admit("x"), lambda: turnstile.turn(1)):
            with trio.CancelScope() as scope:
                scope.cancel()
                await wait()
            assert scope.cancelled_caught
        await turnstile.admit("y")

    assert (await in_a_session(body)).admitted == 1


async def test_the_sessions_time_stands_still_while_something_is_handled(
    autojump_clock: Clock,
) -> None:
    async def body(nursery: trio.Nursery, turnstile: Turnstile) -> None:
        await turnstile.admit("a")
        before_s = ts.current_time()
        await trio.sleep(3)
        assert ts.current_time() == before_s
        await turnstile.admit("b")
        assert ts.current_time() == before_s + 3

    await in_a_session(body)


async def test_deadlines_are_let_in_and_named(autojump_clock: Clock) -> None:
    passed: list[str] = []

    async def body(nursery: trio.Nursery, turnstile: Turnstile) -> None:
        turnstile.note = passed.append
        nursery.start_soon(turnstile.keep_time)
        start_s = ts.current_time()
        with ts.move_on_at(start_s + 5, "long"), ts.move_on_after(2, "short") as scope:
            await trio.sleep_forever()
        assert scope.cancelled_caught
        assert ts.current_time() == start_s + 2
        with pytest.raises(trio.TooSlowError), ts.fail_after(1, "short"):
            await trio.sleep_forever()
        with ts.move_on_after(0, "past") as scope:
            await trio.lowlevel.checkpoint()
        assert scope.cancelled_caught
        with ts.move_on_after(1, "unused") as scope:
            pass
        await trio.sleep(10)
        assert not scope.cancelled_caught
        nursery.cancel_scope.cancel()

    await in_a_session(body)
    assert passed == ["deadline short#1", "deadline short#2"]


async def test_without_a_turnstile_everything_is_trios(autojump_clock: Clock) -> None:
    assert ts.current() is None
    assert ts.current_time() == trio.current_time()
    await ts.turn()
    with ts.move_on_after(1, "x") as scope:
        await trio.sleep_forever()
    assert scope.cancelled_caught
    with pytest.raises(trio.TooSlowError), ts.fail_after(1, "x"):
        await trio.sleep_forever()


async def test_two_sessions_do_not_wait_for_each_other(autojump_clock: Clock) -> None:
    finished: list[str] = []

    async def session(name: str, busy_s: float) -> None:
        turnstile = Turnstile()
        with turnstile.entered():
            for _ in range(3):
                await trio.sleep(busy_s)
                await turnstile.admit("x")
        finished.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(session, "slow", 10)
        nursery.start_soon(session, "quick", 1)
    assert finished == ["quick", "slow"]


async def test_a_deadline_that_passes_has_passed(autojump_clock: Clock) -> None:
    """Its moment may lie between two nanoseconds."""

    async def body(nursery: trio.Nursery, turnstile: Turnstile) -> None:
        nursery.start_soon(turnstile.keep_time)
        at_s = 2.212 + 0.1
        assert at_s > round(at_s, 9)
        with ts.move_on_at(at_s, "x"):
            await trio.sleep_forever()
        assert ts.current_time() >= at_s
        assert ts.current_time() * 1e9 == round(ts.current_time() * 1e9)
        nursery.cancel_scope.cancel()

    await in_a_session(body)


async def test_a_deadline_that_passed_is_never_a_hair_ahead(autojump_clock: Clock) -> None:
    """In binary fractions some moments are lost in whole nanoseconds, and would be waited for
    again and again."""

    async def body(nursery: trio.Nursery, turnstile: Turnstile) -> None:
        keeper = trio.CancelScope()

        async def keep_time() -> None:
            with keeper:
                await turnstile.keep_time()

        nursery.start_soon(keep_time)
        for hair in range(1000):
            at_s = 5.262 + 0.001 * hair + 9e-16
            with ts.move_on_at(at_s, "moment"):
                await trio.sleep_forever()
            assert ts.current_time() >= at_s
        keeper.cancel()

    await in_a_session(body)
