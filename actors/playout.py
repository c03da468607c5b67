"""Playout: the last stage of a turn. Speech in, reply audio out, at the pace of its playback.

Reply audio is sent at most a lead ahead of the moment at which it is due at the client's ear, so
that falling silent does not depend on the client's goodwill. It stands inside the turn, before
the outbox: what waits here dies with the turn. It keeps the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import trio

from ..conversation.record import TurnRecord
from ..conversation.timings import Timings
from ..protocol.events import Outbound, PhraseDone, ReplyAudio, ReplyComplete
from ..telemetry import Telemetry
from ..turnstile import SendsItems, current_time, move_on_at
from .gate import ReplyGate
from .messages import EndOfReply, ReplyAudible, Report, SpokenPhrase
from .speech_pieces import at_rate, pieces


@dataclass(slots=True, kw_only=True)
class Playout:
    inbox: trio.MemoryReceiveChannel[SpokenPhrase | EndOfReply]
    reports: SendsItems[Report]
    outbox: SendsItems[Outbound]
    released: trio.Event
    """Set when anybody may know of the reply; nothing is played before."""
    gate: ReplyGate
    record: TurnRecord
    next_seq: Callable[[], int]
    """Numbers the session's phrases."""
    rate_hz: int | None
    """What reply audio is resampled to; None: it stays as it was made."""
    frame_ms: int | None
    """Length of a piece; None: a phrase is sent whole."""
    lead_s: float
    clock: Timings
    telemetry: Telemetry

    async def run(self) -> None:
        await self.released.wait()
        async for message in self.inbox:
            if isinstance(message, EndOfReply):
                break
            await self._play(message)
        await self.outbox.send(ReplyComplete(turn=self.record.turn))
        # The reply is over when it has been heard: until then it can be interrupted. A client that
        # plays late may say so while we wait.
        ledger = self.record.ledger
        while current_time() < ledger.over_s and not self.gate.hurried.is_set():
            await self._until(ledger.over_s)

    async def _play(self, phrase: SpokenPhrase) -> None:
        ledger = self.record.ledger
        # As it leaves: resampled speech may be a sample shorter, and its last word would be lost.
        speech = at_rate(phrase.speech, self.rate_hz)
        ledger.begin(phrase.text, speech.duration_s)
        seq = 0
        for piece in pieces(speech, self.frame_ms):
            await self._until(ledger.due_s - self.lead_s)
            await self.gate.wait_open()
            # Numbered when it leaves: a phrase that is cut before that has no number.
            seq = seq or self.next_seq()
            await self.outbox.send(
                ReplyAudio(seq=seq, pcm16=piece.pcm16, rate_hz=piece.rate_hz, turn=self.record.turn)
            )
            ledger.sent(current_time(), piece.duration_s)
            if self.record.first_audio_s is None:
                await self._audible()
        await self.outbox.send(PhraseDone(seq=seq, turn=self.record.turn))

    async def _audible(self) -> None:
        record = self.record
        record.first_audio_s = current_time()
        self.telemetry.stage("first_audio", record.first_audio_s - record.final_s)
        await self.reports.send(ReplyAudible(turn=record.turn))
        await self.outbox.send(self.clock.latency(record))
        if (times := self.clock.times(record)) is not None:
            self.telemetry.turn(times)
            await self.outbox.send(times)

    async def _until(self, deadline_s: float) -> None:
        """Wait for a moment of the playback, or until the server is in a hurry."""
        with move_on_at(deadline_s, "playout"):
            await self.gate.hurried.wait()
