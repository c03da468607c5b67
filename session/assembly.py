"""What a session is made of: its channels, its actors, and what outlives a restart of them.

Everything that an actor needs is handed to it here: channel ends, engines, its slice of the
settings. Which of them run, and what happens when one ends, is said in `session.life`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog
import trio

from ..actors.announcer import Announcer
from ..actors.asr import ASRActor
from ..actors.bell import Bell
from ..actors.conductor import ConductorActor
from ..actors.dialogue.actor import Dialogue
from ..actors.dialogue.item_desk import ItemDesk
from ..actors.dialogue.tool_desk import ToolDesk
from ..actors.dialogue.turns import StopTurn, Turns
from ..actors.gate import ReplyGate
from ..actors.limits import (
    HEARD_CAPACITY,
    OUTBOX_CAPACITY,
    REPORTS_CAPACITY,
    SPOKEN_CAPACITY,
)
from ..actors.llm import Asked
from ..actors.messages import Heard, Report
from ..actors.outbox import Outbox, PartialThinner
from ..actors.partials import Partials
from ..actors.pauses import Pauses
from ..actors.ranks import Rank
from ..actors.receiver import Receiver, ReceivingState
from ..actors.reply_exit import ReplyExit
from ..actors.sender import Sender
from ..actors.short_silences import ShortSilences
from ..actors.utterance_intake import Intake
from ..actors.vad import VADActor
from ..config import Settings
from ..conversation.backchannel_words import table_for
from ..conversation.conducting import Conducting
from ..conversation.current_language import CurrentLanguage
from ..conversation.early_reply import EarlyReply
from ..conversation.ending import EndingState
from ..conversation.endpointer import Endpointer, EndpointerSettings
from ..conversation.events import AudioHeard, Disconnected, SessionEvent
from ..conversation.floor import Floor
from ..conversation.hearing import HearingState
from ..conversation.items import Items
from ..conversation.line_hearing import LineHearing
from ..conversation.machines import Machines
from ..conversation.pace import VoicePace
from ..conversation.patience import Patience, Waits, Weights
from ..conversation.record import TurnRecord
from ..conversation.reply import Reply
from ..conversation.silent_caller import SilentCaller
from ..conversation.spoken import Spoken
from ..conversation.spoken_sentences import Occasion, sentence_for
from ..conversation.timings import Timings
from ..conversation.utterance import UtteranceInHand
from ..engines.agent.interface import Conductor
from ..engines.asr.interface import Transcript
from ..engines.kit import Engines, SessionInfo
from ..engines.llm.given import GivenWords
from ..engines.llm.interface import offering
from ..engines.tts.asked_voice import at_speed, in_voice
from ..engines.tts.interface import Synthesizer
from ..protocol.chat import ChatMessage
from ..protocol.commands import TuneHearing
from ..protocol.dialect import Dialect
from ..protocol.events import Outbound
from ..protocol.item_ids import ItemIds
from ..supervisor import (
    Child,
    Observer,
    Restart,
)
from ..telemetry import Telemetry
from ..transport import Transport
from ..turnstile import Merged, Turnstile, current_time, run_ranked
from .events import Watchers
from .phrasing import tables_of
from .trace import SessionTrace
from .turn import Turn

BY_HAND_UTTERANCES = 4
"""An utterance whose end the client tells may be as long as so many of the longest others."""


@dataclass(slots=True, kw_only=True)
class Channels:
    heard: tuple[trio.MemorySendChannel[Heard], trio.MemoryReceiveChannel[Heard]]
    spoken: tuple[trio.MemorySendChannel[Spoken], trio.MemoryReceiveChannel[Spoken]]
    reports: tuple[trio.MemorySendChannel[Report], trio.MemoryReceiveChannel[Report]]
    outbox: tuple[trio.MemorySendChannel[Outbound], trio.MemoryReceiveChannel[Outbound]]


class Assembly:
    """The parts of one session. `run_receiver`, `run_vad` and `run_asr` are bodies of children:
    each call is a new incarnation of the actor, which is given what it must know of the one
    before."""

    def __init__(
        self,
        *,
        session_id: str,
        transport: Transport,
        dialect: Dialect,
        engines: Engines,
        settings: Settings,
        telemetry: Telemetry,
        log: structlog.typing.FilteringBoundLogger,
        watchers: Watchers,
        turnstile: Turnstile | None,
        timings: Timings,
        now_ms: Callable[[], int],
        spawn_turn: Callable[[Child], None],
        stop_turn: StopTurn,
        observers: Sequence[Observer],
        conductor: Conductor | None = None,
        voice_name: str = "",
        trace: SessionTrace | None = None,
    ) -> None:
        """`now_ms` tells the time of day, `spawn_turn` starts a turn's child and `stop_turn`
        ends it; `conductor` None: nobody conducts. Raises what an engine's factory raises; then
        nothing is left open."""
        self._session_id = session_id
        self._transport = transport
        self._dialect = dialect
        self._engines = engines
        self._settings = settings
        self._telemetry = telemetry
        self._log = log
        self._watchers = watchers
        self._conductor = conductor
        self._trace = trace
        self._turnstile = turnstile
        self._timings = timings
        self._spawn_turn = spawn_turn
        self._observers = observers
        self._hearing_settings = settings.hearing_for(
            dialect.profile.name, telephone=dialect.profile.telephone
        )
        self._info = SessionInfo(
            session_id=session_id, dialect=dialect.profile.name, hearing=self._hearing_settings
        )
        self.channels = Channels(
            heard=trio.open_memory_channel(HEARD_CAPACITY),
            spoken=trio.open_memory_channel(SPOKEN_CAPACITY),
            reports=trio.open_memory_channel(REPORTS_CAPACITY),
            outbox=trio.open_memory_channel(OUTBOX_CAPACITY),
        )
        self.reports = Merged(self.channels.reports[0])
        self.codec = self._dialect.new_codec(now_ms)
        self.gate = ReplyGate()
        self.outbox = Outbox(
            self.channels.outbox[0],
            PartialThinner(
                threshold=settings.backpressure.threshold,
                every=settings.backpressure.skip_frames,
            ),
            self._telemetry,
        )
        by_items = dialect.profile.by_items
        ids = ItemIds(session_id)
        self.items = Items(
            settings.answering.system_prompt,
            settings.answering.memory_turns,
            settings.answering.interruption_mark,
            ids=ids if by_items else None,
        )
        # What outlives a restart of the actor that uses it.
        self.utterance: UtteranceInHand[Transcript] = UtteranceInHand()
        self.receiving = ReceivingState()
        self.hearing = HearingState()
        self.pauses = Pauses()
        self._pace = VoicePace()
        self.speech_heard = Bell()
        turning = settings.turning
        hearing = self._hearing_settings
        self.patience = Patience(
            Waits(
                pause_ms=hearing.pause_ms,
                floor_ms=hearing.floor_ms,
                ordinary_ms=hearing.silence_ms,
                ceiling_ms=hearing.ceiling_ms,
            ),
            Weights(
                back_off=turning.back_off,
                back_off_most=turning.back_off_most,
                recovery=turning.recovery,
            ),
            learns=turning.learns,
        )
        self.current_language = CurrentLanguage(turning.language, settings.answering.language_note)
        words = table_for(turning.language)
        self.machines: Machines[ReplyExit] = Machines(
            floor=Floor(
                words if turning.backchannels else None,
                words,
                leaves_backchannels=turning.backchannels,
                min_words=turning.min_words,
            ),
            reply=Reply(),
            early=EarlyReply(self._max_early),
            ending=EndingState(),
            conducting=Conducting(ready=conductor is None),
            silence=SilentCaller(settings.silence.ask_after_s, settings.silence.end_after_s),
            only_pauses=by_items,
            at_sound=dialect.profile.at_sound,
            tells_cleared=dialect.profile.tells_cleared,
        )
        self.turns = Turns(
            machines=self.machines,
            gate=self.gate,
            items=self.items,
            start_turn=self._start_turn,
            stop_turn=stop_turn,
            telemetry=self._telemetry,
            current_language=self.current_language,
            by_items=by_items,
        )
        self.dialogue = Dialogue(
            session_id=self._session_id,
            inbox=self.channels.reports[1],
            outbox=self.outbox,
            machines=self.machines,
            turns=self.turns,
            patience=self.patience,
            unfinished=turning.unfinished,
            asks=turning.asks,
            take_back_s=turning.take_back_ms / 1000,
            timings=self._timings,
            telemetry=self._telemetry,
            log=self._log,
            tell_watchers=self._tell,
            tools=ToolDesk(
                session_id=self._session_id,
                conducting=self.machines.conducting,
                items=self.items,
                outbox=self.outbox,
                telemetry=self._telemetry,
                log=self._log,
                tell=self._tell,
                log_transcripts=settings.observing.log_transcripts,
            ),
            items=ItemDesk(
                ids=ids, told=by_items, items=self.items, turns=self.turns, outbox=self.outbox
            ),
            voice=voice_name,
            sentence=self._sentence,
            final_on_stop=self._dialect.profile.final_on_stop,
            completes_on_stop=self._dialect.profile.completes_on_stop,
            hurries=not self._dialect.profile.telephone,
            log_latency=settings.observing.log_latency,
            log_transcripts=settings.observing.log_transcripts,
            current_language=self.current_language,
            speech_heard=self.speech_heard,
        )
        self.announcer = Announcer(
            outbox=self.outbox,
            next_seq=self.dialogue.next_seq,
            profile=self._dialect.profile,
            turnstile=self._turnstile,
        )
        self.sender = Sender(
            inbox=self.channels.outbox[1],
            transport=self._transport,
            codec=self.codec,
            gate=self.gate,
            stall_s=settings.serving.send_stall_s,
            telemetry=self._telemetry,
            log=self._log,
        )
        # Last: a session that cannot be built leaves no transcriber open.
        self.transcriber = engines.transcriber(self._info)

    # Actors

    async def run_receiver(self) -> None:
        await Receiver(
            transport=self._transport,
            codec=self.codec,
            heard=self.channels.heard[0],
            reports=self.reports,
            outbox=self.outbox,
            idle_s=self._settings.serving.idle_timeout_s,
            telemetry=self._telemetry,
            log=self._log,
            watch_audio=self._watch_audio if self._watchers else None,
            state=self.receiving,
        ).run()

    async def run_vad(self) -> None:
        hearing = self._hearing_settings
        detector = self._engines.detector(self._info)
        frame_ms = detector.frame_samples * 1000 // detector.rate_hz
        tuned = functools.partial(self._tuned, frame_ms)
        settings, pad_ms = tuned(self.hearing.tuning or TuneHearing())
        await VADActor(
            inbox=self.channels.heard[1],
            spoken=self.channels.spoken[0],
            reports=self.reports,
            outbox=self.outbox,
            detector=detector,
            endpointer=Endpointer(settings),
            pad_ms=pad_ms,
            tuned=tuned,
            longest_ms=hearing.max_utterance_ms * BY_HAND_UTTERANCES,
            reply_live=lambda: self.gate.reply_live and not self.machines.expects_words,
            telemetry=self._telemetry,
            state=self.hearing,
            pauses=self.pauses,
            patience=self.patience,
            muted=lambda: self.machines.muted,
            line=self._line_hearing(),
        ).run()

    def _line_hearing(self) -> LineHearing | None:
        who_answers = self.machines.who_answers
        if not self._dialect.profile.telephone:
            return None
        line = LineHearing(watches=lambda: who_answers.listening)
        who_answers.tone_now = lambda: line.tone_now
        return line

    def _tuned(self, frame_ms: int, tuning: TuneHearing) -> tuple[EndpointerSettings, int]:
        """What decides where speech begins and ends, as the client wishes it."""
        hearing = self._hearing_settings
        looks = self._engines.turn_end is not None and tuning.judged
        silence_ms = tuning.silence_ms or hearing.silence_ms
        if tuning.longest_wait_ms is not None:
            longest_ms = max(tuning.longest_wait_ms, hearing.silence_ms)
            self.patience.waits = replace(self.patience.waits, ceiling_ms=longest_ms)
        settings = EndpointerSettings(
            frame_ms=frame_ms,
            silence_ms=silence_ms,
            min_speech_ms=hearing.min_speech_ms,
            max_utterance_ms=hearing.max_utterance_ms,
            onset_ms=hearing.onset_ms,
            pause_ms=hearing.pause_ms if looks else None,
            floor_ms=min(hearing.floor_ms, hearing.silence_ms) if looks else None,
        )
        return settings, hearing.speech_pad_ms if tuning.pad_ms is None else tuning.pad_ms

    async def run_asr(self) -> None:
        hearing = self._hearing_settings
        intake = Intake(inbox=self.channels.spoken[1], utterance=self.utterance)
        await ASRActor(
            intake=intake,
            reports=self.reports,
            outbox=self.outbox,
            transcriber=self.transcriber,
            partials=Partials(
                utterance=self.utterance,
                reports=self.reports,
                outbox=self.outbox,
                interval_s=hearing.partial_interval_ms / 1000,
                min_gap_s=hearing.partial_min_gap_ms / 1000,
                telemetry=self._telemetry,
                tells_words=lambda: self.gate.reply_live,
            ),
            silences=self._short_silences(intake),
            timeout_s=self._settings.transcribing.timeout_s,
            telemetry=self._telemetry,
        ).run()

    def _short_silences(self, intake: Intake) -> ShortSilences | None:
        engine = self._engines.turn_end
        if engine is None:
            return None
        return ShortSilences(
            intake=intake,
            reports=self.reports,
            transcriber=self.transcriber,
            engine=engine,
            pauses=self.pauses,
            timeout_s=self._settings.transcribing.timeout_s,
            telemetry=self._telemetry,
            foresees=self._max_early > 0,
            said_before=self._said_before,
            asked=lambda: self.items.heard_last,
            language=self.current_language.of,
        )

    async def run_conductor(self, conductor: Conductor) -> None:
        await ConductorActor(conductor=conductor, reports=self.reports).run()

    def _tell(self, event: SessionEvent) -> None:
        self._watchers.tell(event)
        self._follow(event, self.turns.latest)
        if self._conductor is not None:
            self._conductor.tell(event)

    def tell_over(self) -> None:
        """The session is over, perhaps in the middle of a turn."""
        over = Disconnected(session_id=self._session_id)
        self._watchers.tell(over)
        self._follow(over, self.turns.live)

    def _follow(self, event: SessionEvent, turn: TurnRecord | None) -> None:
        if self._trace is not None:
            self._trace.told(event, turn, zero_s=self._timings.zero_s, now_s=current_time())

    def _sentence(self, occasion: Occasion) -> str:
        silence, settings = self._settings.silence, self._settings
        said = {"there": silence.question, "goodbye": silence.goodbye}
        return sentence_for(
            occasion,
            said.get(occasion, settings.answering.failure_sentence),
            self.current_language.now,
            tables_of(settings.speaking.tables),
        )

    def _said_before(self) -> str:
        """What waits to be answered together with the words that are spoken now."""
        record, waiting = self.machines.reply.record, self.machines.floor.unanswered
        if record is not None and self.dialogue.may_take_back:
            waiting = [record.user_text, *waiting]
        return " ".join(filter(None, waiting))

    @property
    def _max_early(self) -> int:
        return self._settings.answering.speculations if self._engines.turn_end else 0

    def _watch_audio(self, pcm16: bytes) -> None:
        self._watchers.tell(AudioHeard(session_id=self._session_id, pcm16=pcm16))

    # Turns

    def _start_turn(
        self, record: TurnRecord, asked: list[ChatMessage] | str, held: bool
    ) -> ReplyExit:
        reply_exit = ReplyExit(record.turn, self.outbox, self.reports, record.ledger, held=held)
        turn = Turn(
            record=record,
            asked=self._ask(record, asked),
            ask_again=functools.partial(self._ask_again, record),
            synthesizer=self._voice(record),
            reply_exit=reply_exit,
            gate=self.gate,
            next_seq=self.dialogue.next_seq,
            profile=self._dialect.profile,
            answering=self._settings.answering,
            speaking=self._settings.speaking,
            timings=self._timings,
            telemetry=self._telemetry,
            pace=self._pace,
            log=self._log,
            observers=self._observers,
        )
        run = functools.partial(run_ranked, Rank.TURN, turn.run)
        child = Child(f"turn-{record.turn}", run=run, restart=Restart.TEMPORARY)
        self._spawn_turn(child)
        return reply_exit

    def _ask(
        self,
        record: TurnRecord,
        asked: list[ChatMessage] | str,
        *,
        tools: bool = True,
        first: bool = True,
    ) -> Asked:
        if isinstance(asked, str):
            return Asked((), GivenWords(asked))
        offers = self.machines.conducting.offers(record.wish, first=first) if tools else []
        return Asked(asked, offering(self._engines.responder, offers))

    def _ask_again(self, record: TurnRecord, tools: bool) -> Asked | None:
        """What a model is asked that has called tools, once they are done. None: it has nothing
        more to say, for a tool has said how the call ends, or handed it to code."""
        handed_over = record.rounds.to_client or not self.machines.conducting.model
        if self.machines.ending.has_farewell or handed_over:
            return None
        note = self.current_language.note(record.language)
        return self._ask(record, self.items.request("", note), tools=tools, first=False)

    def _voice(self, record: TurnRecord) -> Synthesizer:
        """The session's, or the one that the conductor has chosen."""
        voice = record.wish.voice or self.machines.conducting.voice
        return at_speed(in_voice(self._engines.synthesizer, voice), self.machines.conducting.speed)
