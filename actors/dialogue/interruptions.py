"""Interruptions: what becomes of a reply over which there is a sound, then a voice, then words.

A sound may hold it for a moment (`hold`), a voice has it fall silent (`suspend`), and words end it
(`spoken_over`). Where it was nothing that anybody said, it goes on from what was not heard
(`release`, `give_back`). When each is due stands in `conversation.machines`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from ...conversation.backchannel import is_command
from ...conversation.events import BargedIn, Resumed, SessionEvent, TakenBack
from ...conversation.machines import Machines
from ...conversation.patience import GONE_ON_S, Patience, goes_on, may_be_joined
from ...conversation.record import TurnRecord
from ...conversation.shown_state import ShownState
from ...protocol.effects import AS_ALWAYS
from ...protocol.events import BargeIn, ReplyHeld, ReplyReleased, ReplyResumed, ReplyTakenBack
from ...protocol.item_events import ReplyOutcome
from ...protocol.states import State, Trigger
from ...telemetry import Telemetry
from ...turnstile import current_time
from ..messages import PlaybackTold
from ..outbox import Outbox
from ..reply_exit import ReplyExit
from .reply_ends import ReplyEnds
from .turns import Turns


@dataclass(slots=True, kw_only=True)
class Interruptions:
    session_id: str
    machines: Machines[ReplyExit]
    turns: Turns
    ends: ReplyEnds
    outbox: Outbox
    shown: ShownState
    patience: Patience
    telemetry: Telemetry
    log: structlog.typing.FilteringBoundLogger
    log_transcripts: bool
    tell: Callable[[SessionEvent], None]
    """Tells watchers, and the conductor."""
    take_back_s: float
    """An answer of which less was heard when the person went on is taken back."""

    _silenced: TurnRecord | None = field(default=None, init=False)
    """The reply that fell silent last, until another one can be heard: its client may still tell
    how much of it was played."""
    _ended: tuple[int, TurnRecord] | None = field(default=None, init=False)
    """The utterance whose words ended a reply last, and that reply."""
    _after_ms: int | None = field(default=None, init=False)
    """The silence before the newest utterance."""
    _heard_s: float = field(default=0.0, init=False)
    """How much of the live reply was heard when that began."""

    # What is known of the newest utterance

    def speech_began(self, after_ms: int | None, now_s: float) -> None:
        """`after_ms`: the silence before it; None before the first."""
        live = self.turns.live
        self._after_ms = after_ms
        self._heard_s = live.ledger.heard_s(now_s) if live is not None else 0.0

    @property
    def may_take_back(self) -> bool:
        """Whether so little of the live reply was heard that it never was if the person goes on.
        One that called a tool has been, whatever was heard of it."""
        live = self.turns.live
        if live is None or self._heard_s >= self.take_back_s:
            return False
        return not self.turns.items.has_calls(live.turn)

    @property
    def reply_has_begun(self) -> bool:
        """Whether so much of a reply was heard that somebody may be listening to it."""
        return self.turns.live is not None and self._heard_s >= GONE_ON_S

    # A sound, and a voice

    async def hold(self) -> None:
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
            self._silenced = record
        self.machines.reply.held = True
        self.telemetry.count("holds")
        await self.outbox.send(ReplyHeld())

    async def release(self) -> None:
        """It was nothing: the reply goes on."""
        self.machines.reply.held = False
        await self.outbox.send(ReplyReleased())
        if self.machines.reply.suspended:
            await self._go_on()
        elif self.turns.live is not None:
            self.turns.live.ledger.go_on(current_time())

    async def suspend(self) -> None:
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
        self._silenced = record
        heard, said = record.heard(current_time()), record.ledger.said()
        self.telemetry.count("interruptions")
        self.log.info(
            "interrupted",
            turn=record.turn,
            heard_chars=len(heard),
            said_chars=len(said),
            **({"heard": heard, "said": said} if self.log_transcripts else {}),
        )
        self.tell(BargedIn(session_id=self.session_id, turn=record.turn, heard=heard))
        self.shown.go(Trigger.INTERRUPT)
        return BargeIn(seq=self.turns.gate.last_seq, heard=heard)

    async def give_back(self) -> None:
        """Nobody said anything after all: the reply goes on from what was not heard."""
        self.telemetry.count("resumptions")
        self.shown.go(Trigger.RESUME)
        await self.outbox.send(ReplyResumed())
        if self.turns.live is not None:
            self.tell(Resumed(session_id=self.session_id, turn=self.turns.live.turn))
        await self._go_on()

    async def _go_on(self) -> None:
        if self.machines.reply.cut_off:
            await self.turns.begin_again()
        else:
            self.turns.give_back()

    # Words

    async def spoken_over(
        self, record: TurnRecord, utterance: int, text: str, *, final: bool = True
    ) -> None:
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
        take_back = not_done and may_be_joined(record.user_text) and self.may_take_back
        await self.interrupt(record, take_back=take_back)
        self._ended = (utterance, record)

    def came_to_nothing(self, utterance: int) -> None:
        """The final of this utterance has no words. Where a hypothesis of it had some, and ended an
        answer by them, the answer goes on all the same, from what was not heard."""
        (number, record), self._ended = self._ended or (None, None), None
        if record is None or number != utterance or record.say_id or record.wish != AS_ALWAYS:
            return
        free = self.machines.at_rest and not self.machines.more_wanted
        if free and self.machines.answers_by_model:
            self.telemetry.count("resumptions")
            self.turns.go_on_after(record)
            self.shown.go(Trigger.TURN)

    async def wished(self, *, by_server: bool) -> None:
        """The client, or the server's own code, ends the reply without any words."""
        live = self.turns.live
        if live is not None and (live.interruptible or by_server):
            self.patience.answered()
            await self.interrupt(live)

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
        await self.ends.cut_short(record, heard, outcome)

    def _take_back(self, record: TurnRecord) -> None:
        self.turns.items.take_back(record.turn)
        self.machines.later.take_back(record.turn)
        self.machines.floor.unanswered.insert(0, record.user_text)
        self._silenced = None
        self.telemetry.count("taken_back")
        self.tell(TakenBack(session_id=self.session_id, turn=record.turn))

    # What the client played

    def reply_audible(self, turn: int) -> None:
        """The live reply can be heard. Of one that was suspended meanwhile it is told again when
        it goes on."""
        if self.turns.is_live(turn) and not self.machines.reply.suspended:
            self._silenced = None
            self.machines.reply.audible()
            if self.shown.state is not State.RESPONDING:  # else it was only held
                self.shown.go(Trigger.AUDIO)

    def playback_told(self, report: PlaybackTold) -> None:
        """What the client's loudspeaker says is believed more than what was due there."""
        if not report.flushed:
            if self.turns.live is not None:
                self.turns.live.ledger.played(current_time(), report.heard_s)
            return
        record, self._silenced = self._silenced, None
        self.machines.cleared_until_s = -math.inf
        if record is not None:
            record.ledger.flushed(report.heard_s)
            if not self.turns.is_live(record.turn):
                heard = record.ledger.heard(current_time())
                self.turns.items.amend(record.turn, record.text.strip(), heard=heard)
