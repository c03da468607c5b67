"""The reply gate: which reply may be heard, and whether now."""

from __future__ import annotations

import trio
import trio.testing

from parley.actors.gate import ReplyGate
from parley.actors.limits import OUTBOX_CAPACITY
from parley.actors.reply_exit import ReplyExit
from parley.conversation.ledger import Ledger
from parley.protocol.events import Info, ReplyAudio, Token
from support.channels import open_exit

Clock = trio.testing.MockClock


def of(turn: int, generation: int = 0) -> Token:
    return Token(text="x", turn=turn, generation=generation)


def reply(turn: int) -> ReplyExit:
    reply_exit, _, _ = open_exit(turn)
    return reply_exit


def test_a_new_gate_is_open_and_no_reply_is_live() -> None:
    gate = ReplyGate()
    assert (gate.is_open, gate.reply_live, gate.hurried.is_set()) == (True, False, False)
    assert gate.passes(of(0)) and gate.passes(of(1))
    assert gate.last_seq == 0


def test_a_reply_is_live_from_its_beginning_to_its_end() -> None:
    gate = ReplyGate()
    gate.begin(reply(1))
    assert gate.reply_live
    gate.finish()
    assert not gate.reply_live


def test_what_a_finished_turn_has_still_to_say_passes() -> None:
    gate = ReplyGate()
    gate.begin(reply(1))
    gate.finish()
    assert gate.passes(of(1))


def test_nothing_of_a_killed_turn_passes_any_more() -> None:
    gate = ReplyGate()
    gate.begin(reply(1))
    gate.kill()
    gate.begin(reply(2))
    assert [gate.passes(of(turn)) for turn in (0, 1, 2)] == [True, False, True]


def test_a_kill_without_a_live_turn_silences_nobody() -> None:
    gate = ReplyGate()
    gate.kill()
    assert gate.passes(of(0))


def test_it_remembers_as_many_killed_turns_as_the_outbox_can_hold_events_of() -> None:
    gate = ReplyGate()
    for turn in range(1, OUTBOX_CAPACITY + 2):
        gate.begin(reply(turn))
        gate.kill()
    assert [gate.passes(of(turn)) for turn in (1, 2, OUTBOX_CAPACITY + 1)] == [True, False, False]


# Suspended


def test_what_was_said_before_a_suspension_passes_no_more_and_what_is_said_after_it_does() -> None:
    gate = ReplyGate()
    gate.begin(reply(1))
    gate.suspend(1.0)
    assert gate.reply_live
    assert [gate.passes(of(1, generation)) for generation in (0, 1)] == [False, True]
    gate.suspend(2.0)
    assert [gate.passes(of(1, generation)) for generation in (0, 1, 2)] == [False, False, True]


def test_a_suspended_turn_that_is_killed_says_nothing_any_more() -> None:
    gate = ReplyGate()
    gate.begin(reply(1))
    gate.suspend(1.0)
    gate.kill()
    assert not any(gate.passes(of(1, generation)) for generation in (0, 1))


def test_a_suspension_tells_the_exit_of_the_reply() -> None:
    gate, one = ReplyGate(), reply(1)
    gate.begin(one)
    gate.suspend(1.0)
    assert (one.holding, one.generation) == (True, 1)


def test_without_a_live_turn_there_is_nothing_to_suspend() -> None:
    gate = ReplyGate()
    gate.suspend(1.0)
    assert gate.passes(of(0))


async def test_what_is_half_written_is_not_taken_back(autojump_clock: Clock) -> None:
    gate = ReplyGate()
    one, out, _ = open_exit(1)
    gate.begin(one)
    for text in ("first", "second"):
        await one.outbox.send(Token(text=text, turn=1))
    gate.writes(out.receive_nowait())
    gate.suspend(1.0)
    assert len(one) == 1


async def test_what_has_left_is_not_half_written_any_more(autojump_clock: Clock) -> None:
    gate = ReplyGate()
    one, out, _ = open_exit(1)
    gate.begin(one)
    await one.outbox.send(Token(text="first", turn=1))
    event = out.receive_nowait()
    gate.writes(event)
    gate.left(event, 1.0)
    gate.suspend(2.0)
    assert len(one) == 0


# What has left


async def test_audio_that_has_left_is_told_to_the_ledger_of_its_reply(
    autojump_clock: Clock,
) -> None:
    gate, ledger = ReplyGate(), Ledger()
    one, out, _ = open_exit(1, ledger)
    gate.begin(one)
    ledger.queued(ledger.begin("aa", 1.0), 1.0)
    await one.outbox.send(ReplyAudio(seq=1, pcm16=b"", rate_hz=16_000, turn=1))
    gate.left(out.receive_nowait(), 5.0)
    assert (ledger.said(), ledger.due_s) == ("aa", 6.0)


async def test_audio_of_a_turn_that_is_not_live_is_no_reply_of_the_live_one(
    autojump_clock: Clock,
) -> None:
    gate, ledger = ReplyGate(), Ledger()
    one, _, _ = open_exit(1, ledger)
    gate.begin(one)
    ledger.queued(ledger.begin("aa", 1.0), 1.0)
    gate.left(ReplyAudio(seq=1, pcm16=b"", rate_hz=16_000), 5.0)
    assert ledger.said() == ""


def test_the_newest_phrase_of_which_audio_has_left_is_known() -> None:
    gate = ReplyGate()
    for event in (
        ReplyAudio(seq=3, pcm16=b"", rate_hz=16_000, turn=1),
        Info(message="no audio"),
    ):
        gate.left(event, 1.0)
    assert gate.last_seq == 3


# Open, closed


async def test_who_waits_goes_on_in_the_moment_it_opens(autojump_clock: Clock) -> None:
    gate = ReplyGate()
    gate.set_open(False)
    passed: list[float] = []

    async def wait() -> None:
        await gate.wait_open()
        passed.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(wait)
        await trio.sleep(2)
        # A second sound does not forget those who wait already.
        gate.set_open(False)
        await trio.sleep(1)
        gate.set_open(True)
    assert passed == [3.0, 3.0]


async def test_an_open_gate_holds_nobody(autojump_clock: Clock) -> None:
    gate = ReplyGate()
    gate.set_open(True)
    await gate.wait_open()
    assert trio.current_time() == 0


def test_only_who_is_asked_to_moves_it() -> None:
    """The dialogue sets it by what is known; a turn that begins or ends leaves it as it is."""
    gate = ReplyGate()
    gate.set_open(False)
    gate.begin(reply(1))
    assert not gate.is_open
    gate.suspend(1.0)
    gate.kill()
    gate.finish()
    assert not gate.is_open
    gate.set_open(True)
    assert gate.is_open
