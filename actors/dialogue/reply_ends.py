"""The ends of replies: heard to the end, failed, cancelled by the client, or cut short.

What was said in a turn is kept as far as it was heard, the client is told where the turn's time
went, and whoever conducts the conversation is told how the reply ended. How one is interrupted
stands in `interruptions.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from ...conversation.machines import Machines
from ...conversation.patience import Patience
from ...conversation.record import TurnRecord
from ...conversation.shown_state import ShownState
from ...conversation.timings import Timings
from ...protocol import close_codes
from ...protocol.codes import Code
from ...protocol.events import Failure, Token
from ...protocol.item_events import ReplyOutcome
from ...telemetry import Telemetry
from ...turnstile import current_time
from ..messages import TurnOver
from ..outbox import Outbox
from ..reply_exit import ReplyExit
from .conducted import ConductedCall
from .hands import Hands
from .item_desk import ItemDesk
from .turns import Turns


@dataclass(slots=True, kw_only=True)
class ReplyEnds:
    machines: Machines[ReplyExit]
    turns: Turns
    conducted: ConductedCall
    items: ItemDesk
    outbox: Outbox
    shown: ShownState
    patience: Patience
    timings: Timings
    telemetry: Telemetry
    log: structlog.typing.FilteringBoundLogger
    log_latency: bool
    log_transcripts: bool
    hands: Hands

    async def written(self, turn: int) -> None:
        """The model has written all of it; it is still to be heard."""
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

    async def over(self, report: TurnOver) -> None:
        """The turn came to its end by itself, or failed."""
        record = self.turns.live
        if record is None or record.turn != report.turn:
            return
        said = record.text.strip()
        if record.failed:
            said = record.ledger.said() if record.spoken else said
            self.turns.keep(record, said)
        elif record.spoken and not self.items.told:
            said = record.ledger.heard(current_time())
        await self.tell_latency(record)
        self.turns.ended_by_itself()
        outcome: ReplyOutcome = "too_long" if record.too_long else "completed"
        await self.conducted.reply_ended(record, said, "failed" if record.failed else outcome)
        self.patience.answered()
        self.shown.reply_over()
        if report.error is not None:
            self.log.error("turn_gave_up", turn=record.turn, error=report.error)
            await self.outbox.send(Failure.of(Code.INTERNAL, "the reply failed inside the server"))
            await self.hands.close(close_codes.INTERNAL_ERROR, "internal error")
        else:
            await self.conducted.close_if_draining()
            await self.hands.answer()  # what was said over a reply that nobody may interrupt

    async def cancelled(self) -> None:
        """The client wants no more of it, and no answer to what it has said so far."""
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
            self.shown.reply_over()
        await self.outbox.send(Failure.of(Code.CANCELLED, "cancelled by the client"))
        if record is not None:
            await self.tell_latency(record)
            await self.conducted.close_if_draining()

    async def cut_short(self, record: TurnRecord, heard: str, outcome: ReplyOutcome) -> None:
        """It was interrupted, and the client knows."""
        await self.conducted.reply_ended(record, heard, outcome)
        await self.tell_latency(record)
        await self.conducted.close_if_draining()

    def with_the_session(self) -> None:
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

    async def tell_latency(self, record: TurnRecord) -> None:
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
