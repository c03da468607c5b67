"""A turn: one reply, from the first token to the last sample heard, as a supervision tree.

    turn-<n>              one_for_one, ends when playout has ended
    ├─ llm                transient
    ├─ phraser            transient
    ├─ tts                transient
    └─ playout            transient, significant

The channels between them are made here, so they die with the turn: a cancelled reply cannot leave
a stale token, phrase or chunk anywhere. The turn is a temporary child of its session, and to
interrupt the reply is to stop that child.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from ..actors.gate import ReplyGate
from ..actors.limits import SPEECH_CAPACITY, TOKENS_CAPACITY
from ..actors.llm import Asked, LLMActor
from ..actors.messages import (
    Aside,
    EndOfReply,
    EndOfRound,
    SpokenPhrase,
    TextPiece,
    TurnOver,
)
from ..actors.phraser import PhraserActor
from ..actors.playout import Playlist, Playout
from ..actors.ranks import Rank
from ..actors.reply_exit import ReplyExit
from ..actors.tts import TTSActor
from ..config import Answering, Speaking
from ..conversation.attempts import Attempts
from ..conversation.pace import VoicePace
from ..conversation.record import TurnRecord
from ..conversation.spoken_sentences import failure_sentence
from ..conversation.text.phrases import Phrase
from ..conversation.timings import Timings
from ..conversation.writing import LLMDeadlines
from ..engines.tts.interface import Synthesizer, spoken_in
from ..protocol.dialect import Profile
from ..supervisor import AutoShutdown, Child, Observer, Restart, Supervisor
from ..telemetry import Telemetry
from ..turnstile import run_ranked
from .phrasing import Phrasing, tables_of

MAX_RESTARTS = 6
"""Per period, and only bugs count: an engine's failure is told, and nothing is restarted for it. A
bug may crash an actor twice on one thing; more than three such things are no bad luck."""
RESTART_PERIOD_S = 10.0


@dataclass(slots=True, kw_only=True)
class Turn:
    """Everything a reply needs; `run` is the child body."""

    record: TurnRecord
    asked: Asked
    synthesizer: Synthesizer
    reply_exit: ReplyExit
    gate: ReplyGate
    next_seq: Callable[[], int]
    profile: Profile
    answering: Answering
    speaking: Speaking
    timings: Timings
    telemetry: Telemetry
    pace: VoicePace
    log: structlog.typing.FilteringBoundLogger = field(default_factory=structlog.get_logger)
    observers: Sequence[Observer] = ()
    ask_again: Callable[[bool], Asked | None] | None = None
    """What is asked once tools are done; None: the model calls none."""

    async def run(self) -> None:
        """Ends with a TurnOver report, unless it is cancelled."""
        supervisor = Supervisor(
            f"turn-{self.record.turn}",
            self._children(),
            max_restarts=MAX_RESTARTS,
            period_s=RESTART_PERIOD_S,
            auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
            observers=self.observers,
        )
        error: Exception | None = None
        try:
            await supervisor.run()
        except Exception as gave_up:  # reported to the dialogue, which ends the session
            error = gave_up
        await self.reply_exit.reports.send(TurnOver(turn=self.record.turn, error=error))

    def _children(self) -> tuple[Child, ...]:
        tell_piece, hear_piece = trio.open_memory_channel[
            TextPiece | Aside | EndOfRound | EndOfReply
        ](TOKENS_CAPACITY)
        tell_phrase, hear_phrase = trio.open_memory_channel[Phrase | EndOfReply](
            self.speaking.max_pending_phrases
        )
        tell_speech, hear_speech = trio.open_memory_channel[SpokenPhrase | EndOfReply](
            SPEECH_CAPACITY
        )
        llm = LLMActor(
            asked=self.asked,
            ask_again=self.ask_again,
            returns=self.reply_exit.returns,
            max_rounds=self.answering.tool_rounds,
            pieces=tell_piece,
            reports=self.reply_exit.reports,
            outbox=self.reply_exit.outbox,
            record=self.record,
            attempts=Attempts(max_attempts=self.answering.retries + 1),
            deadlines=LLMDeadlines(
                first_token_s=self.answering.first_token_timeout_s,
                gap_s=self.answering.gap_timeout_s,
                total_s=self.answering.timeout_s,
                first_word_s=self.answering.first_word_timeout_s,
            ),
            failure_sentence=failure_sentence(
                self.answering.failure_sentence,
                self.record.language or self.answering.language,
                tables_of(self.speaking.tables),
            ),
            telemetry=self.telemetry,
            log=self.log,
        )
        phrasing = Phrasing.of(
            self.speaking, short=self.profile.short_phrases, language=self.record.language
        )
        phraser = PhraserActor(
            inbox=hear_piece,
            outbox=tell_phrase,
            splitter=phrasing.splitter(),
            record=self.record,
        )
        tts = TTSActor(
            inbox=hear_phrase,
            speech=tell_speech,
            outbox=self.reply_exit.outbox,
            synthesizer=spoken_in(self.synthesizer, self.record.language),
            attempts=Attempts(),
            turn=self.record.turn,
            phrase_timeout_s=self.speaking.timeout_s,
            telemetry=self.telemetry,
            pace=self.pace,
            silent=not self.record.spoken,
        )
        playout = Playout(
            inbox=hear_speech,
            reply_exit=self.reply_exit,
            gate=self.gate,
            record=self.record,
            next_seq=self.next_seq,
            rate_hz=self.profile.reply_rate_hz,
            frame_ms=self.profile.reply_frame_ms,
            lead_s=(self.profile.reply_lead_ms or self.speaking.reply_lead_ms) / 1000,
            timings=self.timings,
            telemetry=self.telemetry,
            playlist=Playlist(),
        )
        return (
            _child("llm", Rank.LLM, llm.run),
            _child("phraser", Rank.PHRASER, phraser.run),
            _child("tts", Rank.TTS, tts.run),
            _child("playout", Rank.PLAYOUT, playout.run, significant=True),
        )


def _child(
    name: str, rank: Rank, run: Callable[[], Awaitable[None]], *, significant: bool = False
) -> Child:
    return Child(
        name,
        run=functools.partial(run_ranked, rank, run),
        restart=Restart.TRANSIENT,
        significant=significant,
    )
