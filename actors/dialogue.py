"""The dialogue: the one place where a session decides what happens next.

One inbox: finals, interruptions and the ends of turns come in; turns begun, suspended and ended go
out. What is known stands in plain machines (`conversation.machines`), what is done to turns in
`Turns`; here every report moves the machines, and what follows from their joint state is done and
told to the client. Everything else in a session only reports to the dialogue. It is significant and
never restarted: without it there is no conversation.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never

import structlog
import trio

from ..conversation.backchannel import is_command
from ..conversation.backchannel_words import table_for
from ..conversation.current_language import CurrentLanguage
from ..conversation.digits import as_words
from ..conversation.events import (
    BargedIn,
    DigitPressed,
    LineNews,
    Resumed,
    SessionEvent,
    TakenBack,
    TextHeard,
)
from ..conversation.floor import Meaning
from ..conversation.machines import Machines, Step
from ..conversation.patience import GONE_ON_S, JOINED_CHARS, Patience, goes_on
from ..conversation.record import TurnRecord
from ..conversation.spoken import (
    AudioCleared,
    AudioCommitted,
    HearingCancelled,
    MicrophoneClosed,
    MicrophoneOpened,
)
from ..conversation.spoken_sentences import Occasion
from ..conversation.timings import Timings
from ..protocol import close_codes
from ..protocol.codes import Code
from ..protocol.events import (
    BargeIn,
    Closing,
    Decode,
    Failure,
    Final,
    Finalizing,
    Info,
    Latency,
    ReplyHeld,
    ReplyReleased,
    ReplyResumed,
    ReplyTakenBack,
    SessionOpened,
    StateChanged,
    Token,
)
from ..protocol.item_events import BufferCleared, ReplyOutcome
from ..protocol.states import State, Trigger, next_state
from ..telemetry import Telemetry
from ..turnstile import current_time, move_on_at, turn
from .bell import Bell
from .conducted import ConductedCall
from .item_desk import ItemDesk
from .messages import (
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
from .outbox import Outbox
from .reply_exit import HeldEvent, ReplyExit
from .tool_desk import ToolDesk
from .turns import Turns

USED_UP = "what this client may use is used up for now: the connection closes, try again later"


def final_id(session_id: str, number: int) -> str:
    """Makes the id of a final transcript from the session's id and its number: a UUID that is the
    same in a replay."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{session_id}/{number}"))


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
    unfinished: Literal["answer", "ask", "wait"] = "answer"
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

    state: State = State.IDLE
    listening: bool = False
    seq: int = 0
    """The number of the phrase that was sent, or begun, last."""

    conducted: ConductedCall = field(init=False)
    """What is said without being asked, and what the conductor wants."""
    _interrupted: TurnRecord | None = field(default=None, init=False)
    """The reply that fell silent last, until another one can be heard: its client may still tell
    how much of it was played."""
    _finals: int = field(default=0, init=False)
    _finals_since_start: int = field(default=0, init=False)
    _untold: UtteranceFailed | None = field(default=None, init=False)
    """The failure to hear a sound that was not certainly speech."""
    _after_ms: int | None = field(default=None, init=False)
    """The silence before the newest utterance."""
    _heard_s: float = field(default=0.0, init=False)
    """How much of the live reply was heard when that began."""
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
            telemetry=self.telemetry,
            log=self.log,
            tell=self.tell_watchers,
            sentence=self.sentence,
            hands=self,
        )

    async def run(self) -> None:
        try:
            await self._decide()
        finally:
            self._remember_what_was_heard()

    def _remember_what_was_heard(self) -> None:
        """The session ends, perhaps within a reply: the memory holds no word that was not heard."""
        record = self.turns.live
        if record is None:
            return
        record.ledger.cut(current_time())
        heard, text = record.heard(current_time()), record.text.strip()
        if record.committed:
            self.turns.items.amend(record.turn, text, heard=heard)
        elif heard or self.items.told:
            self.turns.keep(record, text, heard=heard)

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
        before = (self.state, self.listening)
        await self._take(report)
        await self._tell_state(before)

    async def _tell_state(self, before: tuple[State, bool]) -> None:
        if (self.state, self.listening) != before:
            await self.outbox.send(StateChanged(state=self.state, listening=self.listening))

    async def _settle(self) -> None:
        """Do what follows from the joint state of the machines, and set the gate by it."""
        before = (self.state, self.listening)
        match self.machines.step(current_time()):
            case Step.HOLD:
                await self._hold()
            case Step.RELEASE:
                await self._release()
            case Step.SUSPEND:
                await self._suspend()
            case Step.GIVE_BACK:
                await self._give_back()
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
        silent = self.listening and self.machines.at_rest and not self.machines.muted
        self.machines.silence.silent(silent, now_s)
        self.conducted.look_for_answer(now_s)
        if self._completing and self.machines.at_rest:
            self._completing = False
            await self.outbox.send(Info(message="Session complete"))

    def _new_id(self) -> str:
        self._finals += 1
        return self.new_id(self.session_id, self._finals)

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    async def _take(self, report: Report) -> None:
        floor, now_s = self.machines.floor, current_time()
        match report:
            case MicrophoneOpened():
                self.listening = True
                self._finals_since_start = 0
                self._completing = False
                self._go(Trigger.START)
            case MicrophoneClosed():
                await self._microphone_closed()
            case SoundHeard():
                floor.sound(now_s)
            case SoundPassed():
                floor.sound_passed()
            case SpeechBegan():
                self._speech_began(report)
            case SpeechConfirmed():
                floor.confirmed(report.number, now_s)
                if self._untold is not None and self._untold.number == report.number:
                    failed, self._untold = self._untold, None
                    await self._tell_failure(failed, spoken=False)
                if self.turns.live is None and floor.is_open(report.number):
                    self._go(Trigger.SPEECH)
                elif self.turns.live is not None:
                    self.telemetry.stage("silence", now_s - report.received_s)
            case SpeechLong():
                floor.long(report.number, now_s)
            case SpeechOver():
                floor.over(report.number, now_s)
                self.machines.who_answers.speech_ended(report.last_sample_s or now_s)
            case SpeechDropped():
                await self._dropped(report.number)
            case WordsHeard():
                meaning = floor.words(report.number, report.text, report.spoken_ms, now_s)
                self.machines.who_answers.heard(report.text, now_s)
                if meaning is Meaning.WORDS and self.turns.live is not None:
                    await self._spoken_over(self.turns.live, report.text, final=False)
            case UtteranceForeseen():
                await self._foreseen(report)
            case SpeechResumed():
                await self.turns.drop_early()
            case UtteranceFinalizing():
                await self.outbox.send(Finalizing())
            case UtteranceHeard():
                await self._heard(report)
            case UtteranceFailed():
                await self._not_heard(report)
            case TextTyped():
                await self._typed(report.text)
            case CancelRequested():
                await self._cancel()
            case InterruptRequested():
                live = self.turns.live
                if live is not None and (live.interruptible or report.by_server):
                    self.patience.answered()
                    await self.interrupt(live)
            case PlaybackTold():
                self._playback_told(report)
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
                # Of a reply that was suspended meanwhile it is told again when it goes on.
                if self.turns.is_live(report.turn) and not self.machines.reply.suspended:
                    self._interrupted = None
                    self.machines.reply.audible()
                    if self.state is not State.RESPONDING:  # else it was only held
                        self._go(Trigger.AUDIO)
            case ToolsCalled():
                if self.turns.live is not None and self.turns.is_live(report.turn):
                    returns = self.turns.exit.returns
                    await self.tools.call(self.turns.live, report.calls, returns)
            case Conducted():
                await self.conducted.take(report.effect)
            case ReplyWritten():
                await self._written(report.turn)
            case TurnOver():
                await self._turn_over(report)
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

    def turn_begins(self) -> None:
        self._go(Trigger.TURN)

    async def answer_waiting(self) -> None:
        await self._answer()

    def _go(self, trigger: Trigger) -> None:
        self.state = next_state(self.state, trigger)

    # What was heard

    def _speech_began(self, report: SpeechBegan) -> None:
        self.speech_heard.ring()
        live, now_s = self.turns.live is not None, current_time()
        self.machines.who_answers.speech_began(now_s)
        self._after_ms = report.after_ms
        self._heard_s = self.turns.live.ledger.heard_s(now_s) if self.turns.live else 0.0
        during_reply = live and not self.machines.expects_words
        self.machines.floor.began(
            report.number, now_s, guarded=report.during_reply, during_reply=during_reply
        )
        if not report.during_reply and not live:
            self._go(Trigger.SPEECH)

    async def _dropped(self, number: int) -> None:
        """The client cancelled what was being said, or it was a sound of the line."""
        self.machines.who_answers.no_speech()
        spoken = self.machines.floor.is_open(number)
        self.machines.floor.dropped(number)
        await self._quiet_again(spoken)

    async def _quiet_again(self, spoken: bool) -> None:
        """What was heard was no speech, or will not be answered."""
        await self.turns.drop_early()
        if spoken:
            self._go(Trigger.NOTHING)
        await self._answer()

    async def _heard(self, report: UtteranceHeard) -> None:
        if report.by_hand:
            await self._heard_by_hand(report)
            return
        floor, text = self.machines.floor, report.transcript.text
        self.machines.who_answers.heard(text, current_time())
        unsure, language = floor.is_unsure(report.number), self._judged_in(report)
        meaning = floor.heard(
            report.number, text, report.transcript.confidence, begun=self._reply_has_begun
        )
        if meaning is Meaning.BACKCHANNEL and (
            self.turns.live is None or self.machines.expects_words
        ):
            meaning = Meaning.WORDS  # there is no reply any more that it could go with
        if meaning is Meaning.WORDS:
            self.machines.silence.spoke()
            self.current_language.heard(language)
        else:
            self._judge_as_before()
        in_vain = meaning is not Meaning.WORDS and (unsure or self.turns.live is not None)
        if in_vain and self.items.told:
            await self._nothing_said(report.number)
            return
        if unsure and meaning is not Meaning.WORDS:
            self.telemetry.count("false_alarms")
            return
        if meaning is Meaning.WORDS and self.turns.live is not None:
            await self._spoken_over(self.turns.live, text)
        final_s = current_time()
        if unsure:
            await self.outbox.send(Finalizing())
        await self._tell_final(report, language)
        await self.items.heard(report.number, text)
        if text:
            self._watch_text(text, language, typed=False)
        if meaning is Meaning.BACKCHANNEL:
            self.telemetry.count("backchannels")
            return
        if meaning is Meaning.WORDS and not self.machines.cancelling:
            floor.unanswered.append(text)
            await self._words_wait(wanting=report.unfinished)
        else:
            if text and meaning is Meaning.NOTHING:
                self.telemetry.count("noises")
            self._go(Trigger.NOTHING)
        await self._answer(report, final_s)
        await self.turns.drop_early()

    async def _heard_by_hand(self, report: UtteranceHeard) -> None:
        """The client said where it ends, and says what follows. It interrupts nothing."""
        text, language = report.transcript.text, self._judged_in(report)
        spoken = self.machines.floor.is_open(report.number)
        self.machines.floor.dropped(report.number)
        if text:
            self.machines.silence.spoke()
            self.current_language.heard(language)
            self._watch_text(text, language, typed=False)
        await self._tell_final(report, language)
        await self.items.heard(report.number, text)
        if text:
            self.conducted.answered(text)
        await self._quiet_again(spoken and self.state is State.CAPTURING)

    async def _nothing_said(self, utterance: int) -> None:
        """A sound over a reply that goes on, or has ended meanwhile; where items are told."""
        self.telemetry.count("false_alarms")
        await self.items.came_to_nothing(utterance)
        await self._answer()
        await self.turns.drop_early()

    def _judged_in(self, report: UtteranceHeard | UtteranceForeseen) -> str:
        """The language of an utterance, by whose table its words are judged from now on."""
        language = self.current_language.of(report.transcript.language)
        if self.current_language.auto:
            self.machines.floor.judge_by(table_for(language))
        return language

    def _judge_as_before(self) -> None:
        if self.current_language.auto:
            self.machines.floor.judge_by(table_for(self.current_language.now))

    async def _words_wait(self, *, wanting: bool) -> None:
        """Words came that are to be answered; `wanting`: they want more, and nothing more came."""
        short = sum(map(len, self.machines.floor.unanswered)) < JOINED_CHARS
        self.machines.more_wanted = wanting and short and self.unfinished != "answer"
        if not self.machines.more_wanted:
            return
        await self.turns.drop_early()
        self._go(Trigger.NOTHING)
        if self.unfinished == "ask" and self.machines.ending.may_begin:
            self.conducted.begin_saying(self.asks)

    @property
    def may_take_back(self) -> bool:
        """Whether so little of the live reply was heard that it never was if the person goes on.
        One that called a tool has been, whatever was heard of it."""
        live = self.turns.live
        if live is None or self._heard_s >= self.take_back_s:
            return False
        return not self.turns.items.has_calls(live.turn)

    @property
    def _reply_has_begun(self) -> bool:
        """Whether so much of a reply was heard that somebody may be listening to it."""
        return self.turns.live is not None and self._heard_s >= GONE_ON_S

    async def _tell_final(self, report: UtteranceHeard, language: str) -> None:
        transcript = report.transcript
        text = transcript.text
        found = language if self.current_language.auto and text else ""
        self.telemetry.count("utterances")
        self._finals_since_start += 1
        if report.too_long:
            message = "the utterance was too long; what was heard so far is finalized"
            await self.outbox.send(Failure.of(Code.MAX_DURATION_EXCEEDED, message))
        self.log.info(
            "decode",
            utterance=report.number,
            runs=transcript.runs,
            ms=round(transcript.decode_ms, 1),
            rtf=round(transcript.rtf, 3),
            chars=len(text),
            **({"language": found} if found else {}),
            **({"text": text} if self.log_transcripts else {}),
        )
        await self.outbox.send(
            Final(
                text=text,
                id=self._new_id(),
                audio_ms=report.audio_ms,
                confidence=transcript.confidence,
                language=found,
                utterance=report.number,
            )
        )
        decode_ms, rtf = round(transcript.decode_ms, 1), round(transcript.rtf, 3)
        await self.outbox.send(Decode(runs=transcript.runs, ms=decode_ms, rtf=rtf))

    async def _not_heard(self, report: UtteranceFailed) -> None:
        floor = self.machines.floor
        spoken, unsure = floor.is_open(report.number), floor.is_unsure(report.number)
        floor.failed(report.number)
        if unsure:
            # Nobody hears of it, unless it turns out to be speech.
            self._untold = report
            self.telemetry.count("false_alarms")
            await self.items.came_to_nothing(report.number)
            return
        await self.items.heard(report.number, "")
        await self._tell_failure(report, spoken=spoken)

    async def _tell_failure(self, report: UtteranceFailed, *, spoken: bool) -> None:
        failure = Failure.of(report.code, report.message, utterance=report.number)
        await self.outbox.send(failure)
        self._finals_since_start += 1
        if not failure.recoverable:
            await self.close(close_codes.INTERNAL_ERROR, report.code.value)
            return
        await self._quiet_again(spoken)

    async def _microphone_closed(self) -> None:
        self.listening = False
        if self.final_on_stop and self._finals_since_start == 0:
            if self.completes_on_stop:
                await self.outbox.send(Finalizing())
            await self.outbox.send(Final(text="", id=self._new_id(), audio_ms=0))
            if self.completes_on_stop:
                await self.outbox.send(Latency(t0=None, t1=None, t2=None, t3=None, t4=None))
        self._completing = self.completes_on_stop
        self.machines.more_wanted = False
        self._go(Trigger.STOP)
        await self._answer()

    async def _typed(self, text: str) -> None:
        """Typed words interrupt a reply as spoken ones do, and are answered like them."""
        if not self.machines.ending.may_begin:
            return
        self._watch_text(text, self.current_language.now, typed=True)
        self.patience.answered()
        self.machines.silence.spoke()
        live = self.turns.live
        if live is not None and live.interruptible and not self.machines.expects_words:
            await self.interrupt(live)
        self.machines.floor.unanswered.append(text)
        self.machines.more_wanted = False
        await self._answer()

    def _line_news(self, news: str) -> None:
        self.log.info("line", news=news)
        self.conducted.tell(LineNews(session_id=self.session_id, news=news))

    def _pressed(self, digit: str) -> None:
        self.telemetry.count("digits")
        self.machines.silence.spoke()
        self.machines.digits.press(digit, current_time())
        self.conducted.tell(DigitPressed(session_id=self.session_id, digit=digit))

    def _watch_text(self, text: str, language: str, *, typed: bool) -> None:
        self.tell_watchers(
            TextHeard(session_id=self.session_id, text=text, typed=typed, language=language)
        )

    # Turns

    async def _answer(
        self, report: UtteranceHeard | None = None, final_s: float | None = None
    ) -> None:
        """Begin a turn, if there are words to answer and nobody is talking."""
        if not self.machines.may_answer:
            return
        conducting = self.machines.conducting
        if self.turns.live is not None and not self.machines.expects_words:
            await self.interrupt(self.turns.live)
        unanswered = self.machines.floor.unanswered
        user_text = " ".join(unanswered)
        unanswered.clear()
        if not conducting.asking and conducting.model and conducting.by_itself:
            await self.turns.answer("" if self.items.told else user_text, report, final_s)
            self._go(Trigger.TURN)
            return
        # Else the tool's result says what was said, or the item that it is already.
        if not self.machines.expects_words and not self.items.told:
            self.turns.items.heard(self.turns.count, user_text)
        if self.state is not State.IDLE:
            self._go(Trigger.NOTHING)
        self.conducted.answered(user_text)

    async def _foreseen(self, report: UtteranceForeseen) -> None:
        """What will be heard if the short silence that began is the end."""
        text = report.transcript.text
        self._judged_in(report)
        meaning = await self._conclusion(report)
        self._judge_as_before()
        if meaning is Meaning.WORDS and self.machines.may_begin_early(report.number):
            waiting = () if self.items.told else self.machines.floor.unanswered
            words = (*waiting, text)
            self.turns.begin_early(report, " ".join(words))

    async def _conclusion(self, report: UtteranceForeseen) -> Meaning:
        text = report.transcript.text
        meaning = self.machines.floor.concluded(
            report.number,
            text,
            current_time(),
            confidence=report.transcript.confidence,
            spoken_ms=report.spoken_ms,
            begun=self._reply_has_begun,
        )
        await self.turns.drop_early()
        if meaning is Meaning.WORDS and self.turns.live is not None:
            await self._spoken_over(self.turns.live, text)
        return meaning

    async def _hold(self) -> None:
        """There is a sound over the reply: it is silent until it is known what it is. Nobody was
        interrupted yet."""
        record, now_s = self.turns.live, current_time()
        if record is None:
            return
        if self.machines.at_sound == "pause":
            record.ledger.pause(now_s)
        else:
            self.turns.suspend()
            self.machines.clearing(now_s)
            self._interrupted = record
        self.machines.reply.held = True
        self.telemetry.count("holds")
        await self.outbox.send(ReplyHeld())

    async def _release(self) -> None:
        """It was nothing: the reply goes on."""
        self.machines.reply.held = False
        await self.outbox.send(ReplyReleased())
        if not self.machines.reply.suspended:
            if self.turns.live is not None:
                self.turns.live.ledger.go_on(current_time())
        elif self.machines.reply.cut_off:
            await self.turns.begin_again()
        else:
            self.turns.give_back()

    async def _suspend(self) -> None:
        """Somebody speaks over the reply: it falls silent at once. What becomes of it is decided
        when there are words, or the speech is over without any."""
        if self.turns.live is not None:
            await self.outbox.send(self._fall_silent(self.turns.live))

    def _fall_silent(self, record: TurnRecord) -> BargeIn:
        """Suspend the reply. Gives what the client is to be told."""
        if not self.machines.reply.suspended:
            self.turns.suspend()
            self.machines.clearing(current_time())
        self.machines.reply.held = False
        self._interrupted = record
        heard, said = record.heard(current_time()), record.ledger.said()
        self.telemetry.count("interruptions")
        self.log.info(
            "interrupted",
            turn=record.turn,
            heard_chars=len(heard),
            said_chars=len(said),
            **({"heard": heard, "said": said} if self.log_transcripts else {}),
        )
        self.tell_watchers(BargedIn(session_id=self.session_id, turn=record.turn, heard=heard))
        self._go(Trigger.INTERRUPT)
        return BargeIn(seq=self.turns.gate.last_seq, heard=heard)

    async def _give_back(self) -> None:
        """Nobody said anything after all: the reply goes on from what was not heard."""
        self.telemetry.count("resumptions")
        self._go(Trigger.RESUME)
        await self.outbox.send(ReplyResumed())
        if self.turns.live is not None:
            self.tell_watchers(Resumed(session_id=self.session_id, turn=self.turns.live.turn))
        if self.machines.reply.cut_off:
            await self.turns.begin_again()
        else:
            self.turns.give_back()

    async def _let_out(self) -> None:
        """Tell what a reply said while it was held."""
        reply_exit = self.turns.to_let_out()
        while reply_exit is not None and (held := reply_exit.next()) is not None:
            if isinstance(held, HeldEvent):
                await reply_exit.send(held.event)
            else:
                await self._take_and_tell(held.report)

    async def _spoken_over(self, record: TurnRecord, text: str, *, final: bool = True) -> None:
        """Words over a reply, of which `text` are some, or all: an interruption; or the person was
        not done and goes on, and then the reply came too soon."""
        heard_s = self._heard_s
        if not record.interruptible or self.machines.expects_words:
            return
        if is_command(text, self.machines.floor.short_words, final=final):
            await self.interrupt(record)
            return
        not_done = goes_on(heard_s, self._after_ms)
        if not_done and record.last_sample_s is not None:
            self.patience.went_on(self._after_ms)
        elif heard_s >= GONE_ON_S:
            self.patience.answered()
        short = len(record.user_text) < JOINED_CHARS
        await self.interrupt(record, take_back=not_done and short and self.may_take_back)

    async def interrupt(
        self,
        record: TurnRecord,
        *,
        take_back: bool = False,
        outcome: ReplyOutcome = "interrupted",
    ) -> None:
        """The reply ends here, and what was heard of it is remembered. `take_back`: it never was,
        and what it answered waits for its answer again."""
        silent = self.machines.reply.fallen_silent
        told = None if silent else self._fall_silent(record)
        heard = record.heard(current_time())
        await self.turns.end()
        take_back = take_back and record.user_text != ""
        if take_back:
            self._take_back(record)
        else:
            self.turns.keep(record, record.text.strip(), heard=heard)
        if told is not None:
            await self.outbox.send(told)
        if take_back:
            await self.outbox.send(ReplyTakenBack())
        await self.conducted.reply_ended(record, heard, outcome)
        await self._tell_latency(record)
        await self.conducted.close_if_draining()

    def _take_back(self, record: TurnRecord) -> None:
        self.turns.items.take_back(record.turn)
        self.machines.later.take_back(record.turn)
        self.machines.floor.unanswered.insert(0, record.user_text)
        self._interrupted = None
        self.telemetry.count("taken_back")
        self.tell_watchers(TakenBack(session_id=self.session_id, turn=record.turn))

    def _playback_told(self, report: PlaybackTold) -> None:
        """What the client's loudspeaker says is believed more than what was due there."""
        if not report.flushed:
            if self.turns.live is not None:
                self.turns.live.ledger.played(current_time(), report.heard_s)
            return
        record, self._interrupted = self._interrupted, None
        self.machines.cleared_until_s = -math.inf
        if record is not None:
            record.ledger.flushed(report.heard_s)
            if not self.turns.is_live(record.turn):
                heard = record.ledger.heard(current_time())
                self.turns.items.amend(record.turn, record.text.strip(), heard=heard)

    async def _cancel(self) -> None:
        self.machines.cancelling += 1
        self.patience.answered()
        self.machines.floor.unanswered.clear()
        self.machines.more_wanted = False
        await self.turns.drop_early()
        record = self.turns.live
        if record is not None and not record.interruptible:
            record = None
        if record is not None:
            self.machines.later.take_back(record.turn)
            await self.turns.end()
            heard = record.ledger.heard(current_time())
            if record.committed:
                self.turns.items.amend(record.turn, record.text.strip(), heard=heard)
            self.telemetry.count("cancellations")
            await self.conducted.reply_ended(record, heard, "cancelled")
            self._reply_over()
        await self.outbox.send(Failure.of(Code.CANCELLED, "cancelled by the client"))
        if record is not None:
            await self._tell_latency(record)
            await self.conducted.close_if_draining()

    async def _written(self, turn: int) -> None:
        record = self.turns.live
        if record is None or record.turn != turn or record.failed:
            return
        for wish in record.wishes:
            if not self.machines.later.take(wish, turn, current_time()):
                self.telemetry.dropped("later")
                self.log.warning("too_much_to_say_later", turn=turn)
        await self.turns.exit.tell(Token(text="", done=True, turn=turn))
        self.turns.keep(record, record.text.strip())
        record.committed = not record.aside

    async def _turn_over(self, report: TurnOver) -> None:
        record = self.turns.live
        if record is None or record.turn != report.turn:
            return
        said = record.text.strip()
        if record.failed:
            said = record.ledger.said() if record.spoken else said
            self.turns.keep(record, said)
        elif record.spoken and not self.items.told:
            said = record.ledger.heard(current_time())
        await self._tell_latency(record)
        self.turns.ended_by_itself()
        outcome: ReplyOutcome = "too_long" if record.too_long else "completed"
        await self.conducted.reply_ended(record, said, "failed" if record.failed else outcome)
        self.patience.answered()
        self._reply_over()
        if report.error is not None:
            self.log.error("turn_gave_up", turn=record.turn, error=report.error)
            await self.outbox.send(Failure.of(Code.INTERNAL, "the reply failed inside the server"))
            await self.close(close_codes.INTERNAL_ERROR, "internal error")
        else:
            await self.conducted.close_if_draining()
            await self._answer()  # what was said over a reply that nobody may interrupt

    def _reply_over(self) -> None:
        """A suspended reply has left these states already."""
        if self.state in (State.THINKING, State.RESPONDING):
            self._go(Trigger.REPLY_OVER)

    async def _tell_latency(self, record: TurnRecord) -> None:
        """The turn is over. The client was told with the first audio, if there was any."""
        times = self.timings.times(record)
        if record.first_audio_s is None:
            await self.outbox.send(self.timings.latency(record))
            if times is not None:
                await self.outbox.send(times)
        if self.log_latency:
            self.log.info(
                "latency",
                turn=record.turn,
                reply_chars=len(record.text),
                **self.timings.stages_ms(record),
                **({"since_speech": times.by_name()} if times is not None else {}),
                **(
                    {"user": record.user_text, "reply": record.text} if self.log_transcripts else {}
                ),
            )

    # The end

    async def _end(self) -> None:
        if self.turns.live is not None:
            await self.interrupt(self.turns.live)
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

    async def close(self, code: int, reason: str) -> None:
        if self.machines.ending.say_goodbye(code):
            await self.outbox.send(Closing(code=code, reason=reason))
