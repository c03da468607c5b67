"""The dialogue alone: reports in, and what it decides of states, turns, items and words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
import trio
import trio.testing

from parley.actors.dialogue.actor import Dialogue
from parley.actors.dialogue.item_desk import ItemDesk
from parley.actors.dialogue.tool_desk import ToolDesk
from parley.actors.dialogue.turns import GO_ON, Turns
from parley.actors.gate import ReplyGate
from parley.actors.messages import (
    CancelRequested,
    DrainRequested,
    EndRequested,
    InterruptRequested,
    PlaybackTold,
    ReplyAudible,
    ReplyWritten,
    Report,
    SoundHeard,
    SoundPassed,
    SpeechBegan,
    SpeechConfirmed,
    SpeechDropped,
    SpeechLong,
    SpeechOver,
    SpeechResumed,
    TextTyped,
    TurnOver,
    UtteranceFailed,
    UtteranceForeseen,
    UtteranceHeard,
    WordsHeard,
)
from parley.actors.reply_exit import ReplyExit
from parley.conversation.backchannel_words import ENGLISH
from parley.conversation.early_reply import EarlyReply
from parley.conversation.ending import EndingState
from parley.conversation.events import BargedIn, Resumed, SessionEvent, TextHeard
from parley.conversation.floor import HOLD_S, Floor
from parley.conversation.items import Items
from parley.conversation.machines import Machines
from parley.conversation.record import TurnRecord
from parley.conversation.reply import MODEL_HELD_S, Reply
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
    Finalizing,
    Info,
    Latency,
    Outbound,
    ReplyAudio,
    ReplyTakenBack,
    SessionOpened,
    StateChanged,
    Token,
    TurnTimes,
)
from parley.protocol.item_ids import ItemIds
from parley.protocol.states import State
from parley.telemetry import Telemetry
from support.channels import drain, open_outbox

Clock = trio.testing.MockClock


class Table:
    """A dialogue and what it moves: turns begun and stopped, the gate, the items, the outbox."""

    def __init__(
        self,
        *,
        outbox_room: int = 1000,
        log_transcripts: bool = False,
        log_latency: bool = True,
        max_early: int = 2,
        backchannels: bool = False,
        completes_on_stop: bool = False,
    ) -> None:
        self._send, inbox = trio.open_memory_channel[Report](16)
        outbox, self.out = open_outbox(outbox_room)
        self.outbox = outbox
        self.exits: list[ReplyExit] = []
        self.gate = ReplyGate()
        self.items = Items("", 10)
        self.telemetry = Telemetry()
        self.begun: list[TurnRecord] = []
        self.asked: list[list[str]] = []
        self.stopped: list[int] = []
        self.states: list[StateChanged] = []
        self.watched: list[SessionEvent] = []
        self.machines: Machines[ReplyExit] = Machines(
            floor=Floor(ENGLISH if backchannels else None, ENGLISH),
            reply=Reply(),
            early=EarlyReply(max_early),
            ending=EndingState(),
        )
        self.turns = Turns(
            machines=self.machines,
            gate=self.gate,
            items=self.items,
            start_turn=self._start,
            stop_turn=self._stop,
            telemetry=self.telemetry,
        )
        self.dialogue = Dialogue(
            session_id="s",
            inbox=inbox,
            outbox=outbox,
            machines=self.machines,
            turns=self.turns,
            timings=Timings(trio.current_time()),
            telemetry=self.telemetry,
            log=structlog.get_logger(),
            tell_watchers=self.watched.append,
            tools=ToolDesk(
                session_id="s",
                conducting=self.machines.conducting,
                items=self.items,
                outbox=outbox,
                telemetry=self.telemetry,
                log=structlog.get_logger(),
                tell=self.watched.append,
            ),
            items=ItemDesk(
                ids=ItemIds("s"), told=False, items=self.items, turns=self.turns, outbox=outbox
            ),
            log_transcripts=log_transcripts,
            log_latency=log_latency,
            completes_on_stop=completes_on_stop,
            new_id=lambda session_id, number: f"id-{number}",
        )

    def _start(self, record: TurnRecord, asked: list[ChatMessage] | str, held: bool) -> ReplyExit:
        self.begun.append(record)
        texts = [asked] if isinstance(asked, str) else [message.text for message in asked]
        self.asked.append(texts)
        self.exits.append(ReplyExit(record.turn, self.outbox, self._send, record.ledger, held=held))
        return self.exits[-1]

    async def _stop(self, turn: int) -> None:
        exit_ = next(e for e in reversed(self.exits) if e.turn == turn)
        said = Token(text="", turn=turn, generation=exit_.generation)
        assert exit_.holding or not self.gate.passes(said), (
            "a turn is stopped behind a gate that it cannot pass"
        )
        self.stopped.append(turn)
        await trio.lowlevel.checkpoint()

    async def tell(self, *reports: Report) -> list[Outbound]:
        """Report this; what is said to the client because of it. Changes of state go to
        `states`, beside the rest."""
        for report in reports:
            await self._send.send(report)
        await trio.testing.wait_all_tasks_blocked()
        return self.told()

    def told(self) -> list[Outbound]:
        """What was said to the client meanwhile; the link takes at once what passes."""
        told = drain(self.out)
        for event in told:
            if self.gate.passes(event):
                self.gate.left(event, trio.current_time())
        self.states += [event for event in told if isinstance(event, StateChanged)]
        return [event for event in told if not isinstance(event, StateChanged)]

    async def wait(self, seconds: float) -> list[Outbound]:
        """Time passes without a report; what is said to the client meanwhile."""
        await trio.sleep(seconds)
        await trio.testing.wait_all_tasks_blocked()
        return self.told()

    async def ask(self, number: int, text: str, *, guarded: bool = False) -> list[Outbound]:
        """An utterance from its beginning to its final."""
        began = [SpeechBegan(number=number, during_reply=guarded)]
        confirmed = [SpeechConfirmed(number=number, received_s=0.0)] if guarded else []
        over = [SpeechOver(number=number)]
        return await self.tell(*began, *confirmed, *over, heard(number, text))

    async def speak_over(self, number: int = 2) -> list[Outbound]:
        """Somebody speaks over the reply for long enough; no words yet."""
        return await self.tell(
            SpeechBegan(number=number, during_reply=True),
            SpeechConfirmed(number=number, received_s=0.0),
        )

    async def reply(
        self, text: str, *, seconds: float, phrases: int = 1, written: bool = True
    ) -> None:
        """The live turn's actors write it; its audio leaves now."""
        record, reply_exit = self.begun[-1], self.exits[-1]
        record.text = text
        for _ in range(phrases):
            seq = self.dialogue.next_seq()
        record.first_audio_s = trio.current_time()
        record.ledger.queued(record.ledger.begin(text, seconds), seconds)
        audio = ReplyAudio(seq=seq, pcm16=b"", rate_hz=16_000, turn=record.turn)
        await reply_exit.outbox.send(audio)
        self.told()
        if written:
            record.written = True
            await reply_exit.reports.send(ReplyWritten(turn=record.turn))
        await reply_exit.reports.send(ReplyAudible(turn=record.turn))
        await self.tell()

    def state(self) -> State:
        return self.dialogue.state

    def gate_is_open(self) -> bool:
        return self.gate.is_open

    def live(self) -> TurnRecord | None:
        return self.turns.live

    def passes(self, turn: int, generation: int = 0) -> bool:
        """Whether the client would still hear it."""
        return self.gate.passes(Token(text="", turn=turn, generation=generation))

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


def foreseen(number: int, text: str) -> UtteranceForeseen:
    return UtteranceForeseen(
        number=number,
        transcript=Transcript(text=text, decode_ms=1.0, audio_ms=1000, runs=1),
        first_sample_s=0.25,
        first_partial_s=None,
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
            Final(text="how are you", id="id-1", audio_ms=1500, utterance=1),
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
        assert not table.gate.reply_live and table.passes(1)
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
        assert table.items.exchanges() == [("hi", "Hello you.")]
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
        record.ledger.queued(record.ledger.begin("Hello", 1.0), 1.0)
        record.ledger.sent(0.0)
        record.ledger.queued(record.ledger.begin("never sent", 1.0), 1.0)
        assert await table.tell(ReplyWritten(turn=1)) == []
        assert table.items.exchanges() == []
        await table.tell(TurnOver(turn=1))
        assert table.items.exchanges() == [("hi", "Hello")]


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
        before = (table.state(), table.items.exchanges(), table.live())
        assert await table.tell(report) == []
        assert (table.state(), table.items.exchanges(), table.live()) == before
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
        assert final == Final(text="", id="id-1", audio_ms=1500, utterance=1)
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
        assert told == [
            Failure(code=Code.ASR_FAIL, message="killed twice", recoverable=True, utterance=1)
        ]
        assert table.state() is State.CAPTURING
        await table.ask(2, "hi")
        assert len(table.begun) == 1


async def test_a_recognizer_that_cannot_be_loaded_ends_the_session(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        told = await table.tell(
            UtteranceFailed(number=1, code=Code.MODEL_LOAD_FAIL, message="no model")
        )
        assert told == [
            Failure(code=Code.MODEL_LOAD_FAIL, message="no model", recoverable=False, utterance=1),
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


async def test_the_end_of_all_answers_is_told_where_that_is_wanted(autojump_clock: Clock) -> None:
    async with at_the_table(completes_on_stop=True) as table:
        await table.tell(SpeechBegan(number=1, during_reply=False))
        assert await table.tell(SpeechOver(number=1), heard(1, "hi"), MicrophoneClosed()) != []
        assert Info(message="Session complete") in await table.tell(TurnOver(turn=1))


async def test_a_suspended_reply_is_not_the_end_of_all_answers(autojump_clock: Clock) -> None:
    async with at_the_table(completes_on_stop=True) as table:
        await table.ask(1, "hi")
        await table.speak_over()
        told = await table.tell(SpeechOver(number=2), MicrophoneClosed(), heard(2, ""))
        assert Info(message="Session complete") not in told
        assert Info(message="Session complete") in await table.tell(TurnOver(turn=1))


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


async def test_a_final_that_comes_while_a_reply_is_made_is_answered_together_with_the_first(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "first")
        told = await table.tell(heard(2, "second"))
        assert [e for e in told if isinstance(e, BargeIn | ReplyTakenBack)] == [
            BargeIn(seq=0),
            ReplyTakenBack(),
        ]
        assert table.stopped == [1]
        assert [record.user_text for record in table.begun] == ["first", "first second"]
        assert (table.state(), table.live()) == (State.THINKING, table.begun[1])


# Sounds during a reply


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


@pytest.mark.parametrize("sound", [SoundHeard(), SpeechBegan(number=2, during_reply=True)])
async def test_a_sound_of_which_nothing_more_is_heard_holds_the_reply_for_a_moment(
    autojump_clock: Clock, sound: Report
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(sound)
        await table.wait(HOLD_S - 0.01)
        assert not table.gate_is_open()
        await table.wait(0.01)
        assert table.gate_is_open()


async def test_a_sound_that_passes_holds_the_reply_no_longer(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(SoundHeard())
        assert not table.gate_is_open()
        await table.tell(SoundPassed())
        assert table.gate_is_open()


async def test_a_short_sound_without_words_is_a_false_alarm_that_nobody_hears_of(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        told = await table.tell(
            SpeechBegan(number=2, during_reply=True), SpeechOver(number=2), heard(2, "ah")
        )
        assert told == []
        assert table.watched == [TextHeard(session_id="s", text="hi", typed=False, language="en")]
        assert table.counted("parley_false_alarms_total 1.0")
        assert (table.state(), table.gate_is_open()) == (State.THINKING, True)


async def test_a_short_sound_that_was_a_word_ends_the_reply(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(SpeechBegan(number=2, during_reply=True), SpeechOver(number=2))
        assert (table.gate_is_open(), table.state()) == (True, State.THINKING)
        told = await table.tell(heard(2, "no"))
        cut = [BargeIn, Latency, TurnTimes]
        assert [type(event) for event in told] == [*cut, Finalizing, Final, Decode]
        assert [record.user_text for record in table.begun] == ["hi", "no"]


# An interruption suspends


async def test_an_interruption_suspends_the_reply_and_ends_nothing(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4, phrases=2)
        await trio.sleep(2.5)
        assert await table.speak_over() == [BargeIn(seq=2, heard="aaaa bbbb")]
        assert table.stopped == []
        assert table.live() is table.begun[0]
        assert (table.passes(1), table.gate_is_open()) == (False, False)
        assert table.exits[0].holding
        assert table.items.exchanges() == [("hi", "aaaa bbbb cccc dddd")]
        assert table.state() is State.CAPTURING
        assert table.counted("parley_interruptions_total 1.0")
        assert table.watched[-1] == BargedIn(session_id="s", turn=1, heard="aaaa bbbb")


async def test_an_interruption_while_it_thinks_suspends_it_too(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "what is")
        assert await table.speak_over() == [BargeIn(seq=0)]
        assert (table.state(), table.stopped) == (State.CAPTURING, [])


async def test_a_reply_is_suspended_once_however_many_speak_over_it(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.speak_over(2)
        assert await table.speak_over(3) == []
        assert table.counted("parley_interruptions_total 1.0")


# It goes on


@pytest.mark.parametrize(
    "end",
    [
        (SpeechOver(number=2), heard(2, "")),
        (SpeechOver(number=2), heard(2, "[noise]")),
        (SpeechDropped(number=2),),
        (SpeechOver(number=2), UtteranceFailed(number=2, code=Code.ASR_FAIL, message="x")),
        (UtteranceFailed(number=2, code=Code.ASR_FAIL, message="x"), SpeechOver(number=2)),
    ],
)
async def test_an_utterance_without_words_gives_the_reply_back(
    autojump_clock: Clock, end: tuple[Report, ...]
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(2.5)
        await table.speak_over()
        await table.tell(*end)
        assert (table.live(), table.stopped) == (table.begun[0], [])
        assert not table.exits[0].holding
        assert (table.gate_is_open(), table.passes(1, 1)) == (True, True)
        assert table.state() is State.THINKING
        assert table.counted("parley_resumptions_total 1.0")
        assert Resumed(session_id="s", turn=1) in table.watched
        await table.tell(ReplyAudible(turn=1))
        assert table.state() is State.RESPONDING


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        (WordsHeard(number=2, text="and I am the one", spoken_ms=900), GO_ON),
        (foreseen(2, "and I am the one"), GO_ON),
        # Who says "stop" means it, whatever the final makes of it.
        (foreseen(2, "Stop."), None),
    ],
)
async def test_words_that_the_final_does_not_have_do_not_leave_the_answer_unsaid(
    autojump_clock: Clock, before: Report, asked: str | None
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(2.5)
        await table.speak_over()
        await table.tell(before)
        assert (table.live(), table.stopped) == (None, [1])
        begun = len(table.begun)  # what was said seems to be words: an answer is begun early
        await table.tell(SpeechOver(number=2), heard(2, ""))
        if asked is None:
            assert (table.live(), len(table.begun)) == (None, begun)
            return
        assert table.asked[begun] == ["hi", "aaaa bbbb", asked]
        assert (table.live(), table.state()) == (table.begun[begun], State.THINKING)
        # The same once more, over what is left of it.
        await table.reply("cccc dddd", seconds=4)
        await trio.sleep(2.5)
        await table.speak_over(3)
        await table.tell(foreseen(3, "one two three"), SpeechOver(number=3), heard(3, ""))
        assert table.asked[-1] == ["hi", "aaaa bbbb\ncccc", asked]
        assert table.live() is table.begun[-1]


async def test_an_answer_of_which_nothing_was_heard_is_begun_again(autojump_clock: Clock) -> None:
    question = "tell me something, and no, nothing more comes behind it."
    async with at_the_table() as table:
        await table.ask(1, question)
        await table.speak_over()
        await table.tell(foreseen(2, "one two three"), SpeechOver(number=2), heard(2, ""))
        assert table.asked[-1] == [question]
        assert table.live() is table.begun[-1]


async def test_who_speaks_already_is_not_talked_over_by_an_answer_that_goes_on(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(2.5)
        await table.speak_over()
        words = WordsHeard(number=2, text="one two three", spoken_ms=900)
        await table.tell(words, SpeechOver(number=2))
        await table.tell(SpeechBegan(number=3, during_reply=False), heard(2, ""))
        assert (table.live(), len(table.begun)) == (None, 1)


async def test_a_recognizer_that_gives_up_gives_the_reply_back_when_the_speech_is_over(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.speak_over()
        told = await table.tell(UtteranceFailed(number=2, code=Code.ASR_FAIL, message="x"))
        assert codes(told) == [Code.ASR_FAIL]
        assert not table.gate_is_open()
        await table.tell(SpeechOver(number=2))
        assert table.gate_is_open()


async def test_what_a_suspended_turn_said_is_told_when_it_goes_on(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.speak_over()
        await table.exits[0].outbox.send(Token(text="Hello", turn=1))
        table.begun[0].text, table.begun[0].written = "Hello", True
        await table.exits[0].reports.send(ReplyWritten(turn=1))
        assert await table.tell() == []
        told = await table.tell(heard(2, ""))
        assert [(e.text, e.done) for e in told if isinstance(e, Token)] == [
            *(("Hello", False), ("", True))
        ]
        assert table.items.exchanges() == [("hi", "Hello")]


async def test_a_reply_that_is_written_while_it_is_suspended_is_remembered_and_told_of_later(
    autojump_clock: Clock,
) -> None:
    """The report was on its way when the reply was suspended."""
    async with at_the_table() as table:
        await table.ask(1, "hi")
        table.begun[0].text, table.begun[0].written = "Hello", True
        assert await table.speak_over() == [BargeIn(seq=0)]
        assert await table.tell(ReplyWritten(turn=1)) == []
        assert table.items.exchanges() == [("hi", "Hello")]
        told = await table.tell(heard(2, ""))
        assert Token(text="", done=True, turn=1, generation=1) in told


async def test_a_reply_goes_on_though_the_microphone_was_closed_meanwhile(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.speak_over()
        await table.tell(SpeechOver(number=2), MicrophoneClosed())
        assert table.state() is State.COMPLETE
        await table.tell(heard(2, ""))
        assert (table.state(), table.gate_is_open()) == (State.THINKING, True)


async def test_a_reply_can_be_suspended_again_and_again(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        for number in range(2, 7):
            assert await table.speak_over(number) == [BargeIn(seq=0)]
            await table.tell(SpeechOver(number=number), heard(number, ""))
            assert table.gate_is_open()
        assert table.stopped == []
        assert table.passes(1, 5)


async def test_a_reply_waits_for_everybody_who_speaks_over_it(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.speak_over(2)
        await table.tell(SpeechOver(number=2))
        await table.speak_over(3)
        await table.tell(heard(2, ""))
        assert not table.gate_is_open()
        await table.tell(SpeechOver(number=3), heard(3, ""))
        assert table.gate_is_open()


# Only words end it


WORDS: list[Report] = [
    heard(2, "stop that"),
    foreseen(2, "stop that"),
    WordsHeard(number=2, text="stop that please", spoken_ms=900),
    TextTyped("stop that"),
    InterruptRequested(),
]


@pytest.mark.parametrize("words", WORDS, ids=lambda report: type(report).__name__)
async def test_words_end_the_suspended_reply_and_what_was_heard_of_it_is_kept(
    autojump_clock: Clock, words: Report
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(2.5)
        await table.speak_over()
        told = await table.tell(words)
        assert not any(isinstance(event, BargeIn) for event in told), "it was told before"
        assert table.stopped == [1]
        assert not table.passes(1) and not table.passes(1, 1)
        assert table.items.exchanges() == [("hi", "aaaa bbbb")]
        assert table.counted("parley_interruptions_total 1.0")
        assert table.counted("parley_resumptions_total 0.0")


@pytest.mark.parametrize(
    "words",
    [TextTyped("stop that"), InterruptRequested()],
    ids=lambda report: type(report).__name__,
)
async def test_a_reply_that_is_typed_over_or_cut_by_the_client_ends_at_once(
    autojump_clock: Clock, words: Report
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4, phrases=2)
        await trio.sleep(2.5)
        told = await table.tell(words)
        assert BargeIn(seq=2, heard="aaaa bbbb") in told
        assert table.stopped == [1]
        assert not table.passes(1)
        assert table.items.exchanges() == [("hi", "aaaa bbbb")]
        assert table.gate_is_open()


async def test_an_interruption_that_the_client_asks_for_without_a_reply_is_silent(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        assert await table.tell(InterruptRequested()) == []
        await table.ask(1, "hi")
        await table.tell(TurnOver(turn=1))
        assert await table.tell(InterruptRequested()) == []
        assert table.state() is State.COMPLETE


@pytest.mark.parametrize(
    "unsure", [WordsHeard(number=2, text="stop that", spoken_ms=900), foreseen(2, "[noise]")]
)
async def test_what_may_still_come_to_nothing_does_not_end_the_reply(
    autojump_clock: Clock, unsure: Report
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.speak_over()
        await table.tell(unsure)
        assert table.stopped == []


async def test_what_was_heard_is_what_the_model_is_asked_with(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(2.5)
        await table.speak_over()
        told = await table.tell(SpeechOver(number=2), heard(2, "stop that"))
        assert [type(event) for event in told] == [Final, Decode]
        assert table.asked[1] == ["hi", "aaaa bbbb", "stop that"]
        assert table.state() is State.THINKING


async def test_who_goes_on_while_it_thinks_is_answered_once(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "what is")
        await table.speak_over()
        told = await table.tell(heard(2, "the time"))
        assert [type(event) for event in told] == [
            ReplyTakenBack,
            Latency,
            TurnTimes,
            Final,
            Decode,
        ]
        assert table.items.exchanges() == []
        assert table.asked[1] == ["what is the time"]


async def test_a_command_while_it_thinks_keeps_the_question(autojump_clock: Clock) -> None:
    """Who says "stop" does not go on with what they were saying."""
    async with at_the_table() as table:
        await table.ask(1, "what is the time")
        await table.speak_over()
        told = await table.tell(heard(2, "Stop."))
        assert ReplyTakenBack() not in told
        assert table.items.exchanges() == [("what is the time", "")]
        assert table.begun[1].user_text == "Stop."


async def test_the_times_of_a_reply_that_was_cut_before_it_was_heard_reach_the_client(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "what is")
        told = await table.tell(InterruptRequested())
        assert [type(event) for event in told] == [BargeIn, Latency, TurnTimes]
        assert all(table.gate.passes(event) for event in told)


async def test_words_over_a_reply_that_come_while_somebody_goes_on_speaking_wait(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.speak_over(2)
        await table.tell(
            SpeechOver(number=2), SpeechBegan(number=3, during_reply=False), heard(2, "no")
        )
        assert (table.stopped, len(table.begun)) == ([1], 1)
        await table.tell(SpeechOver(number=3), heard(3, "the other one"))
        assert table.begun[1].user_text == "no the other one"


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


async def test_a_turn_that_ends_while_it_is_suspended_is_over(autojump_clock: Clock) -> None:
    """Its report was on its way when the person began to speak."""
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(
            SpeechBegan(number=2, during_reply=True),
            SpeechConfirmed(number=2, received_s=0.0),
            TurnOver(turn=1),
        )
        assert table.state() is State.CAPTURING
        assert table.live() is None
        await table.tell(heard(2, "more"))
        assert table.begun[1].user_text == "more"


async def test_a_turn_that_gave_up_while_it_is_suspended_ends_the_session(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        told = await table.tell(
            SpeechBegan(number=2, during_reply=True),
            SpeechConfirmed(number=2, received_s=0.0),
            TurnOver(turn=1, error=RuntimeError()),
        )
        assert told[-1] == Closing(code=1011, reason="internal error")


async def test_a_reply_whose_first_audio_left_as_it_was_suspended_stays_suspended(
    autojump_clock: Clock,
) -> None:
    """The report was on its way when the person began to speak."""
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(
            SpeechBegan(number=2, during_reply=True),
            SpeechConfirmed(number=2, received_s=0.0),
            ReplyAudible(turn=1),
        )
        assert (table.state(), table.gate_is_open()) == (State.CAPTURING, False)
        await table.tell(heard(2, ""), ReplyAudible(turn=1))
        assert table.state() is State.RESPONDING


async def test_a_turn_that_ends_while_it_is_stopped_is_not_over_twice(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(
            InterruptRequested(),
            ReplyAudible(turn=1),
            ReplyWritten(turn=1),
            TurnOver(turn=1, error=RuntimeError()),
        )
        assert table.state() is State.CAPTURING
        assert table.items.exchanges() == [("hi", "")]


# What a listener says


async def test_a_listeners_word_lets_the_reply_go_on(autojump_clock: Clock) -> None:
    async with at_the_table(backchannels=True) as table:
        await table.ask(1, "hi")
        await table.reply("Hello.", seconds=3)
        assert await table.speak_over() == []
        assert not table.gate_is_open()
        await table.tell(WordsHeard(number=2, text="yeah", spoken_ms=400))
        assert table.gate_is_open()
        told = await table.tell(SpeechOver(number=2), heard(2, "yeah"))
        assert [type(event) for event in told] == [Final, Decode]
        assert (table.state(), len(table.begun)) == (State.RESPONDING, 1)
        assert table.counted("parley_backchannels_total 1.0")


async def test_who_speaks_for_longer_than_a_listener_suspends_the_reply(
    autojump_clock: Clock,
) -> None:
    async with at_the_table(backchannels=True) as table:
        await table.ask(1, "hi")
        await table.speak_over()
        assert await table.tell(SpeechLong(number=2)) == [BargeIn(seq=0)]
        assert table.stopped == []


async def test_a_word_that_ends_a_reply_ends_it_at_once(autojump_clock: Clock) -> None:
    async with at_the_table(backchannels=True) as table:
        await table.ask(1, "hi")
        await table.speak_over()
        told = await table.tell(WordsHeard(number=2, text="okay stop", spoken_ms=300))
        assert BargeIn(seq=0) in told
        assert table.stopped == [1]


async def test_a_listeners_word_behind_the_end_of_the_reply_is_answered(
    autojump_clock: Clock,
) -> None:
    async with at_the_table(backchannels=True) as table:
        await table.ask(1, "hi")
        await table.speak_over()
        await table.tell(TurnOver(turn=1), SpeechOver(number=2), heard(2, "yes"))
        assert [record.user_text for record in table.begun] == ["hi", "yes"]


# What the client played


async def test_a_client_that_plays_late_has_heard_less(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(2)
        await table.tell(PlaybackTold(heard_s=1.0, flushed=False))
        await trio.sleep(1)
        assert await table.speak_over() == [BargeIn(seq=1, heard="aaaa bbbb")]
        await table.tell(heard(2, "stop"))
        assert table.items.exchanges()[0] == ("hi", "aaaa bbbb")


async def test_what_was_really_played_is_believed_of_a_suspended_reply(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(3)
        assert await table.speak_over() == [BargeIn(seq=1, heard="aaaa bbbb cccc")]
        assert await table.tell(PlaybackTold(heard_s=1.5, flushed=True)) == []
        assert table.items.exchanges() == [("hi", "aaaa bbbb cccc dddd")], "it may still go on"
        await table.tell(heard(2, "stop"))
        assert table.items.exchanges()[0] == ("hi", "aaaa")


async def test_what_was_really_played_corrects_the_memory(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(3)
        await table.tell(InterruptRequested())
        assert table.items.exchanges() == [("hi", "aaaa bbbb cccc")]
        assert await table.tell(PlaybackTold(heard_s=1.5, flushed=True)) == []
        assert table.items.exchanges() == [("hi", "aaaa")]
        await table.tell(PlaybackTold(heard_s=4.0, flushed=True))
        assert table.items.exchanges() == [("hi", "aaaa")], "told once"


async def test_what_was_really_played_corrects_the_memory_when_the_next_reply_is_made_already(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(3)
        await table.ask(2, "go on", guarded=True)
        table.begun[1].text, table.begun[1].written = "eeee", True
        await table.tell(ReplyWritten(turn=2))
        await table.tell(PlaybackTold(heard_s=1.5, flushed=True))
        assert table.items.exchanges() == [("hi", "aaaa"), ("go on", "eeee")]


async def test_a_report_behind_the_next_reply_changes_nothing(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.tell(PlaybackTold(heard_s=1.0, flushed=True))
        await table.tell(PlaybackTold(heard_s=1.0, flushed=False))
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb", seconds=2)
        await trio.sleep(1)
        await table.ask(2, "go on", guarded=True)
        await table.reply("cccc dddd", seconds=2)
        before = table.items.exchanges()
        await table.tell(PlaybackTold(heard_s=0.0, flushed=True))
        assert table.items.exchanges() == before


async def test_a_report_on_a_turn_that_has_left_the_memory_does_not_bring_it_back(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb", seconds=2)
        await trio.sleep(1)
        await table.tell(InterruptRequested())
        table.items.commit(99, "much", "later")
        for turn in range(100, 110):
            table.items.commit(turn, "and", "later")
        before = table.items.exchanges()
        await table.tell(PlaybackTold(heard_s=0.0, flushed=True))
        assert table.items.exchanges() == before


async def test_a_report_on_a_suspended_reply_that_fell_silent_before_changes_nothing(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb", seconds=2)
        await trio.sleep(1)
        await table.speak_over()
        await table.tell(PlaybackTold(heard_s=0.2, flushed=False))
        assert table.begun[0].ledger.heard(trio.current_time()) == "aaaa"


# A model that is held for too long


async def test_a_model_that_still_writes_is_cut_off_when_it_was_held_for_too_long(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.speak_over()
        await table.wait(MODEL_HELD_S - 0.01)
        assert table.stopped == []
        assert await table.wait(0.01) == []
        assert table.stopped == [1]
        assert table.live() is table.begun[0], "what becomes of it is still open"
        assert table.counted("parley_models_cut_off_total 1.0")
        await table.wait(60)
        assert table.stopped == [1]


async def test_a_reply_that_is_written_is_suspended_for_as_long_as_somebody_speaks(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb", seconds=2)
        await table.speak_over()
        await table.wait(60)
        await table.tell(SpeechOver(number=2), heard(2, ""))
        assert (table.stopped, table.live()) == ([], table.begun[0])


async def test_a_reply_that_was_cut_off_is_begun_again_behind_what_was_heard(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4, written=False)
        await trio.sleep(2.5)
        await table.speak_over()
        await table.wait(MODEL_HELD_S)
        await table.tell(SpeechOver(number=2), heard(2, ""))
        assert table.asked[1] == ["hi", "aaaa bbbb", GO_ON]
        assert table.live() is table.begun[1]
        assert (table.begun[1].turn, table.begun[1].user_text) == (2, "")
        assert (table.state(), table.gate_is_open()) == (State.THINKING, True)
        assert not table.passes(1) and not table.passes(1, 1)
        await table.reply("cccc dddd", seconds=2)
        await table.tell(TurnOver(turn=2))
        assert table.items.exchanges() == [("hi", "aaaa bbbb"), ("", "cccc dddd")]
        await table.ask(3, "thanks")
        assert table.asked[2] == ["hi", "aaaa bbbb\ncccc dddd", "thanks"]


async def test_a_reply_that_was_cut_off_before_a_word_of_it_was_heard_is_asked_for_again(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        table.begun[0].text = "never heard"
        await table.speak_over()
        await table.wait(MODEL_HELD_S)
        await table.tell(SpeechOver(number=2), heard(2, ""))
        assert table.asked == [["hi"], ["hi"]]
        assert table.begun[1].user_text == "hi"
        assert table.items.exchanges() == []


async def test_a_reply_that_was_begun_again_and_is_cut_off_again_is_asked_to_go_on_again(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4, written=False)
        await trio.sleep(2.5)
        for number in (2, 3):
            await table.speak_over(number)
            await table.wait(MODEL_HELD_S)
            await table.tell(SpeechOver(number=number), heard(number, ""))
        assert table.asked[2] == ["hi", "aaaa bbbb", GO_ON]


async def test_words_over_a_reply_that_was_cut_off_are_answered(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4, written=False)
        await trio.sleep(2.5)
        await table.speak_over()
        await table.wait(MODEL_HELD_S)
        await table.tell(SpeechOver(number=2), heard(2, "stop"))
        assert table.asked[1] == ["hi", "aaaa bbbb", "stop"]
        assert table.counted("parley_resumptions_total 0.0")


# A reply that is begun early


async def test_a_reply_that_was_begun_early_is_taken_up_when_it_answers_what_was_said(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.tell(SpeechBegan(number=1, during_reply=False))
        assert await table.tell(foreseen(1, "how are you")) == []
        assert table.exits[0].holding and table.live() is None
        await table.exits[0].outbox.send(Token(text="Fine", turn=1))
        told = await table.tell(SpeechOver(number=1), heard(1, "how are you"))
        assert [type(event) for event in told] == [Final, Decode, Token]
        assert (len(table.begun), table.live()) == (1, table.begun[0])
        assert table.stopped == []


@pytest.mark.parametrize(
    "other", [SpeechResumed(number=1), heard(1, "how are they"), heard(1, ""), CancelRequested()]
)
async def test_a_reply_that_was_begun_early_in_vain_is_dropped_and_nobody_hears_of_it(
    autojump_clock: Clock, other: Report
) -> None:
    async with at_the_table() as table:
        await table.tell(SpeechBegan(number=1, during_reply=False), foreseen(1, "how are you"))
        await table.exits[0].outbox.send(Token(text="Fine", turn=1))
        told = await table.tell(other)
        assert not any(isinstance(event, Token) for event in told)
        assert table.stopped == [1]
        assert table.counted("parley_speculations_dropped_total 1.0")
        assert table.items.exchanges() == []


async def test_words_that_are_foreseen_over_a_reply_end_it_and_are_answered_early(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb", seconds=2)
        await trio.sleep(1)
        await table.speak_over()
        await table.tell(foreseen(2, "stop that"))
        assert table.stopped == [1]
        assert table.asked[1] == ["hi", "aaaa", "stop that"]
        assert table.live() is None
        await table.tell(SpeechOver(number=2), heard(2, "stop that"))
        assert table.live() is table.begun[1]
        assert table.stopped == [1]


async def test_a_reply_that_is_taken_up_while_somebody_speaks_again_is_suspended(
    autojump_clock: Clock,
) -> None:
    async with at_the_table() as table:
        await table.tell(SpeechBegan(number=1, during_reply=False), foreseen(1, "hi"))
        await table.exits[0].outbox.send(Token(text="Fine", turn=1))
        await table.tell(SpeechOver(number=1), heard(1, "hi"))
        await table.speak_over(2)
        await table.exits[0].outbox.send(Token(text=" today", turn=1))
        told = await table.tell(SpeechOver(number=2), heard(2, ""))
        assert [event.text for event in told if isinstance(event, Token)] == [" today"]


# Typed


async def test_typed_words_are_answered(autojump_clock: Clock) -> None:
    async with at_the_table(started=False) as table:
        assert await table.tell(TextTyped("hi")) == [SessionOpened(session_id="s")]
        assert [record.user_text for record in table.begun] == ["hi"]
        assert table.begun[0].last_sample_s is None
        assert table.state() is State.THINKING
        assert table.watched == [TextHeard(session_id="s", text="hi", typed=True, language="en")]


async def test_typed_words_wait_for_who_is_speaking(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.tell(SpeechBegan(number=1, during_reply=False), TextTyped("hi"))
        assert table.begun == []
        await table.tell(SpeechOver(number=1), heard(1, "there"))
        assert [record.user_text for record in table.begun] == ["hi there"]


# Goodbye


async def test_who_says_goodbye_in_mid_utterance_is_not_answered(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        told = await table.tell(
            SpeechBegan(number=1, during_reply=False),
            EndRequested(),
            SpeechOver(number=1),
            foreseen(1, "what is the time"),
            heard(1, "what is the time"),
            TextTyped("anybody?"),
        )
        assert [e for e in told if isinstance(e, Closing)] == [
            Closing(code=1000, reason="the client ended the session")
        ]
        assert table.begun == []


async def test_goodbye_drops_a_reply_that_was_begun_early(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.tell(SpeechBegan(number=1, during_reply=False), foreseen(1, "hi"))
        await table.tell(EndRequested(), SpeechOver(number=1), heard(1, "hi"))
        assert (table.stopped, table.live()) == ([1], None)


@pytest.mark.parametrize("suspended", [True, False])
async def test_goodbye_during_a_reply_keeps_what_was_heard(
    autojump_clock: Clock, suspended: bool
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(2.5)
        if suspended:
            await table.speak_over()
        told = await table.tell(EndRequested())
        kinds = [type(event) for event in told if not isinstance(event, BargeIn)]
        assert kinds == [Closing]
        assert any(isinstance(event, BargeIn) for event in told) is not suspended
        assert table.items.exchanges() == [("hi", "aaaa bbbb")]
        assert table.stopped == [1]


async def test_a_goodbye_is_said_once(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        told = await table.tell(EndRequested(), EndRequested(), DrainRequested())
        assert [event.code for event in told if isinstance(event, Closing)] == [1000]


# Cancel


async def test_cancel_before_done_leaves_no_trace(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        ledger = table.begun[0].ledger
        ledger.queued(ledger.begin("Hello", 1.0), 1.0)
        ledger.sent(0.0)
        await trio.sleep(1)
        told = await table.tell(CancelRequested(), HearingCancelled())
        assert codes(told) == [Code.CANCELLED]
        assert table.stopped == [1]
        assert table.items.exchanges() == []
        assert table.state() is State.COMPLETE
        await table.ask(2, "again")
        assert table.asked[1] == ["again"]


async def test_cancel_after_done_keeps_what_was_heard(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(1)
        await table.tell(CancelRequested(), HearingCancelled())
        assert table.items.exchanges() == [("hi", "aaaa")]
        assert table.counted("parley_cancellations_total 1.0")


async def test_cancel_ends_a_suspended_reply(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.reply("aaaa bbbb cccc dddd", seconds=4)
        await trio.sleep(1)
        await table.speak_over()
        told = await table.tell(CancelRequested(), SpeechDropped(number=2), HearingCancelled())
        assert codes(told) == [Code.CANCELLED]
        assert (table.stopped, table.live()) == ([1], None)
        assert table.items.exchanges() == [("hi", "aaaa")]
        assert table.counted("parley_resumptions_total 0.0")


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
        await table.tell(DrainRequested(), TextTyped("one more thing"))
        assert len(table.begun) == 1
        assert table.stopped == []


async def test_words_that_were_said_before_a_drain_are_not_answered(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.tell(SpeechBegan(number=1, during_reply=False), DrainRequested())
        await table.tell(SpeechOver(number=1), heard(1, "one more thing"))
        assert table.begun == []


async def test_a_drain_lets_a_suspended_reply_go_on_and_finish(autojump_clock: Clock) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.speak_over()
        await table.tell(DrainRequested())
        await table.tell(SpeechOver(number=2), heard(2, ""))
        assert (table.gate_is_open(), table.live()) == (True, table.begun[0])
        told = await table.tell(TurnOver(turn=1))
        assert told[-1] == Closing(code=1001, reason="server shutting down")


@pytest.mark.parametrize(
    "cut",
    [
        (CancelRequested(),),
        (InterruptRequested(),),
        (
            SpeechBegan(number=2, during_reply=True),
            SpeechConfirmed(number=2, received_s=0.0),
            SpeechOver(number=2),
            heard(2, "wait"),
        ),
    ],
)
async def test_a_reply_that_is_cut_while_the_server_drains_is_its_end(
    autojump_clock: Clock, cut: tuple[Report, ...]
) -> None:
    async with at_the_table() as table:
        await table.ask(1, "hi")
        await table.tell(DrainRequested())
        told = await table.tell(*cut)
        assert [event for event in told if isinstance(event, Closing)] == [
            Closing(code=1001, reason="server shutting down")
        ]
        assert len(table.begun) == 1


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
