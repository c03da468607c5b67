"""The reply gate: which turn may be heard, and whether now."""

from __future__ import annotations

from collections.abc import Callable

import trio
import trio.testing

from parley.actors.gate import ReplyGate
from parley.actors.limits import OUTBOX_CAPACITY

Clock = trio.testing.MockClock


def test_a_new_gate_is_open_and_no_reply_is_live() -> None:
    gate = ReplyGate()
    assert (gate.is_open, gate.reply_live, gate.hurried.is_set()) == (True, False, False)
    assert gate.passes(0) and gate.passes(1)


def test_a_reply_is_live_from_its_beginning_to_its_end() -> None:
    gate = ReplyGate()
    gate.begin(1)
    assert gate.reply_live
    gate.finish()
    assert not gate.reply_live


def test_what_a_finished_turn_has_still_to_say_passes() -> None:
    gate = ReplyGate()
    gate.begin(1)
    gate.finish()
    assert gate.passes(1)


def test_nothing_of_a_killed_turn_passes_any_more() -> None:
    gate = ReplyGate()
    gate.begin(1)
    gate.kill()
    gate.begin(2)
    assert [gate.passes(turn) for turn in (0, 1, 2)] == [True, False, True]


def test_a_kill_without_a_live_turn_silences_nobody() -> None:
    gate = ReplyGate()
    gate.kill()
    assert gate.passes(0)


def test_it_remembers_as_many_killed_turns_as_the_outbox_can_hold_events_of() -> None:
    gate = ReplyGate()
    for turn in range(1, OUTBOX_CAPACITY + 2):
        gate.begin(turn)
        gate.kill()
    assert [gate.passes(turn) for turn in (1, 2, OUTBOX_CAPACITY + 1)] == [True, False, False]


def test_a_turn_that_begins_or_ends_opens_it() -> None:
    gate = ReplyGate()
    moves: list[Callable[[], None]] = [lambda: gate.begin(1), gate.finish, gate.kill]
    for move in moves:
        gate.close()
        assert not gate.is_open
        move()
        assert gate.is_open


async def test_who_waits_goes_on_in_the_moment_it_opens(autojump_clock: Clock) -> None:
    gate = ReplyGate()
    gate.close()
    passed: list[float] = []

    async def wait() -> None:
        await gate.wait_open()
        passed.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(wait)
        await trio.sleep(2)
        # A second sound does not forget those who wait already.
        gate.close()
        await trio.sleep(1)
        gate.open()
    assert passed == [3.0, 3.0]


async def test_an_open_gate_holds_nobody(autojump_clock: Clock) -> None:
    gate = ReplyGate()
    gate.open()
    await gate.wait_open()
    assert trio.current_time() == 0
