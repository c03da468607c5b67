"""The exit of a turn: what is held there, what is let out, and what is taken back."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from parley.actors.messages import ReplyAudible, ReplyWritten
from parley.actors.reply_exit import HELD_MAX, HeldEvent, HeldReport, ReplyExit
from parley.conversation.ledger import Ledger
from parley.protocol.events import (
    Event,
    Latency,
    Outbound,
    PhraseDone,
    ReplyAudio,
    ReplyComplete,
    Token,
)
from support.channels import drain, open_exit

Clock = trio.testing.MockClock


def token(text: str) -> Token:
    return Token(text=text, turn=1)


def audio(seq: int = 1) -> ReplyAudio:
    return ReplyAudio(seq=seq, pcm16=b"", rate_hz=16_000, turn=1)


async def let_out(reply_exit: ReplyExit) -> None:
    """As the dialogue does it; reports are not of interest here."""
    while (held := reply_exit.next()) is not None:
        if isinstance(held, HeldEvent):
            await reply_exit.send(held.event)


def suspend(reply_exit: ReplyExit, *, writing: Event | None = None) -> None:
    reply_exit.suspend(trio.current_time(), writing=writing)


def words(events: list[Outbound]) -> list[str]:
    return [event.text for event in events if isinstance(event, Token)]


# Open


async def test_an_open_exit_passes_everything_on(autojump_clock: Clock) -> None:
    reply_exit, out, reports = open_exit()
    await reply_exit.outbox.send(token("a"))
    await reply_exit.reports.send(ReplyWritten(turn=1))
    await reply_exit.tell(token("b"))
    assert drain(out) == [token("a"), token("b")]
    assert drain(reports) == [ReplyWritten(turn=1)]
    assert not reply_exit.holding


# Held


async def test_a_held_reply_says_nothing(autojump_clock: Clock) -> None:
    reply_exit, out, reports = open_exit(held=True)
    await reply_exit.outbox.send(token("a"))
    await reply_exit.reports.send(ReplyWritten(turn=1))
    await reply_exit.tell(token("b"))
    assert reply_exit.holding
    assert drain(out) == [] and drain(reports) == []
    assert len(reply_exit) == 3


async def test_what_is_held_comes_in_the_order_in_which_it_was_said(autojump_clock: Clock) -> None:
    reply_exit, _, _ = open_exit(held=True)
    await reply_exit.outbox.send(token("a"))
    await reply_exit.reports.send(ReplyWritten(turn=1))
    await reply_exit.tell(token("b"))
    assert [reply_exit.next() for _ in range(4)] == [
        HeldEvent(token("a")),
        HeldReport(ReplyWritten(turn=1)),
        HeldEvent(token("b")),
        None,
    ]


async def test_it_is_open_only_when_the_last_that_was_held_is_out(autojump_clock: Clock) -> None:
    reply_exit, out, _ = open_exit(held=True)
    await reply_exit.outbox.send(token("a"))
    reply_exit.next()
    await reply_exit.outbox.send(token("b"))
    assert drain(out) == []
    await let_out(reply_exit)
    await reply_exit.outbox.send(token("c"))
    assert words(drain(out)) == ["b", "c"]


async def test_who_has_more_to_say_than_is_held_waits_and_comes_last(
    autojump_clock: Clock,
) -> None:
    reply_exit, out, _ = open_exit(held=True)
    for number in range(HELD_MAX):
        await reply_exit.outbox.send(token(str(number)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reply_exit.outbox.send, token("more"))
        await trio.sleep(60)
        assert len(reply_exit) == HELD_MAX
        await let_out(reply_exit)
    assert words(drain(out)) == [*map(str, range(HELD_MAX)), "more"]


async def test_the_dialogue_never_waits_for_what_is_held(autojump_clock: Clock) -> None:
    reply_exit, _, _ = open_exit(held=True)
    for number in range(HELD_MAX + 1):
        await reply_exit.tell(token(str(number)))
    assert len(reply_exit) == HELD_MAX + 1


async def test_who_waits_for_it_goes_on_when_it_opens(autojump_clock: Clock) -> None:
    reply_exit, _, _ = open_exit(held=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reply_exit.wait_open)
        await trio.sleep(5)
        assert reply_exit.next() is None
    assert trio.current_time() == 5


# Suspended


async def test_a_suspended_reply_says_nothing_more(autojump_clock: Clock) -> None:
    reply_exit, out, reports = open_exit()
    suspend(reply_exit)
    await reply_exit.outbox.send(token("a"))
    await reply_exit.reports.send(ReplyAudible(turn=1))
    assert drain(out) == [] and drain(reports) == []
    assert len(reply_exit) == 2


async def test_what_waits_in_the_outbox_is_taken_back_in_order_before_what_comes(
    autojump_clock: Clock,
) -> None:
    reply_exit, out, _ = open_exit()
    for text in ("a", "b"):
        await reply_exit.outbox.send(token(text))
    suspend(reply_exit)
    await reply_exit.outbox.send(token("c"))
    drain(out)
    await let_out(reply_exit)
    assert words(drain(out)) == ["a", "b", "c"]


async def test_what_the_transport_took_is_not_said_twice(autojump_clock: Clock) -> None:
    reply_exit, out, _ = open_exit()
    for text in ("a", "b"):
        await reply_exit.outbox.send(token(text))
    reply_exit.left(out.receive_nowait(), 0.0)
    suspend(reply_exit)
    drain(out)
    await let_out(reply_exit)
    assert words(drain(out)) == ["b"]


async def test_what_is_half_written_is_not_said_twice(autojump_clock: Clock) -> None:
    reply_exit, out, _ = open_exit()
    for text in ("a", "b"):
        await reply_exit.outbox.send(token(text))
    event = out.receive_nowait()
    suspend(reply_exit, writing=event)
    drain(out)
    reply_exit.left(event, 0.0)
    await let_out(reply_exit)
    assert words(drain(out)) == ["b"]


async def test_audio_is_not_kept_for_it_is_made_again(autojump_clock: Clock) -> None:
    reply_exit, out, _ = open_exit()
    for event in (audio(), token("a"), PhraseDone(seq=1, turn=1), ReplyComplete(turn=1)):
        await reply_exit.outbox.send(event)
    suspend(reply_exit)
    drain(out)
    await let_out(reply_exit)
    assert [type(event) for event in drain(out)] == [Token]


async def test_what_bears_no_turn_is_never_void_and_so_is_not_said_twice(
    autojump_clock: Clock,
) -> None:
    reply_exit, out, _ = open_exit()
    await reply_exit.outbox.send(Latency(t0=None, t1=None, t2=None, t3=None, t4=None))
    suspend(reply_exit)
    await let_out(reply_exit)
    assert [type(event) for event in drain(out)] == [Latency]


async def test_what_is_said_after_a_suspension_bears_its_generation(autojump_clock: Clock) -> None:
    reply_exit, out, _ = open_exit()
    await reply_exit.outbox.send(token("a"))
    for _ in range(2):
        suspend(reply_exit)
    await let_out(reply_exit)
    await reply_exit.outbox.send(token("b"))
    assert [(e.generation, e.turn) for e in drain(out)] == [(0, 1), (2, 1), (2, 1)]


async def test_a_reply_that_is_suspended_again_takes_back_again_in_order(
    autojump_clock: Clock,
) -> None:
    reply_exit, out, _ = open_exit()
    for text in ("a", "b", "c"):
        await reply_exit.outbox.send(token(text))
    for _ in range(3):
        suspend(reply_exit)
        drain(out)
        await let_out(reply_exit)
    assert words(drain(out)) == ["a", "b", "c"]


async def test_a_reply_that_is_suspended_while_it_was_let_out_keeps_the_order(
    autojump_clock: Clock,
) -> None:
    reply_exit, out, _ = open_exit(held=True)
    for text in ("a", "b", "c"):
        await reply_exit.outbox.send(token(text))
    first = reply_exit.next()
    assert isinstance(first, HeldEvent)
    await reply_exit.send(first.event)
    suspend(reply_exit)
    drain(out)
    await let_out(reply_exit)
    assert words(drain(out)) == ["a", "b", "c"]


async def test_who_waits_for_room_in_the_outbox_is_taken_back_too(autojump_clock: Clock) -> None:
    reply_exit, out, _ = open_exit(room=1)
    async with trio.open_nursery() as nursery:
        await reply_exit.outbox.send(token("a"))
        nursery.start_soon(reply_exit.outbox.send, token("b"))
        await trio.testing.wait_all_tasks_blocked()
        suspend(reply_exit)
        await trio.testing.wait_all_tasks_blocked()
        stale = [await out.receive(), await out.receive()]
        nursery.start_soon(let_out, reply_exit)
        again = [await out.receive(), await out.receive()]
    assert [event.generation for event in stale] == [0, 0]
    assert words(again) == ["a", "b"]
    assert [event.generation for event in again] == [1, 1]


async def test_a_reply_that_is_held_already_stays_held(autojump_clock: Clock) -> None:
    reply_exit, out, _ = open_exit(held=True)
    await reply_exit.outbox.send(token("a"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reply_exit.wait_open)
        await trio.testing.wait_all_tasks_blocked()
        suspend(reply_exit)
        assert reply_exit.holding
        await let_out(reply_exit)
    assert words(drain(out)) == ["a"]


# Playing


async def test_a_suspension_cancels_what_plays_the_reply(autojump_clock: Clock) -> None:
    reply_exit, _, _ = open_exit()
    async with trio.open_nursery() as nursery:

        async def play() -> None:
            with reply_exit.playing():
                await trio.sleep_forever()

        nursery.start_soon(play)
        await trio.sleep(2)
        suspend(reply_exit)
    assert trio.current_time() == 2


async def test_what_plays_after_a_suspension_is_not_cancelled_by_it(autojump_clock: Clock) -> None:
    reply_exit, _, _ = open_exit()
    suspend(reply_exit)
    with reply_exit.playing():
        await trio.sleep(2)
    assert trio.current_time() == 2


async def test_a_suspension_cuts_the_ledger(autojump_clock: Clock) -> None:
    ledger = Ledger()
    reply_exit, out, _ = open_exit(1, ledger)
    ledger.queued(ledger.begin("aa bb", 2.0), 2.0)
    await reply_exit.outbox.send(audio())
    reply_exit.left(out.receive_nowait(), 0.0)
    await trio.sleep(1)
    suspend(reply_exit)
    assert ledger.heard(99.0) == "aa"


async def test_audio_of_an_older_generation_is_not_counted_by_the_ledger(
    autojump_clock: Clock,
) -> None:
    """It was half written when the reply was suspended; its client throws it away."""
    ledger = Ledger()
    reply_exit, out, _ = open_exit(1, ledger)
    entry = ledger.begin("aa bb", 2.0)
    ledger.queued(entry, 2.0)
    await reply_exit.outbox.send(audio())
    event = out.receive_nowait()
    suspend(reply_exit, writing=event)
    ledger.queued(entry, 2.0)
    reply_exit.left(event, 5.0)
    assert ledger.said() == ""


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_who_waits_until_all_audio_has_left_waits_for_each_piece(
    autojump_clock: Clock, count: int
) -> None:
    ledger = Ledger()
    reply_exit, out, _ = open_exit(1, ledger)
    entry = ledger.begin("aa", 3.0)
    for _ in range(count):
        ledger.queued(entry, 1.0)
        await reply_exit.outbox.send(audio())
    async with trio.open_nursery() as nursery:

        async def take() -> None:
            for event in drain(out):
                await trio.sleep(1)
                reply_exit.left(event, trio.current_time())

        nursery.start_soon(take)
        await reply_exit.wait_left()
        assert trio.current_time() == count
