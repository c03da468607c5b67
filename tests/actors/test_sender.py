"""The Sender: the only one who writes to the peer."""

from __future__ import annotations

import json

import structlog
import trio
import trio.testing

from parley.actors.gate import ReplyGate
from parley.actors.messages import Report
from parley.actors.reply_exit import ReplyExit
from parley.actors.sender import Sender
from parley.conversation.ledger import Ledger
from parley.protocol.events import Closing, Info, Outbound, ReplyAudio, Token
from parley.protocol.prompt_voice import PromptVoiceCodec
from parley.telemetry import Telemetry
from parley.transport import PeerGone, memory_pair


class Desk:
    def __init__(self, *, capacity: int = 100) -> None:
        self.events, inbox = trio.open_memory_channel[Outbound](100)
        self.transport, self.client = memory_pair(capacity)
        self.gate = ReplyGate()
        self.telemetry = Telemetry()
        self.ledger = Ledger()
        self.sender = Sender(
            inbox=inbox,
            transport=self.transport,
            codec=PromptVoiceCodec(lambda: 0),
            gate=self.gate,
            stall_s=10,
            telemetry=self.telemetry,
            log=structlog.get_logger(),
        )

    def begin(self, turn: int) -> None:
        """A reply is live."""
        reports, _ = trio.open_memory_channel[Report](100)
        self.exit = ReplyExit(turn, self.events, reports, self.ledger)
        self.gate.begin(self.exit)

    async def queue_audio(self, seconds: float) -> None:
        self.ledger.queued(self.ledger.begin("words", seconds), seconds)
        pcm16 = bytes(int(seconds * 16_000) * 2)
        await self.exit.send(ReplyAudio(seq=1, pcm16=pcm16, rate_hz=16_000, turn=self.exit.turn))

    async def read_texts(self) -> list[str]:
        found = []
        with trio.move_on_after(1):
            while True:
                message = json.loads(await self.client.receive())
                found.append(message.get("text") or message.get("message"))
        return found


async def test_events_leave_in_their_order(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk()
    for n in range(3):
        await desk.events.send(Info(message=str(n)))
    desk.events.close()
    await desk.sender.run()
    assert await desk.read_texts() == ["0", "1", "2"]


async def test_what_belongs_to_a_killed_turn_is_dropped_and_counted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk()
    desk.begin(1)
    await desk.events.send(Token(text="of turn 1", turn=1))
    await desk.events.send(Info(message="of none"))
    desk.gate.kill()
    desk.begin(2)
    await desk.events.send(Token(text="of turn 2", turn=2))
    desk.events.close()
    await desk.sender.run()
    assert await desk.read_texts() == ["of none", "of turn 2"]
    assert b'parley_drops_total{edge="dead_turn"} 1.0' in desk.telemetry.exposition()


async def test_what_a_finished_turn_still_has_waiting_leaves(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk()
    desk.begin(1)
    await desk.events.send(Token(text="last word", turn=1))
    desk.gate.finish()
    desk.events.close()
    await desk.sender.run()
    assert await desk.read_texts() == ["last word"]


async def test_closing_comes_behind_all_that_was_said(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk()
    await desk.events.send(Info(message="goodbye"))
    await desk.events.send(Closing(code=1001, reason="going away"))
    await desk.sender.run()
    assert json.loads(await desk.client.receive())["message"] == "goodbye"
    try:
        await desk.client.receive()
    except PeerGone as gone:
        assert (gone.code, gone.reason) == (1001, "going away")
    else:
        raise AssertionError("the connection is still open")


async def test_a_peer_that_reads_nothing_is_closed_after_the_stall(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(capacity=1)
    await desk.events.send(Info(message="one"))
    await desk.events.send(Info(message="two"))
    began = trio.current_time()
    await desk.sender.run()
    assert trio.current_time() - began == 10
    assert desk.sender.writing
    assert b"parley_stalled_peers_total 1.0" in desk.telemetry.exposition()


async def test_it_ends_when_the_peer_is_gone(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk()
    await desk.client.close()
    await desk.events.send(Info(message="anybody?"))
    await desk.sender.run()


async def test_it_waits_for_a_peer_that_reads_slowly(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(capacity=1)
    for n in range(3):
        await desk.events.send(Info(message=str(n)))
    desk.events.close()
    found = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.sender.run)
        for _ in range(3):
            await trio.sleep(9)
            found.append(json.loads(await desk.client.receive())["message"])
    assert found == ["0", "1", "2"]


async def test_what_was_said_before_a_suspension_is_dropped_and_what_follows_it_leaves(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk()
    desk.begin(1)
    await desk.events.send(Token(text="before", turn=1))
    desk.gate.suspend(0.0)
    await desk.events.send(Token(text="after", turn=1, generation=1))
    desk.events.close()
    await desk.sender.run()
    assert await desk.read_texts() == ["after"]
    assert b'parley_drops_total{edge="dead_turn"} 1.0' in desk.telemetry.exposition()


async def test_audio_counts_as_said_when_the_transport_took_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(capacity=1)
    desk.begin(1)
    await desk.events.send(Info(message="in the way"))
    await desk.queue_audio(1.0)
    desk.events.close()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.sender.run)
        await trio.sleep(5)
        assert (desk.ledger.said(), desk.gate.last_seq) == ("", 0)
        await desk.client.receive()
    assert (desk.ledger.said(), desk.ledger.due_s, desk.gate.last_seq) == ("words", 6.0, 1)


async def test_audio_that_a_stalled_peer_never_took_was_not_said(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(capacity=1)
    desk.begin(1)
    await desk.events.send(Info(message="in the way"))
    await desk.queue_audio(1.0)
    await desk.sender.run()
    assert desk.ledger.said() == ""


async def test_audio_that_is_void_was_not_said(autojump_clock: trio.testing.MockClock) -> None:
    desk = Desk()
    desk.begin(1)
    await desk.queue_audio(1.0)
    desk.gate.suspend(0.0)
    desk.events.close()
    await desk.sender.run()
    assert (desk.ledger.said(), desk.gate.last_seq) == ("", 0)


async def test_what_is_half_written_when_the_reply_is_suspended_is_written_to_its_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk(capacity=1)
    desk.begin(1)
    for text in ("one", "two", "three"):
        await desk.events.send(Token(text=text, turn=1))
    desk.events.close()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.sender.run)
        await trio.testing.wait_all_tasks_blocked()
        desk.gate.suspend(0.0)
        assert await desk.read_texts() == ["one", "two"]
