"""The dialogue alone: reports in, and what it decides of states, turns, memory and words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
import trio
import trio.testing

from parley.actors.dialogue import Dialogue
from parley.actors.gate import ReplyGate
from parley.actors.messages import (
    CancelRequested,
    DrainRequested,
    InterruptRequested,
    PlaybackTold,
    ReplyAudible,
    ReplyWritten,
    Report,
    SpeechBegan,
    SpeechConfirmed,
    SpeechDropped,
    TurnOver,
    UtteranceFailed,
    UtteranceHeard,
)
from parley.actors.reply_exit import ReplyExit
from parley.conversation.memory import ConversationMemory
from parley.conversation.record import TurnRecord
from parley.conversation.spoken import HearingCancelled, MicrophoneClosed, MicrophoneOpened
from parley.conversation.timings import Timings
from parley.engines.asr.interface import Transcript
from parley.protocol.chat import ChatMessage
from parley.protocol.codes import Code
from parley.protocol.events import (
    BargeIn,
    Closing,
    Decode,
    Failure,
    Final,
    Info,
    Latency,
    Outbound,
    SessionOpened,
    StateChanged,
    Token,
    TurnTimes,
)
from parley.protocol.states import State
from parley.telemetry import Telemetry
from support.channels import drain, open_outbox

Clock = trio.testing.MockClock


class Table:
    """A dialogue and what it moves: turns begun and stopped, the gate, the memory, the outbox."""

    def __init__(
        self,
        *,
        outbox_room: int = 1000,
        log_transcripts: bool = False,
        log_latency: bool = True,
        speculations_most: int = 2,
    ) -> None:
        self._send, inbox = trio.open_memory_channel[Report](16)
        outbox, self.out = open_outbox(outbox_room)
        self.outbox = outbox
        self.ways: list[ReplyExit] = []
        self.gate = ReplyGate()
        self.memory = ConversationMemory("", 10)
        self.telemetry = Telemetry()
        self.begun: list[TurnRecord] = []
        self.asked: list[list[str]] = []
        self.stopped: list[int] = []
        self.states: list[StateChanged] = []
        self.dialogue = Dialogue(
            session_id="s",
            inbox=inbox,
            outbox=outbox,
            gate=self.gate,
            memory=self.memory,
            start_turn=self._start,
            stop_turn=self._stop,
            clock=Timings(trio.current_time()),
            telemetry=self.telemetry,
            log=structlog.get_logger(),
            tell_watchers=lambda event: None,
            log_transcripts=log_transcripts,
            log_latency=log_latency,
            new_id=lambda session_id, number: f"id-{number}",
            speculations_most=speculations_most,
        )

    def _start(self, record: TurnRecord, conversation: list[ChatMessage], held: bool) -> ReplyExit:
        self.begun.append(record)
        self.asked.append([message.text for message in conversation])
        self.ways.append(ReplyExit(self.outbox, self._send, held=held))
        return self.ways[-1]

    async def _stop(self, turn: int) -> None:
        if self.ways[-1].released.is_set():
            assert not self.gate.passes(turn), "a turn is stopped behind a gate that it cannot pass"
        self.stopped.append(turn)
        await trio.lowlevel.checkpoint()

    async def tell(self, *reports: Report) -> list[Outbound]:
        """Report this; what is said to the client because of it. Changes of state go to
        `states`, beside the rest."""
        for report in reports:
            await self._send.send(report)
        await trio.testing.wait_all_tasks_blocked()
        told = drain(self.out)
        self.states += [event for event in told if isinstance(event, StateChanged)]
        return [event for event in told if not isinstance(event, StateChanged)]

    async def ask(self, number: int, text: str, *, guarded: bool = False) -> list[Outbound]:
        """An utterance from its beginning to its final."""
        began = [SpeechBegan(number=number, during_reply=guarded)]
        confirmed = [SpeechConfirmed(number=number, received_s=0.0)] if guarded else []
        return await self.tell(*began, *confirmed, heard(number, text))

    async def reply(self, text: str, *, seconds: float, phrases: int = 1) -> None:
        """The live turn's actors write it whole; its audio begins now."""
        record = self.begun[-1]
        record.text = text
        record.written = True
        for _ in range(phrases):
            self.dialogue.next_seq()
        record.first_audio_s = trio.current_time()
        record.ledger.begin(text, seconds)
        record.ledger.sent(trio.current_time(), seconds)
        await self.tell(ReplyWritten(turn=record.turn), ReplyAudible(turn=record.turn))

    def state(self) -> State:
        return self.dialogue.state

    def gate_is_open(self) -> bool:
        return self.gate.is_open

    def counted(self, line: str) -> bool:
        return line.encode() in self.telemetry.exposition()


@asynccontextmanager
async def at_the_table(*, started: bool = True, **options: Any) -> AsyncIterator[Table]:
    """A running dialogue; `started`: the client has opened its microphone."""
    table = Table(**options)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(table.dialogue.run)
        await trio.testing.wait_all_tasks_blocked()
        if started:
            await table.tell(MicrophoneOpened())
        yield table
        nursery.cancel_scope.cancel()


def heard(number: int, text: str, *, too_long: bool = False) -> UtteranceHeard:
    return UtteranceHeard(
        number=number,
        transcript=Transcript(text=text, decode_ms=120.06, audio_ms=1000, runs=4),
        audio_ms=1500,
        first_sample_s=0.25,
        first_partial_s=0.5,
        too_long=too_long,
    )


def codes(events: list[Outbound]) -> list[Code]:
    return [event.code for event in events if isinstance(event, Failure)]


# The beginning


async def test_the_session_is_told_first(autojump_clock: Clock) -> None:
    async with at_the_table(started=False) as table:
        assert drain(table.out) == [SessionOpened(session_id="s")]
        assert (table.state(), table.dialogue.listening) == (State.IDLE, False)


async def test_an_opened_microphone_is_listened_to(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        assert (table.state(), table.dialogue.listening) == (State.CAPTURING, True)


# A turn


async def test_what_was_heard_is_told_and_answered(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await trio.sleep(2)
        told = await table.ask(1, "how are you")
        assert told == [
            Final(text="how are you", id="id-1", audio_ms=1500),
            Decode(runs=4, ms=120.1, rtf=0.12),
        ]
        (record,) = table.begun
        assert (record.turn, record.user_text) == (1, "how are you")
        assert (record.first_sample_s, record.first_partial_s, record.final_s) == (0.25, 0.5, 2.0)
        assert table.asked == [["how are you"]]
        assert table.state() is State.THINKING
        assert table.gate.reply_live


async def test_a_turn_goes_through_its_states_and_is_over(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        states = [table.state()]
        for report in (ReplyAudible(turn=1), TurnOver(turn=1)):
            await table.tell(report)
            states.append(table.state())
        assert states == [State.THINKING, State.RESPONDING, State.COMPLETE]
        assert not table.gate.reply_live and table.gate.passes(1)
        assert table.stopped == []
        await table.ask(2, "again")
        assert [record.turn for record in table.begun] == [1, 2]


async def test_at_done_the_memory_has_the_turn_and_the_client_its_last_token(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        table.begun[0].text = " Hello you. "
        assert await table.tell(ReplyWritten(turn=1)) == [Token(text="", done=True, turn=1)]
        assert table.memory.exchanges() == [("hi", "Hello you.")]
        await table.tell(TurnOver(turn=1))
        await table.ask(2, "again")
        assert table.asked[1] == ["hi", "Hello you.", "again"]


async def test_a_failed_reply_has_no_last_token_and_is_remembered_as_far_as_it_was_said(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        record = table.begun[0]
        record.failed = record.written = True
        record.ledger.begin("Hello", 1.0)
        record.ledger.sent(0.0, 1.0)
        record.ledger.begin("never sent", 1.0)
        assert await table.tell(ReplyWritten(turn=1)) == []
        assert table.memory.exchanges() == []
        await table.tell(TurnOver(turn=1))
        assert table.memory.exchanges() == [("hi", "Hello")]


async def test_latencies_are_told_at_the_end_where_no_audio_came(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        latency, times = await table.tell(TurnOver(turn=1))
        assert latency == Latency(t0=250.0, t1=500.0, t2=0.0, t3=None, t4=None)
        assert isinstance(times, TurnTimes)
        assert (times.final_ms, times.token_ms, times.audio_ms) == (0.0, None, None)
        await table.ask(2, "hi")
        table.begun[1].first_audio_s = 1.0
        assert await table.tell(TurnOver(turn=2)) == []


async def test_a_turn_that_gave_up_is_internal_and_ends_the_session(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        told = await table.tell(TurnOver(turn=1, error=RuntimeError("a secret of ours")))
        *_, failure, closing = told
        assert isinstance(failure, Failure)
        assert (failure.code, failure.recoverable) == (Code.INTERNAL, False)
        assert "secret" not in failure.message
        assert closing == Closing(code=1011, reason="internal error")


@pytest.mark.parametrize(
    "report", [ReplyAudible(turn=1), ReplyWritten(turn=1), TurnOver(turn=1), TurnOver(turn=9)]
)
async def test_reports_of_a_turn_that_is_dead_change_nothing(
    autojump_clock: Clock, report: Report
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "first")
        await table.ask(2, "second", guarded=True)
        before = (table.state(), table.memory.exchanges(), table.dialogue.live)
        assert await table.tell(report) == []
        assert (table.state(), table.memory.exchanges(), table.dialogue.live) == before
        assert table.gate.reply_live


async def test_phrases_are_numbered_over_all_turns(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("Hello.", seconds=1, phrases=2)
        await table.tell(TurnOver(turn=1))
        await table.ask(2, "hi")
        assert [table.dialogue.next_seq() for _ in range(2)] == [3, 4]


# No words


async def test_an_utterance_without_words_is_told_and_not_answered(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        (final, decode) = await table.ask(1, "")
        assert final == Final(text="", id="id-1", audio_ms=1500)
        assert isinstance(decode, Decode)
        assert table.begun == []
        assert table.state() is State.CAPTURING


async def test_an_utterance_that_is_too_long_is_an_error_before_its_final(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        failure, final, _ = await table.tell(heard(1, "a very long story", too_long=True))
        assert isinstance(failure, Failure) and isinstance(final, Final)
        assert (failure.code, failure.recoverable) == (Code.MAX_DURATION_EXCEEDED, True)
        assert [record.user_text for record in table.begun] == ["a very long story"]


async def test_a_failed_utterance_is_told_and_the_session_goes_on(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        told = await table.tell(
            SpeechBegan(number=1, during_reply=False),
            UtteranceFailed(number=1, code=Code.ASR_FAIL, message="killed twice"),
        )
        assert told == [Failure(code=Code.ASR_FAIL, message="killed twice", recoverable=True)]
        assert table.state() is State.CAPTURING
        await table.ask(2, "hi")
        assert len(table.begun) == 1


async def test_a_recognizer_that_cannot_be_loaded_ends_the_session(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        told = await table.tell(
            UtteranceFailed(number=1, code=Code.MODEL_LOAD_FAIL, message="no model")
        )
        assert told == [
            Failure(code=Code.MODEL_LOAD_FAIL, message="no model", recoverable=False),
            Closing(code=1011, reason="MODEL_LOAD_FAIL"),
        ]


# Stop


async def test_stop_brings_an_empty_final_where_nothing_was_said(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        assert await table.tell(MicrophoneClosed()) == [Final(text="", id="id-1", audio_ms=0)]
        assert (table.state(), table.dialogue.listening) == (State.COMPLETE, False)


@pytest.mark.parametrize(
    "before",
    [heard(1, "hi"), heard(1, ""), UtteranceFailed(number=1, code=Code.ASR_FAIL, message="x")],
)
async def test_stop_adds_no_final_where_there_was_one_or_an_error_in_its_place(
    autojump_clock: Clock, before: Report
) -> None:
    async with at_the_table() as table:
        await table.tell(before)
        assert await table.tell(MicrophoneClosed()) == []


async def test_each_start_counts_its_finals_anew(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(MicrophoneClosed(), MicrophoneOpened())
        assert await table.tell(MicrophoneClosed()) == [Final(text="", id="id-2", audio_ms=0)]


async def test_stop_and_start_leave_a_reply_alone(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(MicrophoneClosed())
        assert table.state() is State.THINKING
        await table.tell(MicrophoneOpened(), ReplyAudible(turn=1))
        assert table.state() is State.RESPONDING
        assert table.stopped == []


# Going on speaking


async def test_words_that_go_on_before_the_answer_are_answered_together(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.tell(
            SpeechBegan(number=1, during_reply=False),
            SpeechBegan(number=2, during_reply=False),
            heard(1, "i want"),
        )
        assert table.begun == [], "the person is still talking"
        await table.tell(heard(2, "a pizza"))
        assert [record.user_text for record in table.begun] == ["i want a pizza"]


async def test_words_are_answered_when_what_followed_them_was_no_speech(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.tell(
            SpeechBegan(number=1, during_reply=False),
            SpeechBegan(number=2, during_reply=False),
            heard(1, "i want"),
        )
        await trio.sleep(1)
        await table.tell(heard(2, ""))
        assert [record.user_text for record in table.begun] == ["i want"]


async def test_words_are_answered_when_what_followed_them_failed(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.tell(
            SpeechBegan(number=1, during_reply=False),
            SpeechBegan(number=2, during_reply=False),
            heard(1, "i want"),
        )
        await trio.sleep(1)
        await table.tell(UtteranceFailed(number=2, code=Code.ASR_TIMEOUT, message="late"))
        (record,) = table.begun
        # There is no final of its own for it; its latencies count from now.
        assert (record.user_text, record.first_sample_s, record.final_s) == ("i want", 1.0, 1.0)


async def test_a_final_that_comes_while_a_reply_is_made_takes_its_place(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "first")
        told = await table.tell(heard(2, "second"))
        assert BargeIn(seq=0) in told
        assert table.stopped == [1]
        assert [record.user_text for record in table.begun] == ["first", "second"]
        assert (table.state(), table.dialogue.live) == (State.THINKING, table.begun[1])


# Interruption


async def test_a_sound_during_a_reply_closes_the_gate_until_it_is_known_what_it_is(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("Hello.", seconds=3)
        await table.tell(SpeechBegan(number=2, during_reply=True))
        assert not table.gate_is_open()
        assert await table.tell(SpeechDropped(number=2)) == []
        assert table.gate_is_open()
        assert (table.state(), table.stopped) == (State.RESPONDING, [])


@pytest.mark.parametrize(
    "end", [heard(2, ""), UtteranceFailed(number=2, code=Code.ASR_FAIL, message="x")]
)
async def test_a_sound_that_was_never_judged_opens_the_gate_when_it_ends(
    autojump_clock: Clock, end: Report
) -> None:
    """So it is where the detector crashes in the middle of it."""
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(SpeechBegan(number=2, during_reply=True), end)
        assert table.gate_is_open()
        assert table.state() is State.THINKING


async def test_an_interruption_cuts_the_reply_and_keeps_what_was_heard(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4, phrases=2)
        assert table.memory.exchanges() == [("hi", "aaaa bbbb cccc dddd")]
        await trio.sleep(2.5)
        told = await table.tell(
            SpeechBegan(number=2, during_reply=True), SpeechConfirmed(number=2, received_s=0.0)
        )
        assert told == [BargeIn(seq=2, heard="aaaa bbbb")]
        assert table.stopped == [1]
        assert (table.gate.passes(1), table.gate_is_open()) == (False, True)
        assert table.memory.exchanges() == [("hi", "aaaa bbbb")]
        assert table.state() is State.CAPTURING
        assert table.counted("parley_interruptions_total 1.0")
        await table.tell(heard(2, "stop that"))
        assert table.asked[1] == ["hi", "aaaa bbbb", "stop that"]


async def test_a_client_that_plays_late_has_heard_less(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(2)
        await table.tell(PlaybackTold(heard_s=1.0, flushed=False))
        await trio.sleep(1)
        told = await table.tell(SpeechConfirmed(number=2, received_s=0.0))
        assert told == [BargeIn(seq=1, heard="aaaa bbbb")]
        assert table.memory.exchanges() == [("hi", "aaaa bbbb")]


async def test_what_was_really_played_corrects_the_memory(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(3)
        await table.tell(SpeechConfirmed(number=2, received_s=0.0))
        assert table.memory.exchanges() == [("hi", "aaaa bbbb cccc")]
        assert await table.tell(PlaybackTold(heard_s=1.5, flushed=True)) == []
        assert table.memory.exchanges() == [("hi", "aaaa")]
        await table.tell(PlaybackTold(heard_s=4.0, flushed=True))
        assert table.memory.exchanges() == [("hi", "aaaa")], "told once"


async def test_a_report_behind_the_next_reply_changes_nothing(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.tell(PlaybackTold(heard_s=1.0, flushed=True))
        await table.tell(PlaybackTold(heard_s=1.0, flushed=False))
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb", seconds=2)
        await trio.sleep(1)
        await table.ask(2, "go on", guarded=True)
        await table.reply("cccc dddd", seconds=2)
        before = table.memory.exchanges()
        await table.tell(PlaybackTold(heard_s=0.0, flushed=True))
        assert table.memory.exchanges() == before


async def test_an_interruption_while_it_thinks_keeps_the_question(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "what is")
        told = await table.tell(
            SpeechBegan(number=2, during_reply=True), SpeechConfirmed(number=2, received_s=0.0)
        )
        assert [type(event) for event in told] == [BargeIn, Latency, TurnTimes]
        assert table.memory.exchanges() == [("what is", "")]
        await table.tell(heard(2, "the time"))
        assert table.asked[1] == ["what is", "the time"]


async def test_speech_that_lasts_beyond_the_end_of_the_reply_is_only_speech(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(SpeechBegan(number=2, during_reply=True), TurnOver(turn=1))
        assert table.gate_is_open()
        assert await table.tell(SpeechConfirmed(number=2, received_s=0.0)) == []
        assert table.state() is State.CAPTURING
        await table.tell(heard(2, "more"))
        assert len(table.begun) == 2


async def test_a_turn_that_ends_while_it_is_stopped_is_not_over_twice(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(
            SpeechBegan(number=2, during_reply=True),
            SpeechConfirmed(number=2, received_s=0.0),
            TurnOver(turn=1, error=RuntimeError()),
        )
        assert table.state() is State.CAPTURING


# Cancel


async def test_cancel_before_done_leaves_no_trace(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        table.begun[0].ledger.begin("Hello", 1.0)
        table.begun[0].ledger.sent(0.0, 1.0)
        await trio.sleep(1)
        told = await table.tell(CancelRequested(), HearingCancelled())
        assert codes(told) == [Code.CANCELLED]
        assert table.stopped == [1]
        assert table.memory.exchanges() == []
        assert table.state() is State.COMPLETE
        await table.ask(2, "again")
        assert table.asked[1] == ["again"]


async def test_cancel_after_done_keeps_what_was_heard(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(1)
        await table.tell(CancelRequested(), HearingCancelled())
        assert table.memory.exchanges() == [("hi", "aaaa")]
        assert table.counted("parley_cancellations_total 1.0")


async def test_cancel_without_a_reply_is_answered_and_stops_nothing(
    autojump_clock: Clock,
) -> None:
    async with at_the_table(started=False) as table:
        (*_, failure) = await table.tell(CancelRequested(), HearingCancelled())
        assert codes([failure]) == [Code.CANCELLED]
        assert (table.state(), table.stopped) == (State.IDLE, [])
        assert table.counted("parley_cancellations_total 0.0")


async def test_words_that_were_said_before_a_cancel_are_not_answered(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.tell(SpeechBegan(number=1, during_reply=False), CancelRequested())
        told = await table.tell(heard(1, "never mind"))
        assert isinstance(told[0], Final)
        await table.tell(HearingCancelled())
        assert table.begun == []
        await table.ask(2, "this")
        assert [record.user_text for record in table.begun] == ["this"]


async def test_words_that_wait_for_more_are_forgotten_with_a_cancel(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.tell(
            SpeechBegan(number=1, during_reply=False),
            SpeechBegan(number=2, during_reply=False),
            heard(1, "i want"),
            CancelRequested(),
            SpeechDropped(number=2),
            HearingCancelled(),
        )
        assert table.begun == []
        assert table.state() is State.CAPTURING


async def test_two_cancels_wait_for_two_markers(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.tell(CancelRequested(), CancelRequested(), HearingCancelled())
        await table.tell(heard(1, "before the second"))
        assert table.begun == []
        await table.tell(HearingCancelled(), heard(2, "behind it"))
        assert [record.user_text for record in table.begun] == ["behind it"]


# The server stops


@pytest.mark.parametrize("state", [State.IDLE, State.CAPTURING, State.COMPLETE])
async def test_without_a_reply_a_drain_closes_at_once(autojump_clock: Clock, state: State) -> None:
    async with at_the_table(started=state is not State.IDLE) as table:
        if state is State.COMPLETE:
            await table.tell(MicrophoneClosed())
        assert table.state() is state
        told = await table.tell(DrainRequested())
        assert told[-2:] == [
            Info(message="the server is shutting down"),
            Closing(code=1001, reason="server shutting down"),
        ]


@pytest.mark.parametrize("state", [State.THINKING, State.RESPONDING])
async def test_a_drain_lets_the_reply_finish(autojump_clock: Clock, state: State) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        if state is State.RESPONDING:
            await table.reply("Hello.", seconds=1)
        assert table.state() is state
        assert await table.tell(DrainRequested()) == [Info(message="the server is shutting down")]
        assert table.gate.hurried.is_set()
        told = await table.tell(TurnOver(turn=1))
        assert told[-1] == Closing(code=1001, reason="server shutting down")


async def test_a_drain_begins_no_further_turn(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(DrainRequested(), heard(2, "one more thing"))
        assert len(table.begun) == 1
        assert table.stopped == []


@pytest.mark.parametrize(
    "cut",
    [
        (CancelRequested(),),
        (SpeechBegan(number=2, during_reply=True), SpeechConfirmed(number=2, received_s=0.0)),
    ],
)
async def test_a_reply_that_is_cut_while_the_server_drains_is_its_end(
    autojump_clock: Clock, cut: tuple[Report, ...]
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(DrainRequested())
        told = await table.tell(*cut)
        assert told[-1] == Closing(code=1001, reason="server shutting down")
        assert [type(event) for event in told].count(Closing) == 1


async def test_a_turn_that_gives_up_while_the_server_drains_closes_once(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        told = await table.tell(DrainRequested(), TurnOver(turn=1, error=RuntimeError()))
        assert [event for event in told if isinstance(event, Closing)] == [
            Closing(code=1011, reason="internal error")
        ]


# Its surroundings


async def test_a_full_outbox_holds_it(autojump_clock: Clock) -> None:
    table = Table(outbox_room=0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(table.dialogue.run)
        await trio.sleep(5)
        assert await table.out.receive() == SessionOpened(session_id="s")
        await table._send.send(MicrophoneOpened())
        await table._send.send(heard(1, "hi"))
        await trio.sleep(5)
        assert table.begun == []
        for _ in range(3):
            await table.out.receive()
        await trio.testing.wait_all_tasks_blocked()
        assert len(table.begun) == 1
        nursery.cancel_scope.cancel()


async def test_a_closed_inbox_is_its_end(autojump_clock: Clock) -> None:
    table = Table()
    table._send.close()
    await table.dialogue.run()
    assert drain(table.out) == [SessionOpened(session_id="s")]


@pytest.mark.parametrize("wanted", [False, True])
async def test_the_log_holds_words_only_where_that_is_wanted(
    autojump_clock: Clock, wanted: bool
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with at_the_table(log_transcripts=wanted) as table:
            await table.ask(1, "my secret question")
            await table.reply("my secret answer", seconds=1)
            await table.tell(TurnOver(turn=1))
    assert [entry["event"] for entry in logs] == ["decode", "latency"]
    assert ("my secret question" in str(logs)) is wanted
    assert ("my secret answer" in str(logs)) is wanted


@pytest.mark.parametrize("wanted", [False, True])
async def test_an_interruption_is_logged_with_what_was_said_and_heard(
    autojump_clock: Clock, wanted: bool
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with at_the_table(log_transcripts=wanted, log_latency=False) as table:
            await table.ask(1, "hi")
            await table.reply("aaaa bbbb cccc dddd", seconds=4)
            await trio.sleep(2.5)
            await table.tell(InterruptRequested())
    (line,) = [entry for entry in logs if entry["event"] == "interrupted"]
    assert (line["turn"], line["heard_chars"], line["said_chars"]) == (1, 9, 19)
    assert line.get("heard") == ("aaaa bbbb" if wanted else None)
    assert line.get("said") == ("aaaa bbbb cccc dddd" if wanted else None)


@pytest.mark.parametrize("wanted", [False, True])
async def test_the_ledger_can_be_seen_and_stays_when_the_reply_is_over(
    autojump_clock: Clock, wanted: bool
) -> None:
    async with at_the_table(log_transcripts=wanted) as table:
        assert table.dialogue.account(trio.current_time()) is None
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(1.5)
        live = table.dialogue.account(trio.current_time())
        await trio.sleep(1.0)
        await table.tell(InterruptRequested())
        await trio.sleep(60)
        cut = table.dialogue.account(trio.current_time())
    assert live is not None
    assert cut is not None
    assert [(a["turn"], a["said_chars"], a["heard_chars"], a["left_s"]) for a in (live, cut)] == [
        (1, 19, 4, 2.5),
        (1, 19, 9, 0.0),
    ]
    (phrase,) = cut["phrases"]
    assert (phrase["said_s"], phrase["heard_s"], phrase["heard_chars"]) == (4.0, 2.5, 9)
    assert ("bbbb" in str(cut)) is wanted
    if wanted:
        assert (cut["heard"], phrase["heard"]) == ("aaaa bbbb", "aaaa bbbb")


async def test_a_cancelled_reply_is_heard_no_further(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(1.5)
        await table.tell(CancelRequested())
        await trio.sleep(60)
        account = table.dialogue.account(trio.current_time())
    assert account is not None
    assert account["heard_chars"] == 4


async def test_latencies_are_not_logged_where_that_is_not_wanted(autojump_clock: Clock) -> None:
    with structlog.testing.capture_logs() as logs:
        async with at_the_table(log_latency=False) as table:
            await table.ask(1, "hi")
            await table.tell(TurnOver(turn=1))
    assert [entry["event"] for entry in logs] == ["decode"]
