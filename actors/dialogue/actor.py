"""The dialogue: the one place where a session decides what happens next.

One inbox: finals, interruptions and the ends of turns come in; turns begun, suspended and ended go
out. What is known stands in plain machines (`conversation.machines`), what is done to turns in
`Turns`; here every report moves the machines, and what follows from their joint state is done and
told to the client. Everything else in a session only reports to the dialogue. It is significant and
never restarted: without it there is no conversation.

Its rooms, each of which may use those before it:

- `ConductedCall`: what is said without being asked, and what the conductor wants
- `ReplyEnds`: how a reply ends, and what of it is remembered
- `Interruptions`: a sound, a voice, words over a reply
- `Finals`: what the client is told of an utterance that is over
- `Utterances`: what becomes of what a person says

What they need of the whole, they ask of the dialogue itself (`Hands`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, assert_never

import structlog
import trio

from ...conversation.current_language import CurrentLanguage
from ...conversation.digits import as_words
from ...conversation.events import (
    DigitPressed,
    LineNews,
    SessionEvent,
)
from ...conversation.machines import Machines, Step
from ...conversation.patience import Patience
from ...conversation.record import TurnRecord
from ...conversation.shown_state import ShownState
from ...conversation.spoken import (
    AudioCleared,
    AudioCommitted,
    HearingCancelled,
    MicrophoneClosed,
    MicrophoneOpened,
)
from ...conversation.spoken_sentences import Occasion
from ...conversation.timings import Timings
from ...protocol import close_codes
from ...protocol.codes import Code
from ...protocol.events import (
    Closing,
    Failure,
    Finalizing,
    Info,
    SessionOpened,
    StateChanged,
)
from ...protocol.item_events import BufferCleared, ReplyOutcome
from ...protocol.states import State, Trigger
from ...telemetry import Telemetry
from ...turnstile import current_time, move_on_at, turn
from ..bell import Bell
from ..messages import (
    CancelRequested,
    CommitRequested,
    Conducted,
    DrainRequested,
    EndRequested,
    InterruptRequested,
    KeyPressed,
    LineReported,
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
    ToneHeard,
    ToolsCalled,
    TurnOver,
    UtteranceFailed,
    UtteranceFinalizing,
    UtteranceForeseen,
    UtteranceGiven,
    UtteranceHeard,
    WordsHeard,
)
from ..outbox import Outbox
from ..reply_exit import HeldEvent, ReplyExit
from .conducted import ConductedCall
from .finals import Finals, final_id
from .interruptions import Interruptions
from .item_desk import ItemDesk
from .reply_ends import ReplyEnds
from .tool_desk import ToolDesk
from .turns import Turns
from .utterances import Utterances, WhatFollows

USED_UP = "what this client may use is used up for now: the connection closes, try again later"


@dataclass(slots=True, kw_only=True)
class Dialogue:
    session_id: str
    inbox: trio.MemoryReceiveChannel[Report]
    outbox: Outbox
    machines: Machines[ReplyExit]
    turns: Turns
    timings: Timings
    telemetry: Telemetry
    log: structlog.typing.FilteringBoundLogger
    tell_watchers: Callable[[SessionEvent], None]
    """Tells watchers, and the conductor."""
    tools: ToolDesk
    items: ItemDesk
    voice: str = ""
    """In which voice replies are spoken, where that is known."""
    sentence: Callable[[Occasion], str] = lambda occasion: ""
    """What is said on an occasion, in the language that is spoken."""
    final_on_stop: bool = True
    """Whether a stop without any words brings an empty final."""
    patience: Patience = field(default_factory=Patience)
    unfinished: WhatFollows = "answer"
    """What follows words that want more and the silence that was waited for."""
    asks: str = "Yes?"
    """What is said to them, where that is to ask."""
    take_back_s: float = 1.0
    """An answer of which less was heard when the person went on is taken back."""
    hurries: bool = True
    """Whether the rest of a reply is sent at once when the server stops, without its pace. A call
    on a telephone would end before it was heard."""
    completes_on_stop: bool = False
    """Whether the client is told when everything that was said before a stop has been answered."""
    log_latency: bool = True
    log_transcripts: bool = False
    current_language: CurrentLanguage = field(default_factory=CurrentLanguage)
    """Which language is spoken."""
    speech_heard: Bell = field(default_factory=Bell)
    """Rung when an utterance begins."""
    new_id: Callable[[str, int], str] = final_id

    shown: ShownState = field(default_factory=ShownState)
    seq: int = 0
    """The number of the phrase that was sent, or begun, last."""

    conducted: ConductedCall = field(init=False)
    ends: ReplyEnds = field(init=False)
    interruptions: Interruptions = field(init=False)
    finals: Finals = field(init=False)
    utterances: Utterances = field(init=False)
    _completing: bool = field(default=False, init=False)
    """Whether the client stopped and was not yet told that everything is done."""

    def __post_init__(self) -> None:
        self.conducted = ConductedCall(
            session_id=self.session_id,
            machines=self.machines,
            turns=self.turns,
            tools=self.tools,
            items=self.items,
            outbox=self.outbox,
            shown=self.shown,
            telemetry=self.telemetry,
            log=self.log,
            tell=self.tell_watchers,
            sentence=self.sentence,
            hands=self,
        )
        self.ends = ReplyEnds(
            machines=self.machines,
            turns=self.turns,
            conducted=self.conducted,
            items=self.items,
            outbox=self.outbox,
            shown=self.shown,
            patience=self.patience,
            timings=self.timings,
            telemetry=self.telemetry,
            log=self.log,
            log_latency=self.log_latency,
            log_transcripts=self.log_transcripts,
            hands=self,
        )
        self.interruptions = Interruptions(
            session_id=self.session_id,
            machines=self.machines,
            turns=self.turns,
            ends=self.ends,
            outbox=self.outbox,
            shown=self.shown,
            patience=self.patience,
            telemetry=self.telemetry,
            log=self.log,
            log_transcripts=self.log_transcripts,
            tell=self.tell_watchers,
            take_back_s=self.take_back_s,
        )
        self.finals = Finals(
            session_id=self.session_id,
            outbox=self.outbox,
            current_language=self.current_language,
            telemetry=self.telemetry,
            log=self.log,
            log_transcripts=self.log_transcripts,
            watch=self.tell_watchers,
            new_id=self.new_id,
        )
        self.utterances = Utterances(
            machines=self.machines,
            turns=self.turns,
            interruptions=self.interruptions,
            finals=self.finals,
            conducted=self.conducted,
            items=self.items,
            outbox=self.outbox,
            shown=self.shown,
            current_language=self.current_language,
            telemetry=self.telemetry,
            speech_heard=self.speech_heard,
            unfinished=self.unfinished,
            asks=self.asks,
            hands=self,
        )

    async def run(self) -> None:
        try:
            await self._decide()
        finally:
            self.ends.with_the_session()

    async def _decide(self) -> None:
        await self.outbox.send(SessionOpened(session_id=self.session_id, voice=self.voice))
        while True:
            report: Report | None = None
            deadline_s = self.machines.deadline_s(current_time())
            try:
                if deadline_s == math.inf:
                    report = await self.inbox.receive()
                else:
                    with move_on_at(deadline_s, "dialogue"):
                        report = await self.inbox.receive()
            except trio.EndOfChannel:
                return
            await turn()  # whoever has something to say has said it
            if report is not None:
                await self._take_and_tell(report)
            await self._settle()

    async def _take_and_tell(self, report: Report) -> None:
        before = self.shown.seen()
        await self._take(report)
        await self._tell_state(before)

    async def _tell_state(self, before: tuple[State, bool]) -> None:
        if (now := self.shown.seen()) != before:
            state, listening = now
            await self.outbox.send(StateChanged(state=state, listening=listening))

    async def _settle(self) -> None:
        """Do what follows from the joint state of the machines, and set the gate by it."""
        before = self.shown.seen()
        match self.machines.step(current_time()):
            case Step.HOLD:
                await self.interruptions.hold()
            case Step.RELEASE:
                await self.interruptions.release()
            case Step.SUSPEND:
                await self.interruptions.suspend()
            case Step.GIVE_BACK:
                await self.interruptions.give_back()
            case Step.CUT_OFF:
                await self.turns.cut_off()
            case Step.NOTHING:
                await self.conducted.speak_first()
        await self._tell_state(before)
        await self._let_out()
        now_s = current_time()
        self.turns.gate.set_open(self.machines.gate_open(now_s))
        for news in self.machines.who_answers.news(now_s):
            self._line_news(news)
        if keys := self.machines.pressed(now_s):
            await self._typed(as_words(keys))
        silent = self.shown.listening and self.machines.at_rest and not self.machines.muted
        self.machines.silence.silent(silent, now_s)
        self.conducted.look_for_answer(now_s)
        if self._completing and self.machines.at_rest:
            self._completing = False
            await self.outbox.send(Info(message="Session complete"))

    async def _let_out(self) -> None:
        """Tell what a reply said while it was held."""
        reply_exit = self.turns.to_let_out()
        while reply_exit is not None and (held := reply_exit.next()) is not None:
            if isinstance(held, HeldEvent):
                await reply_exit.send(held.event)
            else:
                await self._take_and_tell(held.report)

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    async def _take(self, report: Report) -> None:
        floor, now_s = self.machines.floor, current_time()
        match report:
            case MicrophoneOpened():
                self._microphone_opened()
            case MicrophoneClosed():
                await self._microphone_closed()
            case SoundHeard():
                floor.sound(now_s)
            case SoundPassed():
                floor.sound_passed()
            case SpeechBegan():
                self.utterances.began(report)
            case SpeechConfirmed():
                await self.utterances.confirmed(report)
            case SpeechLong():
                floor.long(report.number, now_s)
            case SpeechOver():
                self.utterances.over(report)
            case SpeechDropped():
                await self.utterances.dropped(report.number)
            case WordsHeard():
                await self.utterances.words(report)
            case UtteranceForeseen():
                await self.utterances.foreseen(report)
            case SpeechResumed():
                await self.turns.drop_early()
            case UtteranceFinalizing():
                await self.outbox.send(Finalizing())
            case UtteranceHeard():
                await self.utterances.heard(report)
            case UtteranceFailed():
                await self.utterances.not_heard(report)
            case TextTyped():
                await self._typed(report.text)
            case CancelRequested():
                await self.ends.cancelled()
            case InterruptRequested():
                await self.interruptions.wished(by_server=report.by_server)
            case PlaybackTold():
                self.interruptions.playback_told(report)
            case KeyPressed():
                self._pressed(report.digit)
            case ToneHeard():
                self.machines.who_answers.tone(report.tone, now_s)
            case LineReported():
                self._line_news(report.news)
            case EndRequested():
                await self._end()
            case HearingCancelled():
                self.machines.cancelling -= 1
            case CommitRequested():
                self.machines.committing += 1
            case UtteranceGiven():
                await self.items.given(report.number, report.given)
            case AudioCommitted():
                self.machines.committing -= 1
            case AudioCleared():
                await self.outbox.send(BufferCleared())
            case ReplyAudible():
                self.interruptions.reply_audible(report.turn)
            case ToolsCalled():
                if self.turns.live is not None and self.turns.is_live(report.turn):
                    returns = self.turns.exit.returns
                    await self.tools.call(self.turns.live, report.calls, returns)
            case Conducted():
                await self.conducted.take(report.effect)
            case ReplyWritten():
                await self.ends.written(report.turn)
            case TurnOver():
                await self.ends.over(report)
            case DrainRequested():
                await self._drain(report)
            case _:
                assert_never(report)

    def account(self, now_s: float) -> dict[str, Any] | None:
        """The newest reply's ledger for GET /sessions, its words only where the log may hold them;
        None before the first turn."""
        if self.turns.latest is None:
            return None
        return self.turns.latest.account(now_s, words=self.log_transcripts)

    @property
    def state(self) -> State:
        return self.shown.state

    @property
    def listening(self) -> bool:
        """Whether the client's microphone is open."""
        return self.shown.listening

    @property
    def may_take_back(self) -> bool:
        """Whether the live reply never was if the person goes on now."""
        return self.interruptions.may_take_back

    def _microphone_opened(self) -> None:
        self.shown.listening = True
        self.finals.microphone_opened()
        self._completing = False
        self.shown.go(Trigger.START)

    async def _microphone_closed(self) -> None:
        self.shown.listening = False
        if self.final_on_stop:
            await self.finals.tell_silence(completes=self.completes_on_stop)
        self._completing = self.completes_on_stop
        self.machines.more_wanted = False
        self.shown.go(Trigger.STOP)
        await self.answer()

    async def _typed(self, text: str) -> None:
        """Typed words interrupt a reply as spoken ones do, and are answered like them."""
        if not self.machines.ending.may_begin:
            return
        self.finals.watch_text(text, self.current_language.now, typed=True)
        self.patience.answered()
        self.machines.silence.spoke()
        live = self.turns.live
        if live is not None and live.interruptible and not self.machines.expects_words:
            await self.interruptions.interrupt(live)
        self.machines.floor.unanswered.append(text)
        self.machines.more_wanted = False
        await self.answer()

    def _line_news(self, news: str) -> None:
        self.log.info("line", news=news)
        self.conducted.tell(LineNews(session_id=self.session_id, news=news))

    def _pressed(self, digit: str) -> None:
        self.telemetry.count("digits")
        self.machines.silence.spoke()
        self.machines.digits.press(digit, current_time())
        self.conducted.tell(DigitPressed(session_id=self.session_id, digit=digit))

    # The end

    async def _end(self) -> None:
        if self.turns.live is not None:
            await self.interruptions.interrupt(self.turns.live)
        await self.turns.drop_early()
        await self.close(close_codes.NORMAL, close_codes.ENDED_BY_CLIENT)

    async def _drain(self, wish: DrainRequested) -> None:
        ending = self.machines.ending
        if wish.used_up:
            ending.leave(close_codes.POLICY_VIOLATION, "rate_limit")
        elif wish.closed:
            ending.leave(close_codes.NORMAL, close_codes.ENDED_BY_SERVER)
        ending.drain()
        self.machines.floor.unanswered.clear()
        await self.turns.drop_early()
        if self.hurries:
            self.turns.gate.hurried.set()
        if wish.used_up:
            await self.outbox.send(Failure.of(Code.RATE_LIMIT, USED_UP))
        elif wish.closed:
            await self.outbox.send(Info(message=close_codes.ENDED_BY_SERVER))
        else:
            await self.outbox.send(Info(message="the server is shutting down"))
        if self.turns.live is None:
            await self.conducted.close_if_draining()

    # What the rooms have it do (`Hands`)

    async def interrupt(self, record: TurnRecord, *, outcome: ReplyOutcome = "interrupted") -> None:
        await self.interruptions.interrupt(record, outcome=outcome)

    async def answer(
        self, report: UtteranceHeard | None = None, final_s: float | None = None
    ) -> None:
        """Begin a turn, if there are words to answer and nobody is talking."""
        if not self.machines.may_answer:
            return
        if self.turns.live is not None and not self.machines.expects_words:
            await self.interruptions.interrupt(self.turns.live)
        unanswered = self.machines.floor.unanswered
        user_text = " ".join(unanswered)
        unanswered.clear()
        if self.machines.answers_by_model:
            await self.turns.answer("" if self.items.told else user_text, report, final_s)
            self.shown.go(Trigger.TURN)
            return
        # Else the tool's result says what was said, or the item that it is already.
        if not self.machines.expects_words and not self.items.told:
            self.turns.items.heard(self.turns.count, user_text)
        if self.shown.state is not State.IDLE:
            self.shown.go(Trigger.NOTHING)
        self.conducted.answered(user_text)

    async def close(self, code: int, reason: str) -> None:
        if self.machines.ending.say_goodbye(code):
            await self.outbox.send(Closing(code=code, reason=reason))
