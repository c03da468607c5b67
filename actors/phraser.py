"""PhraserActor: tokens in, phrases out. One per turn, transient.

The rules (source: wire facts of dialect A, "Phrase ends"): a token ending in `.` `?` `!`; or 60
characters; or 700 ms without a token, told by a timer and not by the next token; or the end of
the reply.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import trio

from ..turnstile import current_time, move_on_after
from .messages import EndOfReply, Phrase, TextPiece
from .record import TurnRecord

SENTENCE_ENDS = (".", "?", "!")


@dataclass(slots=True)
class PhraseSplitter:
    """The rules without the timer. `push` gives the phrases that a token completed."""

    max_chars: int
    text: str = ""
    phrases: int = 0
    """How many phrases there were; they are numbered from 1."""

    def push(self, token: str) -> list[Phrase]:
        self.text += token
        phrases = []
        while len(self.text) >= self.max_chars and self.text.strip():
            phrases += self._number(self._cut())
        if token.rstrip().endswith(SENTENCE_ENDS):
            phrases += self.flush()
        return phrases

    def _cut(self) -> str:
        """As many whole words as fit; a single word that does not fit is cut."""
        head = self.text[: self.max_chars + 1]
        stripped = len(head) - len(head.lstrip())
        space = max((i for i, c in enumerate(head) if c.isspace() and i > stripped), default=-1)
        at = space if space > 0 else self.max_chars
        phrase, self.text = self.text[:at], self.text[at:]
        return phrase.strip()

    def flush(self) -> list[Phrase]:
        """What is left: one phrase or none."""
        text, self.text = self.text.strip(), ""
        return self._number(text)

    def _number(self, text: str) -> list[Phrase]:
        if not text:
            return []
        self.phrases += 1
        return [Phrase(number=self.phrases, text=text)]

    @property
    def waiting(self) -> bool:
        return bool(self.text.strip())


@dataclass(slots=True, kw_only=True)
class PhraserActor:
    """Waits while `STREAM_MAX_PENDING_PHRASES` phrases are pending, which holds the LLM's stream.

    `splitter` is the turn's: a restart goes on with the text in hand.
    """

    inbox: trio.MemoryReceiveChannel[TextPiece | EndOfReply]
    outbox: trio.MemorySendChannel[Phrase | EndOfReply]
    splitter: PhraseSplitter
    gap_s: float
    record: TurnRecord | None = None
    """Where the moment of the first phrase is noted."""

    async def run(self) -> None:
        while True:
            message: TextPiece | EndOfReply | None = None
            # Without text in hand there is nothing that the timer could end.
            with move_on_after(self.gap_s if self.splitter.waiting else math.inf, "phrase gap"):
                try:
                    message = await self.inbox.receive()
                except trio.EndOfChannel:
                    message = EndOfReply()
            match message:
                case TextPiece():
                    await self._send(self.splitter.push(message.text))
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
