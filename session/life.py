"""One conversation: which actors, which channels, which supervisor.

    session-<id>          one_for_one, ends when a significant child has ended
    ├─ sender             significant: the only task that ever writes to the peer
    ├─ dialogue           significant: decides, begins turns and cancels them
    ├─ asr                permanent
    ├─ vad                permanent
    ├─ receiver           transient, significant: when the peer is gone the session ends
    ├─ drain              temporary: waits for the server's wish to stop
    ├─ warmer             temporary: readies the language model when speech begins
    ├─ timekeeper, announcer temporary: only in sessions that do one thing at a time
    └─ turn-<n>           temporary: at most one at a time

Children start from the peer's ear to its mouth and stop the other way round, so that whoever
speaks last still has somebody to speak to. The same session runs behind a WebSocket, in memory
and in a replay.
"""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
import trio

from ..actors.announcer import Announcer
from ..actors.asr import ASRActor
from ..actors.bell import Bell
from ..actors.dialogue import Dialogue
from ..actors.gate import ReplyGate
from ..actors.limits import (
    HEARD_CAPACITY,
    OUTBOX_CAPACITY,
    REPORTS_CAPACITY,
    SPOKEN_CAPACITY,
)
from ..actors.messages import DrainRequested, Heard, Report
from ..actors.outbox import Outbox, PartialThinner
from ..actors.pauses import Pauses, window_ms
from ..actors.ranks import Rank
from ..actors.receiver import Receiver, ReceivingState
from ..actors.reply_exit import ReplyExit
from ..actors.sender import Sender
from ..actors.turns import Turns
from ..actors.vad import VADActor
from ..audio.pcm import check_pcm16
from ..config import Settings
from ..conversation.backchannel_words import table_for
from ..conversation.early_reply import EarlyReply
from ..conversation.ending import EndingState
from ..conversation.endpointer import Endpointer, EndpointerSettings
from ..conversation.events import (
    AudioHeard,
    Connected,
    Disconnected,
    Watcher,
)
from ..conversation.floor import Floor
from ..conversation.hearing import HearingState
from ..conversation.items import Items
from ..conversation.machines import Machines
from ..conversation.record import TurnRecord
from ..conversation.reply import Reply
from ..conversation.spoken import Spoken
from ..conversation.timings import Timings
from ..conversation.utterance import UtteranceInHand
from ..engines.kit import Engines, SessionInfo
from ..engines.llm.interface import Warms
from ..protocol import close_codes
from ..protocol.chat import ChatMessage
from ..protocol.codes import Code
from ..protocol.dialect import Dialect
from ..protocol.events import Failure, Outbound
from ..supervisor import (
    AutoShutdown,
    Child,
    Crashed,
    Observer,
    Restart,
    SupervisionEvent,
    Supervisor,
    SupervisorStopped,
)
from ..telemetry import Telemetry
from ..transport import PeerGone, Transport
from ..turnstile import Merged, Turnstile, admit, current_time, run_ranked
from .events import Watchers
from .turn import Turn

MAX_RESTARTS = 10
"""Per period, and only bugs count: an engine's failure is told, and nothing is restarted for it. A
bug may crash an actor twice on one thing (an utterance, a frame); a person speaks a few utterances
in ten seconds at most. Above that something is broken that restarting does not mend."""
RESTART_PERIOD_S = 10.0

LAST_WORDS_S = 1.0
"""How long a crashed session tries to say INTERNAL to its peer."""


@dataclass(slots=True, kw_only=True)
class _Channels:
    heard: tuple[trio.MemorySendChannel[Heard], trio.MemoryReceiveChannel[Heard]]
    spoken: tuple[trio.MemorySendChannel[Spoken], trio.MemoryReceiveChannel[Spoken]]
    reports: tuple[trio.MemorySendChannel[Report], trio.MemoryReceiveChannel[Report]]
    outbox: tuple[trio.MemorySendChannel[Outbound], trio.MemoryReceiveChannel[Outbound]]


class Session:
    """One conversation over one transport. `run` returns when it is over, whoever ended it.

    It raises nothing of its own: what crashes inside is told to the peer as INTERNAL, and to the
    log.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        dialect: Dialect,
        engines: Engines,
        settings: Settings,
        telemetry: Telemetry,
        session_id: str | None = None,
        companions: Sequence[Child] = (),
        opened_ms: int = 0,
        watchers: Sequence[Watcher] = (),
        turnstile: Turnstile | None = None,
    ) -> None:
        """`companions` are further children with the session's lifetime (a socket's ping).

        `opened_ms` is the time of day at which it opens, in Unix milliseconds, for dialects that
        tell it. Whoever owns the clock on the wall gives it; a replay gives the recorded one.
        `watchers` are told what happens (`parley.conversation.events`). With a `turnstile` it
        does one thing at a time, in an order that can be repeated (see `parley.turnstile`);
        transport and engines must use it too.
        """
        self.id = session_id or uuid.uuid4().hex[:12]
        self.dialect = dialect
        self._transport = transport
        self._engines = engines
        self._settings = settings
        self._telemetry = telemetry
        self._companions = tuple(companions)
        self._opened_ms = opened_ms
        self._watchers = Watchers(watchers, telemetry)
        self._hearing_settings = settings.hearing_for(dialect.profile.name)
        self._info = SessionInfo(
            session_id=self.id, dialect=dialect.profile.name, hearing=self._hearing_settings
        )
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind(
            session_id=self.id
        )
        self._turnstile = turnstile
        self._opened_s = trio.current_time()
        self._timings = Timings(turnstile.now_s if turnstile else self._opened_s)
        self._drain = trio.Event()
        self._broken: BaseException | None = None
        self._observers: tuple[Observer, ...] = (self._observe,)
        self._build()

    def _build(self) -> None:
        settings = self._settings
        self._channels = _Channels(
            heard=trio.open_memory_channel(HEARD_CAPACITY),
            spoken=trio.open_memory_channel(SPOKEN_CAPACITY),
            reports=trio.open_memory_channel(REPORTS_CAPACITY),
            outbox=trio.open_memory_channel(OUTBOX_CAPACITY),
        )
        self._reports = Merged(self._channels.reports[0])
        self._codec = self.dialect.new_codec(self._now_ms)
        self._gate = ReplyGate()
        self._outbox = Outbox(
            self._channels.outbox[0],
            PartialThinner(
                threshold=settings.backpressure.threshold,
                every=settings.backpressure.skip_frames,
            ),
            self._telemetry,
        )
        self._items = Items(
            settings.answering.system_prompt,
            settings.answering.memory_turns,
            settings.answering.interruption_mark,
        )
        # What outlives a restart of the actor that uses it.
        self._utterance = UtteranceInHand()
        self._receiving = ReceivingState()
        self._hearing = HearingState()
        self._pauses = Pauses()
        self._speech_heard = Bell()
        turning = settings.turning
        words = table_for(turning.language)
        self._machines: Machines[ReplyExit] = Machines(
            floor=Floor(words if turning.backchannels else None, words),
            reply=Reply(),
            early=EarlyReply(self._max_early),
            ending=EndingState(),
        )
        self._turns = Turns(
            machines=self._machines,
            gate=self._gate,
            items=self._items,
            start_turn=self._start_turn,
            stop_turn=self._stop_turn,
            telemetry=self._telemetry,
        )
        self._dialogue = Dialogue(
            session_id=self.id,
            inbox=self._channels.reports[1],
            outbox=self._outbox,
            machines=self._machines,
            turns=self._turns,
            timings=self._timings,
            telemetry=self._telemetry,
            log=self._log,
            tell_watchers=self._watchers.tell,
            final_on_stop=self.dialect.profile.final_on_stop,
            completes_on_stop=self.dialect.profile.completes_on_stop,
            log_latency=settings.observing.log_latency,
            log_transcripts=settings.observing.log_transcripts,
            speech_heard=self._speech_heard,
        )
        self._announcer = Announcer(
            outbox=self._outbox,
            next_seq=self._dialogue.next_seq,
            profile=self.dialect.profile,
            turnstile=self._turnstile,
        )
        self._sender = Sender(
            inbox=self._channels.outbox[1],
            transport=self._transport,
            codec=self._codec,
            gate=self._gate,
            stall_s=settings.serving.send_stall_s,
            telemetry=self._telemetry,
            log=self._log,
        )
        self._supervisor = Supervisor(
            f"session-{self.id}",
            (
                Child("sender", run=self._sender.run, restart=Restart.TEMPORARY, significant=True),
                Child(
                    "dialogue",
                    run=functools.partial(run_ranked, Rank.DIALOGUE, self._dialogue.run),
                    restart=Restart.TEMPORARY,
                    significant=True,
                ),
                Child(
                    "asr",
                    run=functools.partial(run_ranked, Rank.ASR, self._run_asr),
                    restart=Restart.PERMANENT,
                ),
                Child(
                    "vad",
                    run=functools.partial(run_ranked, Rank.VAD, self._run_vad),
                    restart=Restart.PERMANENT,
                ),
                Child(
                    "receiver",
                    run=functools.partial(run_ranked, Rank.RECEIVER, self._run_receiver),
                    restart=Restart.TRANSIENT,
                    significant=True,
                ),
                Child(
                    "drain",
                    run=functools.partial(run_ranked, Rank.DRAIN, self._run_drain),
                    restart=Restart.TEMPORARY,
                ),
                *self._warmer(),
                *self._orderly(),
                *self._companions,
            ),
            max_restarts=MAX_RESTARTS,
            period_s=RESTART_PERIOD_S,
            auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
            observers=self._observers,
        )
        # Last: a session that cannot be built leaves no transcriber open.
        self._transcriber = self._engines.transcriber(self._info)

    def _warmer(self) -> tuple[Child, ...]:
        responder = self._engines.responder
        if not isinstance(responder, Warms):
            return ()
        run = functools.partial(self._keep_ready, responder)
        return (Child("warmer", run=run, restart=Restart.TEMPORARY),)

    def _orderly(self) -> tuple[Child, ...]:
        """What a session needs beside the others to do one thing at a time."""
        if self._turnstile is None:
            return ()
        play = functools.partial(run_ranked, Rank.PLAYER, self._announcer.run)
        return (
            Child("timekeeper", run=self._turnstile.keep_time, restart=Restart.TEMPORARY),
            Child("announcer", run=play, restart=Restart.TEMPORARY),
        )

    # Children. Each incarnation is a new actor; what it must know of the one before is handed in.

    async def _run_receiver(self) -> None:
        await Receiver(
            transport=self._transport,
            codec=self._codec,
            heard=self._channels.heard[0],
            reports=self._reports,
            outbox=self._outbox,
            idle_s=self._settings.serving.idle_timeout_s,
            telemetry=self._telemetry,
            watch_audio=self._watch_audio if self._watchers else None,
            state=self._receiving,
        ).run()

    async def _run_vad(self) -> None:
        hearing = self._hearing_settings
        detector = self._engines.detector(self._info)
        looks = self._engines.turn_end is not None
        await VADActor(
            inbox=self._channels.heard[1],
            spoken=self._channels.spoken[0],
            reports=self._reports,
            outbox=self._outbox,
            detector=detector,
            endpointer=Endpointer(
                EndpointerSettings(
                    frame_ms=detector.frame_samples * 1000 // detector.rate_hz,
                    silence_ms=hearing.silence_ms,
                    min_speech_ms=hearing.min_speech_ms,
                    max_utterance_ms=hearing.max_utterance_ms,
                    onset_ms=hearing.onset_ms,
                    pause_ms=hearing.pause_ms if looks else None,
                    floor_ms=min(hearing.floor_ms, hearing.silence_ms) if looks else None,
                )
            ),
            pad_ms=hearing.speech_pad_ms,
            reply_live=lambda: self._gate.reply_live,
            telemetry=self._telemetry,
            state=self._hearing,
            pauses=self._pauses,
            window_ms=functools.partial(
                window_ms,
                floor_ms=hearing.floor_ms,
                ordinary_ms=hearing.silence_ms,
                ceiling_ms=hearing.ceiling_ms,
            ),
        ).run()

    async def _run_asr(self) -> None:
        hearing = self._hearing_settings
        await ASRActor(
            inbox=self._channels.spoken[1],
            reports=self._reports,
            outbox=self._outbox,
            transcriber=self._transcriber,
            utterance=self._utterance,
            timeout_s=self._settings.transcribing.timeout_s,
            partial_interval_s=hearing.partial_interval_ms / 1000,
            partial_min_gap_s=hearing.partial_min_gap_ms / 1000,
            telemetry=self._telemetry,
            turn_end=self._engines.turn_end,
            pauses=self._pauses,
            foresees=self._max_early > 0,
            tells_words=lambda: self._gate.reply_live,
        ).run()

    @property
    def _max_early(self) -> int:
        return self._settings.answering.speculations if self._engines.turn_end else 0

    async def _keep_ready(self, responder: Warms) -> None:
        """Have the language model's connection open when the words are there."""
        while True:
            await self._speech_heard.wait()
            await responder.warm()

    async def _run_drain(self) -> None:
        await self._drain.wait()
        await admit("drain")
        await self._reports.send(DrainRequested())

    # Turns

    def _start_turn(
        self, record: TurnRecord, conversation: list[ChatMessage], held: bool
    ) -> ReplyExit:
        reply_exit = ReplyExit(record.turn, self._outbox, self._reports, record.ledger, held=held)
        turn = Turn(
            record=record,
            conversation=conversation,
            responder=self._engines.responder,
            synthesizer=self._engines.synthesizer,
            reply_exit=reply_exit,
            gate=self._gate,
            next_seq=self._dialogue.next_seq,
            profile=self.dialect.profile,
            answering=self._settings.answering,
            speaking=self._settings.speaking,
            timings=self._timings,
            telemetry=self._telemetry,
            observers=self._observers,
        )
        run = functools.partial(run_ranked, Rank.TURN, turn.run)
        child = Child(f"turn-{record.turn}", run=run, restart=Restart.TEMPORARY)
        # A session that is ending begins no turn; the dialogue ends with it in a moment.
        with contextlib.suppress(SupervisorStopped):
            self._supervisor.spawn_child(child)
        return reply_exit

    async def _stop_turn(self, turn: int) -> None:
        try:
            await self._supervisor.stop_child(f"turn-{turn}")
        except LookupError:
            # It ended by itself in this very moment.
            return

    # Life

    def _now_ms(self) -> int:
        """The time of day, as far as a dialect tells it: the seam's, carried on by Trio's clock."""
        return self._opened_ms + int((current_time() - self._timings.zero_s) * 1000)

    async def run(self) -> None:
        with self._turnstile.entered() if self._turnstile else contextlib.nullcontext():
            await self._run()

    async def _run(self) -> None:
        self._telemetry.session_opened(self.dialect.profile.name)
        self._log.info(
            "session_opened", dialect=self.dialect.profile.name, peer=self._transport.peer
        )
        self._watchers.tell(
            Connected(
                session_id=self.id, dialect=self.dialect.profile.name, peer=self._transport.peer
            )
        )
        try:
            try:
                await self._supervisor.run()
            except Exception as error:  # the supervisor gave up
                self._broken = error
            if self._broken is not None:
                await self._say_internal()
        finally:
            try:
                with trio.CancelScope(deadline=trio.current_time() + LAST_WORDS_S, shield=True):
                    await self._transcriber.abandon()
            finally:  # an embedder's may raise
                self._transport.abort()
                for end in self._channels.outbox:
                    end.close()  # whoever still waits to play something learns that it is over
                self._announcer.end()
            self._log.info("session_closed", **self._figures())
            self._watchers.tell(Disconnected(session_id=self.id))

    def _watch_audio(self, pcm16: bytes) -> None:
        self._watchers.tell(AudioHeard(session_id=self.id, pcm16=pcm16))

    async def play(self, pcm16: bytes, rate_hz: int) -> None:
        """Send audio of your own to the client: PCM16 mono, as the dialect sends reply audio.

        It belongs to no turn: nothing paces it, an interruption does not cut it, and the memory
        does not know it. Waits while the client's outbox is full. Raises ValueError for what is
        no PCM16.
        """
        check_pcm16(pcm16, rate_hz)
        await self._announcer.play(pcm16, rate_hz)

    def queue_audio(self, pcm16: bytes, rate_hz: int) -> None:
        """The same without waiting, in a session with a turnstile."""
        check_pcm16(pcm16, rate_hz)
        self._announcer.queue(pcm16, rate_hz)

    def drain(self) -> None:
        """Ask it to end: the peer is told, the reply finishes, the connection closes with 1001."""
        self._drain.set()

    async def _say_internal(self) -> None:
        """The sender is gone, so this task is now the only one that writes."""
        self._log.error("session_broken", error=repr(self._broken))
        if self._sender.writing:
            return
        failure = Failure.of(Code.INTERNAL, "the session failed inside the server")
        with trio.move_on_after(LAST_WORDS_S):
            try:
                for frame in self._codec.encode(failure):
                    await self._transport.send(frame)
                await self._transport.close(close_codes.INTERNAL_ERROR, "internal error")
            except PeerGone:
                return

    def status(self) -> dict[str, Any]:
        """A line of GET /sessions. `reply` is the ledger of the live turn or of the last one."""
        return {**self._figures(), "reply": self._dialogue.account(self._time_s())}

    def _figures(self) -> dict[str, Any]:
        dialogue = self._dialogue
        return {
            "session_id": self.id,
            "dialect": self.dialect.profile.name,
            "state": dialogue.state.value,
            "is_listening": dialogue.listening,
            "is_speaking": self._gate.reply_live,
            "vad_state": "speech" if self._hearing.open else "silence",
            "buffer_size": len(self._utterance.audio),
            "outbox": self._outbox.depth,
            "turns": self._turns.count,
            "uptime_seconds": round(trio.current_time() - self._opened_s, 3),
        }

    def _time_s(self) -> float:
        """For whoever asks from outside: the session's time by now."""
        return trio.current_time() if self._turnstile is None else self._turnstile.time_s()

    def _observe(self, event: SupervisionEvent) -> None:
        if not isinstance(event, Crashed):
            return
        self._telemetry.restarted(event.child.split("-")[0])
        self._log.warning(
            "actor_crashed",
            supervisor=event.supervisor,
            child=event.child,
            error=repr(event.error),
        )
        if event.child in ("sender", "dialogue"):
            self._broken = event.error
