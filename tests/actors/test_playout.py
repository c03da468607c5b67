"""Playout: reply audio leaves at the pace of its playback, and the gate holds it."""

from __future__ import annotations

from itertools import count

import pytest
import trio
import trio.testing

from parley.actors.gate import ReplyGate
from parley.actors.messages import EndOfReply, ReplyAudible, Report, SpokenPhrase
from parley.actors.playout import Playout
from parley.conversation.record import TurnRecord
from parley.conversation.timings import Timings
from parley.engines.tts.interface import Speech
from parley.protocol.events import Latency, PhraseDone, ReplyAudio, ReplyComplete
from parley.telemetry import Telemetry
from support.channels import drain, open_outbox


class Stage:
    def __init__(self, *, frame_ms: int | None = None, lead_s: float = 1.0) -> None:
        self.phrases, inbox = trio.open_memory_channel[SpokenPhrase | EndOfReply](100)
        reports, self.reports = trio.open_memory_channel[Report](100)
        outbox, self.out = open_outbox()
        self.gate = ReplyGate()
        self.gate.begin(1)
        self.record = TurnRecord(
            turn=1, user_text="", first_sample_s=0.0, first_partial_s=None, final_s=0.0
        )
        released = trio.Event()
        released.set()
        self.playout = Playout(
            inbox=inbox,
            reports=reports,
            outbox=outbox,
            released=released,
            gate=self.gate,
            record=self.record,
            next_seq=count(1).__next__,
            rate_hz=None,
            frame_ms=frame_ms,
            lead_s=lead_s,
            clock=Timings(trio.current_time()),
            telemetry=Telemetry(),
        )

    async def say(self, *seconds: float) -> None:
        for number, length_s in enumerate(seconds, 1):
            speech = Speech(pcm16=bytes(int(16_000 * length_s) * 2), rate_hz=16_000)
            await self.phrases.send(
                SpokenPhrase(number=number, text=f"phrase {number}", speech=speech)
            )
        await self.phrases.send(EndOfReply())

    async def audio_times(self) -> list[float]:
        """When each piece of audio leaves, from the beginning."""
        began, times = trio.current_time(), []
        while True:
            event = await self.out.receive()
            if isinstance(event, ReplyAudio):
                times.append(round(trio.current_time() - began, 6))
            if isinstance(event, ReplyComplete):
                return times


async def test_a_phrase_leaves_a_lead_before_the_one_before_has_been_heard(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage(lead_s=1.0)
    await stage.say(3.0, 3.0, 3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.playout.run)
        assert await stage.audio_times() == [0.0, 2.0, 5.0]


async def test_the_turn_lasts_until_its_last_sample_has_been_heard(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage()
    await stage.say(3.0, 3.0)
    began = trio.current_time()
    await stage.playout.run()
    assert trio.current_time() - began == 6.0
    assert stage.record.ledger.heard(trio.current_time()) == "phrase 1 phrase 2"


async def test_the_turn_waits_for_a_client_that_plays_late(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage()
    await stage.say(3.0, 3.0)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.playout.run)
        await trio.sleep(4)
        stage.record.ledger.played(trio.current_time(), 3.5)
    assert trio.current_time() - began == 6.5


async def test_a_server_in_a_hurry_does_not_wait_for_a_late_client(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage()
    await stage.say(3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.playout.run)
        await trio.sleep(2)
        stage.record.ledger.played(trio.current_time(), 0.0)
        stage.gate.hurried.set()
        began = trio.current_time()
    assert trio.current_time() == began


async def test_each_phrase_is_followed_by_its_end_and_the_first_by_the_latencies(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage()
    await stage.say(1.0, 1.0)
    await stage.playout.run()
    assert [type(event) for event in drain(stage.out)] == [
        *(ReplyAudio, Latency, PhraseDone),
        *(ReplyAudio, PhraseDone),
        ReplyComplete,
    ]
    assert drain(stage.reports) == [ReplyAudible(turn=1)]


async def test_audio_is_cut_into_frames_where_the_dialect_wants_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage(frame_ms=80, lead_s=0.2)
    await stage.say(1.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.playout.run)
        times = await stage.audio_times()
    assert len(times) == 13
    assert times[:4] == [0.0, 0.0, 0.0, 0.04]
    assert times[-1] == pytest.approx(12 * 0.08 - 0.2)


async def test_a_closed_gate_holds_the_audio_and_an_open_one_goes_on_where_it_stopped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage(frame_ms=100, lead_s=0.1)
    await stage.say(1.0)
    pieces: list[bytes] = []

    async def cough() -> None:
        await trio.sleep(0.45)
        stage.gate.close()
        await trio.sleep(2)
        stage.gate.open()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.playout.run)
        nursery.start_soon(cough)
    pieces = [e.pcm16 for e in drain(stage.out) if isinstance(e, ReplyAudio)]
    assert b"".join(pieces) == bytes(32_000)
    # Of the 0.45 s before the cough 0.6 s had been sent; the rest was due from 2.45 s on.
    assert stage.record.ledger.due_s - trio.current_time() == pytest.approx(0.0, abs=1e-9)
    assert trio.current_time() == pytest.approx(2.45 + 0.5, abs=0.11)


async def test_a_server_in_a_hurry_sends_the_rest_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage()
    await stage.say(5.0, 5.0, 5.0)
    began = trio.current_time()
    stage.gate.hurried.set()
    await stage.playout.run()
    assert trio.current_time() == began
    assert len([e for e in drain(stage.out) if isinstance(e, ReplyAudio)]) == 3


async def test_a_cancelled_playout_leaves_nothing_behind_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage()
    await stage.say(5.0, 5.0)
    with trio.move_on_after(2):
        await stage.playout.run()
    assert len([e for e in drain(stage.out) if isinstance(e, ReplyAudio)]) == 1
    assert stage.record.ledger.heard(trio.current_time()) == ""


async def test_a_closed_inbox_is_the_end_of_the_reply(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage()
    stage.phrases.close()
    await stage.playout.run()
    assert [type(event) for event in drain(stage.out)] == [ReplyComplete]
