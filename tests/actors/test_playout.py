"""Playout: reply audio leaves at the pace of its playback, and the gate holds it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count

import pytest
import trio
import trio.testing

from parley.actors.gate import ReplyGate
from parley.actors.messages import EndOfReply, ReplyAudible, SpokenPhrase
from parley.actors.playout import Playlist, Playout
from parley.actors.reply_exit import HeldEvent
from parley.conversation.record import TurnRecord
from parley.conversation.text.phrases import Phrase
from parley.conversation.text.words import word_marks
from parley.conversation.timings import Timings
from parley.engines.tts.interface import Speech
from parley.protocol.events import Latency, Outbound, PhraseDone, ReplyAudio, ReplyComplete
from parley.telemetry import Telemetry
from support.channels import drain, open_exit

Clock = trio.testing.MockClock

RATE_HZ = 16_000


class Stage:
    """A playout, and a link that takes what it says: at once, or not while it is stalled."""

    def __init__(
        self, *, frame_ms: int | None = None, lead_s: float = 1.0, outbox_room: int = 1000
    ) -> None:
        self.phrases, self._inbox = trio.open_memory_channel[SpokenPhrase | EndOfReply](100)
        self.gate = ReplyGate()
        self.record = TurnRecord(
            turn=1, user_text="", first_sample_s=0.0, first_partial_s=None, final_s=0.0
        )
        self.ledger = self.record.ledger
        self.exit, self._wire, self.reports = open_exit(1, self.ledger, room=outbox_room)
        self.gate.begin(self.exit)
        self.playlist = Playlist()
        self.next_seq: Callable[[], int] = count(1).__next__
        self._frame_ms, self._lead_s = frame_ms, lead_s
        self._flows = trio.Event()
        self._flows.set()
        self.left: list[tuple[float, Outbound]] = []
        """What the transport took, and when."""

    def playout(self) -> Playout:
        return Playout(
            inbox=self._inbox,
            reply_exit=self.exit,
            gate=self.gate,
            record=self.record,
            next_seq=lambda: self.next_seq(),
            rate_hz=None,
            frame_ms=self._frame_ms,
            lead_s=self._lead_s,
            timings=Timings(trio.current_time()),
            telemetry=Telemetry(),
            playlist=self.playlist,
        )

    async def run(self) -> None:
        """To the end of the reply."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._link)
            await self.playout().run()
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    async def _link(self) -> None:
        while True:
            event = await self._wire.receive()
            if not self.gate.passes(event):
                continue
            self.gate.writes(event)
            await self._flows.wait()
            self.gate.left(event, trio.current_time())
            self.left.append((trio.current_time(), event))

    async def say(self, *seconds: float, end: bool = True) -> None:
        """Each sample of it is its own number, so that none can be lost or said twice unseen."""
        for number, length_s in enumerate(seconds, 1):
            speech = Speech(pcm16=samples(number, length_s), rate_hz=RATE_HZ)
            await self.phrases.send(
                SpokenPhrase(phrase=Phrase(number=number, text=f"phrase {number}"), speech=speech)
            )
        if end:
            await self.phrases.send(EndOfReply())

    def stall(self) -> None:
        self._flows = trio.Event()

    def flow(self) -> None:
        self._flows.set()

    def suspend(self) -> None:
        """As the dialogue does it."""
        self.gate.set_open(False)
        self.gate.suspend(trio.current_time())

    async def give_back(self) -> None:
        while (held := self.exit.next()) is not None:
            if isinstance(held, HeldEvent):
                await self.exit.send(held.event)
        self.gate.set_open(True)

    @property
    def events(self) -> list[Outbound]:
        return [event for _, event in self.left]

    @property
    def audio_times(self) -> list[float]:
        """When each piece of audio left."""
        return [round(at_s, 6) for at_s, event in self.left if isinstance(event, ReplyAudio)]

    @property
    def audio(self) -> bytes:
        return b"".join(event.pcm16 for event in self.events if isinstance(event, ReplyAudio))


def samples(number: int, length_s: float) -> bytes:
    size = round(RATE_HZ * length_s)
    return b"".join((number * 1000 + i % 997).to_bytes(2, "little") for i in range(size))


def kinds(events: list[Outbound]) -> list[type[Outbound]]:
    return [type(event) for event in events]


# The pace


async def test_a_phrase_leaves_a_lead_before_the_one_before_has_been_heard(
    autojump_clock: Clock,
) -> None:
    stage = Stage(lead_s=1.0)
    await stage.say(3.0, 3.0, 3.0)
    await stage.run()
    assert stage.audio_times == [0.0, 2.0, 5.0]


async def test_the_turn_lasts_until_its_last_sample_has_been_heard(autojump_clock: Clock) -> None:
    stage = Stage()
    await stage.say(3.0, 3.0)
    await stage.run()
    assert trio.current_time() == 6.0
    assert stage.ledger.heard(trio.current_time()) == "phrase 1 phrase 2"


async def test_the_turn_waits_for_a_client_that_plays_late(autojump_clock: Clock) -> None:
    stage = Stage()
    await stage.say(3.0, 3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(4)
        stage.ledger.played(trio.current_time(), 3.5)
    assert trio.current_time() == 6.5


async def test_a_server_in_a_hurry_does_not_wait_for_a_late_client(autojump_clock: Clock) -> None:
    stage = Stage()
    await stage.say(3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(2)
        stage.ledger.played(trio.current_time(), 0.0)
        stage.gate.hurried.set()
        began = trio.current_time()
    assert trio.current_time() == began


async def test_each_phrase_is_followed_by_its_end_and_the_first_by_the_latencies(
    autojump_clock: Clock,
) -> None:
    stage = Stage()
    await stage.say(1.0, 1.0)
    await stage.run()
    assert kinds(stage.events) == [
        *(ReplyAudio, Latency, PhraseDone),
        *(ReplyAudio, PhraseDone),
        ReplyComplete,
    ]
    assert drain(stage.reports) == [ReplyAudible(turn=1)]


async def test_audio_is_cut_into_frames_where_the_dialect_wants_it(autojump_clock: Clock) -> None:
    stage = Stage(frame_ms=80, lead_s=0.2)
    await stage.say(1.0)
    await stage.run()
    times = stage.audio_times
    assert len(times) == 13
    assert times[:4] == [0.0, 0.0, 0.0, 0.04]
    assert times[-1] == pytest.approx(12 * 0.08 - 0.2)


async def test_a_closed_gate_holds_the_audio_and_an_open_one_goes_on_where_it_stopped(
    autojump_clock: Clock,
) -> None:
    stage = Stage(frame_ms=100, lead_s=0.1)
    await stage.say(1.0)

    async def cough() -> None:
        await trio.sleep(0.45)
        stage.gate.set_open(False)
        await trio.sleep(2)
        stage.gate.set_open(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        nursery.start_soon(cough)
    assert stage.audio == samples(1, 1.0)
    # Of the 0.45 s before the cough 0.6 s had been sent; the rest was due from 2.45 s on.
    assert stage.ledger.due_s - trio.current_time() == pytest.approx(0.0, abs=1e-9)
    assert trio.current_time() == pytest.approx(2.45 + 0.5, abs=0.11)


async def test_a_server_in_a_hurry_sends_the_rest_at_once(autojump_clock: Clock) -> None:
    stage = Stage()
    await stage.say(5.0, 5.0, 5.0)
    stage.gate.hurried.set()
    await stage.run()
    assert trio.current_time() == 0.0
    assert len(stage.audio_times) == 3


async def test_a_cancelled_playout_leaves_nothing_behind_it(autojump_clock: Clock) -> None:
    stage = Stage()
    await stage.say(5.0, 5.0)
    with trio.move_on_after(2):
        await stage.run()
    assert len(stage.audio_times) == 1
    assert stage.ledger.said() == "phrase 1"


async def test_a_closed_inbox_is_the_end_of_the_reply(autojump_clock: Clock) -> None:
    stage = Stage()
    stage.phrases.close()
    await stage.run()
    assert kinds(stage.events) == [ReplyComplete]


# A stalled link


async def test_only_what_the_transport_took_was_said(autojump_clock: Clock) -> None:
    stage = Stage(frame_ms=100, lead_s=0.5)
    await stage.say(3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(1.0)
        taken = len(stage.audio_times)
        stage.stall()
        await trio.sleep(60)
        (entry,) = stage.ledger.phrases
        assert entry.position_s - entry.queued_s == pytest.approx(taken * 0.1)
        assert stage.ledger.due_s == pytest.approx(taken * 0.1)
        stage.flow()
    assert stage.audio == samples(1, 3.0)
    assert stage.ledger.due_s == pytest.approx(61.0 + 3.0 - taken * 0.1)


async def test_no_more_than_the_lead_waits_for_a_stalled_link(autojump_clock: Clock) -> None:
    stage = Stage(frame_ms=100, lead_s=0.5)
    stage.stall()
    await stage.say(3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(60)
        assert stage.ledger.expected_due_s(trio.current_time()) - trio.current_time() <= 0.6
        nursery.cancel_scope.cancel()


async def test_after_a_stall_the_audio_does_not_come_in_a_flood(autojump_clock: Clock) -> None:
    stage = Stage(frame_ms=100, lead_s=0.5)
    await stage.say(5.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(1.0)
        stage.stall()
        await trio.sleep(60)
        stage.flow()
    sent_s = [at_s for at_s in stage.audio_times if at_s < 61.05]
    assert len(sent_s) * 0.1 <= 1.0 + 0.5 + 0.5 + 0.1 + 1e-6


async def test_the_first_audio_is_told_when_it_has_left(autojump_clock: Clock) -> None:
    stage = Stage()
    stage.stall()
    await stage.say(1.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(5)
        assert drain(stage.reports) == []
        stage.flow()
    assert drain(stage.reports) == [ReplyAudible(turn=1)]
    assert stage.record.first_audio_s == 5.0


# Suspended


async def test_a_suspended_reply_falls_silent_at_once(autojump_clock: Clock) -> None:
    stage = Stage(frame_ms=100, lead_s=0.5)
    await stage.say(3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(1.0)
        stage.suspend()
        await trio.sleep(60)
        assert max(at_s for at_s, _ in stage.left) <= 1.0
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("after_s", [0.0, 0.2, 0.25, 0.95, 1.0, 1.5, 2.7, 2.999])
@pytest.mark.parametrize("frame_ms", [None, 100])
async def test_a_reply_that_is_given_back_goes_on_from_the_first_sample_that_was_not_heard(
    autojump_clock: Clock, frame_ms: int | None, after_s: float
) -> None:
    stage = Stage(frame_ms=frame_ms, lead_s=0.5)
    await stage.say(1.0, 1.0, 1.0)
    whole = b"".join(samples(number, 1.0) for number in (1, 2, 3))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(after_s)
        stage.suspend()
        before = len(stage.audio)
        await trio.sleep(7)
        await stage.give_back()
    heard = round(after_s * RATE_HZ) * 2
    assert stage.audio[:before] == whole[:before]
    assert stage.audio[before:] == whole[heard:]
    assert stage.ledger.heard(trio.current_time()) == "phrase 1 phrase 2 phrase 3"
    assert trio.current_time() == pytest.approx(3.0 + 7)


async def test_a_reply_that_is_suspended_again_and_again_is_heard_once(
    autojump_clock: Clock,
) -> None:
    stage = Stage(frame_ms=100, lead_s=0.5)
    await stage.say(1.0, 1.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        for _ in range(4):
            await trio.sleep(0.4)
            stage.suspend()
            await trio.sleep(2)
            await stage.give_back()
    assert stage.ledger.heard(trio.current_time()) == "phrase 1 phrase 2"
    assert trio.current_time() == pytest.approx(2.0 + 4 * 2)


async def test_a_reply_that_is_suspended_before_a_sound_of_it_begins_at_its_beginning(
    autojump_clock: Clock,
) -> None:
    stage = Stage()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(1)
        stage.suspend()
        await stage.say(1.0)
        await trio.sleep(5)
        assert stage.left == []
        await stage.give_back()
    assert stage.audio == samples(1, 1.0)
    assert kinds(stage.events) == [ReplyAudio, Latency, PhraseDone, ReplyComplete]


async def test_the_client_is_believed_about_what_it_threw_away(autojump_clock: Clock) -> None:
    stage = Stage(frame_ms=100, lead_s=0.5)
    await stage.say(3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(1.0)
        stage.suspend()
        before = len(stage.audio)
        stage.ledger.flushed(0.5)
        await trio.sleep(1)
        await stage.give_back()
    assert stage.audio[before:] == samples(1, 3.0)[RATE_HZ:]


async def test_a_suspended_reply_that_goes_on_is_audible_again(autojump_clock: Clock) -> None:
    stage = Stage()
    await stage.say(3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(1)
        stage.suspend()
        await trio.sleep(1)
        await stage.give_back()
    assert drain(stage.reports) == [ReplyAudible(turn=1)] * 2
    assert stage.record.first_audio_s == 0.0


async def test_the_latencies_are_told_once_however_often_a_reply_is_suspended(
    autojump_clock: Clock,
) -> None:
    stage = Stage()
    await stage.say(3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        for _ in range(2):
            await trio.sleep(1)
            stage.suspend()
            await trio.sleep(1)
            await stage.give_back()
    assert kinds(stage.events).count(Latency) == 1


async def test_each_part_of_a_phrase_has_a_number_of_its_own(autojump_clock: Clock) -> None:
    stage = Stage()
    await stage.say(3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(1)
        stage.suspend()
        await stage.give_back()
    assert [e.seq for e in stage.events if isinstance(e, ReplyAudio)] == [1, 2]
    assert [e.seq for e in stage.events if isinstance(e, PhraseDone)] == [1, 2]


async def test_the_first_piece_of_each_part_tells_what_the_phrase_says(
    autojump_clock: Clock,
) -> None:
    stage = Stage(frame_ms=100, lead_s=0.5)
    await stage.say(3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(1)
        stage.suspend()
        await stage.give_back()
    told = [e.begins for e in stage.events if isinstance(e, ReplyAudio) and e.begins]
    assert [(b.text, b.duration_ms, b.from_ms) for b in told] == [
        ("phrase 1", 3000, 0),
        ("phrase 1", 3000, 1000),
    ]


async def test_what_was_heard_to_its_end_is_kept_no_longer(autojump_clock: Clock) -> None:
    stage = Stage(lead_s=0.1)
    await stage.say(*[1.0] * 20)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(15.5)
        # One is played, one has left, one waits for its time.
        assert len(stage.playlist.spoken) <= 3


async def test_a_reply_that_is_suspended_while_its_link_is_stalled_loses_nothing(
    autojump_clock: Clock,
) -> None:
    stage = Stage(frame_ms=100, lead_s=0.5)
    stage.stall()
    await stage.say(1.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(2)
        stage.suspend()
        assert stage.ledger.said() == ""
        stage.flow()
        await trio.sleep(2)
        stray = len(stage.audio)  # the piece that was half written
        assert (stray, stage.ledger.said()) == (3200, "")
        await stage.give_back()
    assert stage.audio[stray:] == samples(1, 1.0)


async def test_what_the_client_threw_away_counts_until_the_reply_goes_on(
    autojump_clock: Clock,
) -> None:
    """The reply is given back while another sound holds it."""
    stage = Stage(frame_ms=100, lead_s=0.5)
    await stage.say(3.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(1.0)
        stage.suspend()
        before = len(stage.audio)
        await stage.give_back()
        stage.gate.set_open(False)
        await trio.sleep(0.2)
        stage.ledger.flushed(0.5)
        await trio.sleep(0.2)
        stage.gate.set_open(True)
    assert stage.audio[before:] == samples(1, 3.0)[RATE_HZ:]
    assert stage.ledger.heard(trio.current_time()) == "phrase 1"


async def test_the_latencies_are_told_though_the_reply_is_suspended_before_they_are(
    autojump_clock: Clock,
) -> None:
    stage = Stage()
    await stage.say(1.0)
    for _ in range(100):  # the dialogue has much to do
        await stage.exit.reports.send(ReplyAudible(turn=1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await trio.sleep(0.5)
        stage.suspend()
        drain(stage.reports)
        await trio.sleep(1)
        await stage.give_back()
    assert kinds(stage.events).count(Latency) == 1


# Restarted


@pytest.mark.parametrize("crash_at", [1, 2, 3])
async def test_a_restarted_playout_loses_nothing_and_says_nothing_twice(
    autojump_clock: Clock, crash_at: int
) -> None:
    stage = Stage(frame_ms=100, lead_s=0.5)
    await stage.say(1.0, 1.0, 1.0)
    numbers = count(1)

    def next_seq() -> int:
        if (number := next(numbers)) == crash_at:
            raise ZeroDivisionError
        return number

    stage.next_seq = next_seq
    with pytest.raises(BaseExceptionGroup):
        await stage.run()
    await stage.run()
    assert stage.audio == b"".join(samples(number, 1.0) for number in (1, 2, 3))
    assert stage.ledger.heard(trio.current_time()) == "phrase 1 phrase 2 phrase 3"


async def test_a_playout_that_is_restarted_when_all_was_said_ends_the_reply(
    autojump_clock: Clock,
) -> None:
    stage = Stage()
    await stage.say(1.0)
    with trio.move_on_after(0.5):
        await stage.run()
    await stage.run()
    assert stage.audio == samples(1, 1.0)
    assert trio.current_time() == 1.0


# A phrase whose audio is still coming


async def stream_into(
    stage: Stage, *pieces: float, every_s: float, text: str = "aa bb cc dd"
) -> None:
    """A phrase in pieces of so many seconds, the first at once."""
    tell, hear = trio.open_memory_channel[Speech](100)
    whole = samples(1, sum(pieces))
    with tell:
        at = 0
        for number, length_s in enumerate(pieces):
            size = round(RATE_HZ * length_s) * 2
            speech = Speech(pcm16=whole[at : at + size], rate_hz=RATE_HZ)
            at += size
            if number == 0:
                marks = word_marks(text, spelled(text))
                phrase = Phrase(number=1, text=text, spoken=text, marks=marks)
                await stage.phrases.send(SpokenPhrase(phrase=phrase, speech=speech, rest=hear))
            else:
                await trio.sleep(every_s)
                await tell.send(speech)
    await stage.phrases.send(EndOfReply())


def spelled(text: str) -> list[tuple[int, int]]:
    return [(at, at + 1) for at in range(len(text))]


async def test_a_phrase_is_heard_with_its_first_piece_and_then_in_frames(
    autojump_clock: Clock,
) -> None:
    stage = Stage(frame_ms=100)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        nursery.start_soon(partial(stream_into, stage, *[0.15] * 20, every_s=0.075))
    assert stage.audio_times[0] == 0.0
    assert stage.audio == samples(1, 3.0)
    assert len(set(stage.audio_times)) > 10  # it left as it came
    assert trio.current_time() == pytest.approx(3.0)
    assert [e.seq for e in stage.events if isinstance(e, PhraseDone)] == [1]


async def test_where_a_frame_is_a_phrase_each_part_goes_as_one(autojump_clock: Clock) -> None:
    stage = Stage(frame_ms=None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        nursery.start_soon(partial(stream_into, stage, *[0.3] * 10, every_s=0.15))
    assert stage.audio_times[0] == 0.0
    assert stage.audio == samples(1, 3.0)
    sent = [event for event in stage.events if isinstance(event, ReplyAudio | PhraseDone)]
    assert [type(event) for event in sent] == [ReplyAudio, PhraseDone] * (len(sent) // 2)
    assert [event.seq for event in sent[::2]] == list(range(1, len(sent) // 2 + 1))
    told = [event.begins for event in sent if isinstance(event, ReplyAudio)]
    starts = [begins.from_ms for begins in told if begins is not None]
    assert len(starts) == len(told)
    assert starts == sorted(starts)
    assert starts[0] == 0


async def test_a_voice_slower_than_speech_is_played_as_it_comes(autojump_clock: Clock) -> None:
    stage = Stage(frame_ms=100)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        nursery.start_soon(partial(stream_into, stage, *[0.1] * 10, every_s=0.2))
    assert stage.audio == samples(1, 1.0)
    assert stage.audio_times == [round(0.2 * number, 6) for number in range(10)]


async def test_a_phrase_that_is_suspended_while_it_comes_loses_no_sample(
    autojump_clock: Clock,
) -> None:
    stage = Stage(frame_ms=100)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        nursery.start_soon(partial(stream_into, stage, *[0.2] * 15, every_s=0.1))
        await trio.sleep(0.55)
        stage.suspend()
        heard = stage.ledger.heard_s(trio.current_time())
        assert heard == pytest.approx(0.55)
        await trio.sleep(2.0)
        await stage.give_back()
    times = [at_s for at_s, event in stage.left if isinstance(event, ReplyAudio)]
    again = next(number for number, at_s in enumerate(times) if at_s > 2.0)
    after = [e for e in stage.events if isinstance(e, ReplyAudio)][again:]
    assert b"".join(e.pcm16 for e in after) == samples(1, 3.0)[int(0.55 * RATE_HZ) * 2 :]
    assert trio.current_time() == pytest.approx(0.55 + 2.0 + 2.45)


async def test_what_was_heard_of_a_phrase_whose_length_is_not_known_is_estimated(
    autojump_clock: Clock,
) -> None:
    text = "one two three four five six"
    stage = Stage(frame_ms=100)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        nursery.start_soon(partial(stream_into, stage, *[0.2] * 8, every_s=0.1, text=text))
        await trio.sleep(0.45)
        assert stage.ledger.heard(trio.current_time()) == "one two"
    assert stage.ledger.heard(trio.current_time()) == text
