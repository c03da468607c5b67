"""The dialogue: the one place in a session where is decided what happens next.

One inbox; finals, interruptions and the ends of turns in; turns begun and cancelled out. It owns
the state, the memory and the numbers of turns. Everything else in a session only reports to it.
It is significant and never restarted: without it there is no conversation.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, assert_never

import structlog
import trio

from ..conversation.backchannel import Table, Verdict, commands, judge
from ..conversation.events import BargedIn, SessionEvent, TextHeard
from ..conversation.memory import ConversationMemory
from ..conversation.record import TurnRecord
from ..conversation.spoken import HearingCancelled, MicrophoneClosed, MicrophoneOpened
from ..conversation.timings import Timings
from ..protocol import close_codes
from ..protocol.chat import ChatMessage
from ..protocol.codes import Breach, Code
from ..protocol.events import (
    BargeIn,
    Closing,
    Decode,
    Failure,
    Final,
    Info,
    SessionOpened,
    StateChanged,
    Token,
)
from ..protocol.states import State, Trigger, next_state
from ..telemetry import Telemetry
from ..turnstile import current_time, turn
from .bell import Bell
from .gate import ReplyGate
from .messages import (
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
    SpeechResumed,
    TextTyped,
    TurnOver,
    UtteranceFailed,
    UtteranceForeseen,
    UtteranceHeard,
    WordsHeard,
)
from .outbox import Outbox
from .reply_exit import HeldEvent, ReplyExit

StartTurn = Callable[[TurnRecord, list[ChatMessage], bool], ReplyExit]
"""With True all that the turn says is held."""
StopTurn = Callable[[int], Awaitable[None]]


SURE_MS = 700
"""What seems to be other words than a listener's is believed after so much speech, unless it is
"stop" or the like: recognizers make words of an "mm-hmm" before they have heard all of it."""

NO_WORDS = WordsHeard(number=0, text="", spoken_ms=0)


def id_of(session_id: str, number: int) -> str:
    """A UUID that is the same in a replay."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{session_id}/{number}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculation:
    """A reply that was begun at a short silence, for the case that it is the end of the turn. It is
    taken up if in the end exactly this is to be answered, else nobody ever hears of it."""

    record: TurnRecord
    conversation: list[ChatMessage]
    way: ReplyExit


@dataclass(slots=True, kw_only=True)
class Dialogue:
    session_id: str
    inbox: trio.MemoryReceiveChannel[Report]
    outbox: Outbox
    gate: ReplyGate
    memory: ConversationMemory
    start_turn: StartTurn
    stop_turn: StopTurn
    clock: Timings
    telemetry: Telemetry
    log: structlog.typing.FilteringBoundLogger
    tell_watchers: Callable[[SessionEvent], None]
    final_on_stop: bool = True
    """Whether a stop without any words brings an empty final."""
    log_latency: bool = True
    log_transcripts: bool = False
    backchannels: Table | None = None
    """What a listener may say without interrupting the reply; None: whoever speaks interrupts."""
    speech_heard: Bell = field(default_factory=Bell)
    """Rung when an utterance begins."""
    speculations_most: int = 0
    """How many replies may be begun for one utterance before its end is certain."""
    new_id: Callable[[str, int], str] = id_of
    """Of a session's id and a final's number."""

    state: State = State.IDLE
    listening: bool = False
    turns: int = 0
    seq: int = 0
    """The number of the last phrase that was sent."""
    live: TurnRecord | None = None
    latest: TurnRecord | None = None
    """The live turn, or the one that was live last."""

    _interrupted: TurnRecord | None = None
    """The reply that was interrupted last, until another one can be heard: its client may still
    tell how much of it was played."""
    _talking: int = 0
    """The number of the utterance that is being spoken for certain; 0: none."""
    _words: WordsHeard = NO_WORDS
    """The newest that was heard of an utterance."""
    _doubtful: int = 0
    """The utterance of which it is open whether it interrupts the reply."""
    _lost: int = 0
    """The utterance that the recognizer gave up last."""
    _unanswered: list[str] = field(default_factory=list)
    _finals: int = 0
    _finals_since_start: int = 0
    _speculation: Speculation | None = None
    _speculated: tuple[int, int] = (0, 0)
    """The utterance for which replies were begun last, and how many."""
    _taken_up: ReplyExit | None = None
    """What it holds is let out once the client knows the state."""
    _cancelling: int = 0
    """Cancels whose marker is still on its way: what was said before them is not answered."""
    _draining: bool = False

    async def run(self) -> None:
        await self.outbox.send(SessionOpened(session_id=self.session_id))
        async for report in self.inbox:
            await turn()  # whoever has something to say has said it
            await self._take_and_tell(report)
            if self._taken_up is not None:
                await self._let_out()

    async def _take_and_tell(self, report: Report) -> None:
        before = (self.state, self.listening)
        await self._take(report)
        if (self.state, self.listening) != before:
            await self.outbox.send(StateChanged(state=self.state, listening=self.listening))

    def _new_id(self) -> str:
        self._finals += 1
        return self.new_id(self.session_id, self._finals)

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    async def _take(self, report: Report) -> None:
        match report:
            case MicrophoneOpened():
                self.listening = True
                self._finals_since_start = 0
                self._go(Trigger.START)
            case MicrophoneClosed():
                await self._microphone_closed()
            case SoundHeard():
                if self.live is not None:
                    self.gate.close()
            case SoundPassed():
                self.gate.open()
            case SpeechBegan():
                await self._speech_began(report)
            case SpeechConfirmed():
                await self._speech_confirmed(report)
            case SpeechDropped():
                await self._quiet_again(report.number)
            case WordsHeard():
                await self._words_heard(report)
            case UtteranceForeseen():
                await self._foreseen(report)
            case SpeechResumed():
                await self._drop_speculation()
            case UtteranceHeard():
                await self._heard(report)
            case UtteranceFailed():
                await self._not_heard(report)
            case TextTyped():
                await self._typed(report.text)
            case CancelRequested():
                await self._cancel()
            case InterruptRequested():
                await self._interrupt_asked()
            case PlaybackTold():
                self._playback_told(report)
            case EndRequested():
                await self._end()
            case HearingCancelled():
                self._cancelling -= 1
            case ReplyAudible():
                if self._is_live(report.turn):
                    self._interrupted = None
                    self._go(Trigger.AUDIO)
            case ReplyWritten():
                await self._written(report.turn)
            case TurnOver():
                await self._turn_over(report)
            case DrainRequested():
                await self._drain()
            case _:
                assert_never(report)

    def account(self, now_s: float) -> dict[str, Any] | None:
        """The newest reply's ledger for GET /sessions, its words only where the log may hold them;
        None before the first turn."""
        if self.latest is None:
            return None
        return self.latest.account(now_s, words=self.log_transcripts)

    def _go(self, trigger: Trigger) -> None:
        self.state = next_state(self.state, trigger)

    def _is_live(self, turn: int) -> bool:
        return self.live is not None and self.live.turn == turn

    # What was heard

    async def _speech_began(self, report: SpeechBegan) -> None:
        self.speech_heard.ring()
        if report.during_reply:
            # It may be a cough: hold the reply where it is until that is known.
            self.gate.close()
            return
        self._talking = report.number
        if self.live is not None:
            # The turn began in the very moment in which the person went on speaking.
            await self._interrupt(self.live)
        else:
            self._go(Trigger.SPEECH)

    async def _speech_confirmed(self, report: SpeechConfirmed) -> None:
        # Of one that the recognizer has given up already nobody will tell the end.
        self._talking = 0 if report.number == self._lost else report.number
        if self.live is not None and self._may_go_with_it(report.number):
            self._doubtful = report.number
        elif self.live is not None:
            await self._interrupt(self.live)
            self.telemetry.stage("silence", current_time() - report.received_s)
        elif self._talking:
            self._go(Trigger.SPEECH)

    # A listener's "mm-hmm"

    def _may_go_with_it(self, number: int) -> bool:
        """Whether what was heard so far may be said without interrupting. While that is open the
        reply is held; once it is a backchannel it goes on."""
        if self.backchannels is None:
            return False
        heard = self._words if self._words.number == number else NO_WORDS
        verdict = judge(heard.text, heard.spoken_ms, self.backchannels)
        sure = heard.spoken_ms >= SURE_MS or commands(heard.text, self.backchannels)
        if verdict is Verdict.INTERRUPT and not sure:
            verdict = Verdict.UNKNOWN
        if verdict is Verdict.BACKCHANNEL:
            self.gate.open()
        else:
            self.gate.close()
        return verdict is not Verdict.INTERRUPT

    async def _words_heard(self, report: WordsHeard) -> None:
        self._words = report
        if self._doubtful != report.number or self.live is None:
            return
        if not self._may_go_with_it(report.number):
            self._doubtful = 0
            await self._interrupt(self.live)

    async def _was_backchannel(self, report: UtteranceHeard) -> bool:
        """The last word on what was said during the reply: it goes with it, or interrupts now."""
        doubtful, self._doubtful = self._doubtful == report.number, 0
        if not doubtful or self.live is None:
            return False
        spoken_ms = self._words.spoken_ms if self._words.number == report.number else 0
        text = report.transcript.text
        verdict = judge(text, spoken_ms, self.backchannels, final=True)
        if text and verdict is not Verdict.BACKCHANNEL:
            await self._interrupt(self.live)
            return False
        self.telemetry.count("backchannels")
        return True

    async def _quiet_again(self, number: int) -> None:
        """A sound was no speech, or not to be answered."""
        await self._drop_speculation()
        self.gate.open()
        if self._talking == number:
            self._talking = 0
            self._go(Trigger.NOTHING)
        await self._answer()

    async def _heard(self, report: UtteranceHeard) -> None:
        transcript = report.transcript
        text = transcript.text
        self.gate.open()
        self.telemetry.count("utterances")
        self._finals_since_start += 1
        if report.too_long:
            await self.outbox.send(
                Failure.of(
                    Code.MAX_DURATION_EXCEEDED,
                    "the utterance was too long; what was heard so far is finalized",
                )
            )
        self.log.info(
            "decode",
            utterance=report.number,
            runs=transcript.runs,
            ms=round(transcript.decode_ms, 1),
            rtf=round(transcript.rtf, 3),
            chars=len(text),
            **({"text": text} if self.log_transcripts else {}),
        )
        final_s = current_time()
        await self.outbox.send(
            Final(
                text=text,
                id=self._new_id(),
                audio_ms=report.audio_ms,
                confidence=transcript.confidence,
            )
        )
        await self.outbox.send(
            Decode(
                runs=transcript.runs,
                ms=round(transcript.decode_ms, 1),
                rtf=round(transcript.rtf, 3),
            )
        )
        if self._talking == report.number:
            self._talking = 0
        if text:
            self._watch_text(text, typed=False)
        if await self._was_backchannel(report):
            return
        if text and not self._cancelling:
            self._unanswered.append(text)
        else:
            self._go(Trigger.NOTHING)
        await self._answer(report, final_s)
        await self._drop_speculation()

    async def _not_heard(self, report: UtteranceFailed) -> None:
        self._lost = report.number
        failure = Failure.of(report.code, report.message)
        await self.outbox.send(failure)
        self._finals_since_start += 1
        if not failure.recoverable:
            await self.outbox.send(
                Closing(code=close_codes.INTERNAL_ERROR, reason=report.code.value)
            )
            return
        await self._quiet_again(report.number)

    async def _microphone_closed(self) -> None:
        self.listening = False
        if self.final_on_stop and self._finals_since_start == 0:
            await self.outbox.send(Final(text="", id=self._new_id(), audio_ms=0))
        self._go(Trigger.STOP)
        await self._answer()

    async def _typed(self, text: str) -> None:
        """Typed words interrupt a reply as spoken ones do, and are answered like them."""
        if self._draining:
            return
        self._watch_text(text, typed=True)
        if self.live is not None:
            await self._interrupt(self.live)
        self._unanswered.append(text)
        await self._answer()

    def _watch_text(self, text: str, *, typed: bool) -> None:
        self.tell_watchers(TextHeard(session_id=self.session_id, text=text, typed=typed))

    # Turns

    async def _answer(
        self, report: UtteranceHeard | None = None, final_s: float | None = None
    ) -> None:
        """Begin a turn, if there are words to answer and nobody is talking."""
        if not self._unanswered or self._talking or self._draining:
            return
        if self.live is not None:
            await self._interrupt(self.live)
        now_s = current_time()
        user_text = " ".join(self._unanswered)
        self._unanswered.clear()
        conversation = self.memory.conversation(user_text)
        begun, self._speculation = self._speculation, None
        if begun is not None and begun.conversation != conversation:
            await self._drop(begun)
            begun = None
        record = begun.record if begun else self._new_record(user_text, report, now_s)
        record.final_s = now_s if final_s is None else final_s
        if report is not None:
            record.last_sample_s, record.decided_s = report.last_sample_s, report.decided_s
        self.turns += 1
        self._go(Trigger.TURN)
        self.live = self.latest = record
        self.gate.begin(record.turn)
        self.telemetry.count("turns")
        if begun is not None:
            self._taken_up = begun.way
        else:
            self.start_turn(record, conversation, False)

    def _new_record(
        self, user_text: str, report: UtteranceHeard | UtteranceForeseen | None, now_s: float
    ) -> TurnRecord:
        return TurnRecord(
            turn=self.turns + 1,
            user_text=user_text,
            first_sample_s=report.first_sample_s if report else now_s,
            first_partial_s=report.first_partial_s if report else None,
            final_s=now_s,
        )

    # A reply that is begun before it is certain that the person has finished

    async def _foreseen(self, report: UtteranceForeseen) -> None:
        await self._drop_speculation()
        utterance, begun = self._speculated
        begun = begun if utterance == report.number else 0
        if (
            begun >= self.speculations_most
            or self._talking != report.number
            or self.live is not None
            or self._cancelling
            or self._draining
        ):
            return
        self._speculated = (report.number, begun + 1)
        user_text = " ".join((*self._unanswered, report.transcript.text))
        conversation = self.memory.conversation(user_text)
        record = self._new_record(user_text, report, current_time())
        record.foreseen_s = current_time()
        self.telemetry.count("speculations")
        way = self.start_turn(record, conversation, True)
        self._speculation = Speculation(record=record, conversation=conversation, way=way)

    async def _drop_speculation(self) -> None:
        begun, self._speculation = self._speculation, None
        if begun is not None:
            await self._drop(begun)

    async def _drop(self, begun: Speculation) -> None:
        self.telemetry.count("speculations_dropped")
        await self.stop_turn(begun.record.turn)

    async def _let_out(self) -> None:
        """The person has finished, as was foreseen: what the reply has said is said."""
        way, self._taken_up = self._taken_up, None
        while way is not None and (held := way.next()) is not None:
            if isinstance(held, HeldEvent):
                await self.outbox.send(held.event)
            else:
                await self._take_and_tell(held.report)

    async def _interrupt(self, record: TurnRecord) -> None:
        """The person spoke over the reply: cut it, and remember only what they heard of it."""
        heard = self._cut(record)
        await self._end_turn(record)
        self.memory.commit(record.turn, record.user_text, heard)
        self._interrupted = record
        self.telemetry.count("interruptions")
        said = record.ledger.said()
        self.log.info(
            "interrupted",
            turn=record.turn,
            heard_chars=len(heard),
            said_chars=len(said),
            **({"heard": heard, "said": said} if self.log_transcripts else {}),
        )
        self.tell_watchers(BargedIn(session_id=self.session_id, turn=record.turn, heard=heard))
        self._go(Trigger.INTERRUPT)
        await self.outbox.send(BargeIn(seq=self.seq, heard=heard))
        await self._tell_latency(record)
        if self._draining:
            await self._close_for_drain()

    def _playback_told(self, report: PlaybackTold) -> None:
        """What the client's loudspeaker says is believed more than what was due there."""
        if not report.flushed:
            if self.live is not None:
                self.live.ledger.played(current_time(), report.heard_s)
            return
        record, self._interrupted = self._interrupted, None
        if record is not None:
            heard = record.ledger.heard_of(report.heard_s)
            self.memory.commit(record.turn, record.user_text, heard)

    async def _interrupt_asked(self) -> None:
        if self.live is not None:
            await self._interrupt(self.live)
            return
        await self.outbox.send(
            Failure(
                code=Code.PROTOCOL_VIOLATION,
                message="there is no reply to interrupt",
                recoverable=True,
                breach=Breach.OUT_OF_ORDER,
            )
        )

    async def _cancel(self) -> None:
        self._cancelling += 1
        self._unanswered.clear()
        await self._drop_speculation()
        record = self.live
        if record is not None:
            heard = self._cut(record)
            await self._end_turn(record)
            if record.committed:
                self.memory.commit(record.turn, record.user_text, heard)
            self.telemetry.count("cancellations")
            self._go(Trigger.REPLY_OVER)
        await self.outbox.send(Failure.of(Code.CANCELLED, "cancelled by the client"))
        if record is not None:
            await self._tell_latency(record)
            if self._draining:
                await self._close_for_drain()

    def _cut(self, record: TurnRecord) -> str:
        """What was heard of it, now that nothing more will be."""
        now_s = current_time()
        record.ledger.cut(now_s)
        return record.ledger.heard(now_s)

    async def _end_turn(self, record: TurnRecord) -> None:
        """From the first line on, nothing of the turn reaches the peer."""
        self.gate.kill()
        self.live = None
        await self.stop_turn(record.turn)

    async def _written(self, turn: int) -> None:
        record = self.live
        if record is None or record.turn != turn or record.failed:
            return
        await self.outbox.send(Token(text="", done=True, turn=turn))
        self.memory.commit(turn, record.user_text, record.text.strip())
        record.committed = True

    async def _turn_over(self, report: TurnOver) -> None:
        record = self.live
        if record is None or record.turn != report.turn:
            return
        self.live = None
        if record.failed:
            self.memory.commit(record.turn, record.user_text, record.ledger.said())
        await self._tell_latency(record)
        self.gate.finish()
        self._go(Trigger.REPLY_OVER)
        if report.error is not None:
            self.log.error("turn_gave_up", turn=record.turn, error=repr(report.error))
            await self.outbox.send(Failure.of(Code.INTERNAL, "the reply failed inside the server"))
            await self.outbox.send(
                Closing(code=close_codes.INTERNAL_ERROR, reason="internal error")
            )
        elif self._draining:
            await self._close_for_drain()

    async def _tell_latency(self, record: TurnRecord) -> None:
        """The turn is over. The client was told with the first audio, if there was any."""
        times = self.clock.times(record)
        if record.first_audio_s is None:
            await self.outbox.send(self.clock.latency(record))
            if times is not None:
                await self.outbox.send(times)
        if self.log_latency:
            self.log.info(
                "latency",
                turn=record.turn,
                reply_chars=len(record.text),
                **self.clock.stages_ms(record),
                **({"since_speech": times.by_name()} if times is not None else {}),
                **(
                    {"user": record.user_text, "reply": record.text} if self.log_transcripts else {}
                ),
            )

    # The end

    async def _end(self) -> None:
        if self.live is not None:
            await self._interrupt(self.live)
        await self.outbox.send(
            Closing(code=close_codes.NORMAL, reason="the client ended the session")
        )

    async def _drain(self) -> None:
        self._draining = True
        self._unanswered.clear()
        await self._drop_speculation()
        self.gate.hurried.set()
        await self.outbox.send(Info(message="the server is shutting down"))
        if self.live is None:
            await self._close_for_drain()

    async def _close_for_drain(self) -> None:
        await self.outbox.send(Closing(code=close_codes.GOING_AWAY, reason="server shutting down"))
