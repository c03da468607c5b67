"""PhraserActor: tokens in, phrases out. One per turn, transient.

Where phrases end is decided by `conversation.phrases`. A phrase also ends after 700 ms without a
token (source: wire facts of dialect A, "Phrase ends"), told by a timer and not by the next token.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import trio

from ..conversation.phrases import Phrase, PhraseSplitter
from ..conversation.record import TurnRecord
from ..turnstile import current_time, move_on_after
from .messages import Aside, EndOfReply, TextPiece


@dataclass(slots=True, kw_only=True)
class PhraserActor:
    """Waits while `STREAM_MAX_PENDING_PHRASES` phrases are pending, which holds the LLM's stream.

    `splitter` is the turn's: a restart goes on with the text in hand.
    """

    inbox: trio.MemoryReceiveChannel[TextPiece | Aside | EndOfReply]
    outbox: trio.MemorySendChannel[Phrase | EndOfReply]
    splitter: PhraseSplitter
    gap_s: float
    record: TurnRecord | None = None
    """Where the moment of the first phrase is noted."""

    async def run(self) -> None:
        while True:
            message: TextPiece | Aside | EndOfReply | None = None
            # Without text in hand there is nothing that the timer could end.
            with move_on_after(self.gap_s if self.splitter.waiting else math.inf, "phrase gap"):
                try:
                    message = await self.inbox.receive()
                except trio.EndOfChannel:
                    message = EndOfReply()
            match message:
                case TextPiece():
                    await self._send(self.splitter.push(message.text))
                case Aside():
                    pass
                case None:
                    await self._send(self.splitter.flush())
                case EndOfReply():
                    await self._send(self.splitter.flush())
                    await self.outbox.send(message)
                    return

    async def _send(self, phrases: list[Phrase]) -> None:
        for phrase in phrases:
            if self.record is not None and self.record.first_phrase_s is None:
                self.record.first_phrase_s = current_time()
            await self.outbox.send(phrase)
