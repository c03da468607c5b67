"""PhraserActor: tokens in, phrases out. One per turn, transient.

Where phrases end is decided by `conversation.text`. A gap between two tokens ends one too, told by
a timer and not by the next token (source: wire facts of dialect A, "Phrase ends", for `/ws`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import trio

from ..conversation.record import TurnRecord
from ..conversation.text.phrases import Phrase
from ..turnstile import current_time, move_on_after
from .messages import Aside, EndOfReply, EndOfRound, TextPiece

SLICE_CHARS = 1000
"""A piece that is longer is looked at in slices of this length, so that one of a megabyte does not
hold up every other session. The worst that a fuzzer found (digits alone) takes 20 ms."""


class Splitter(Protocol):
    """Text in, phrases out."""

    @property
    def patience_s(self) -> float:
        """How long the next piece of text is waited for before `gap`; inf: until it comes."""
        ...

    def push(self, chunk: str, /) -> Sequence[Phrase]: ...

    def gap(self) -> Sequence[Phrase]: ...

    def flush(self) -> Sequence[Phrase]: ...

    def aside(self, text: str, /) -> Sequence[Phrase]: ...


@dataclass(slots=True, kw_only=True)
class PhraserActor:
    """Waits while `STREAM_MAX_PENDING_PHRASES` phrases are pending, which holds the LLM's stream.

    Splitter and actor are the turn's: a restart goes on with the text and the phrases in hand.
    """

    inbox: trio.MemoryReceiveChannel[TextPiece | Aside | EndOfRound | EndOfReply]
    outbox: trio.MemorySendChannel[Phrase | EndOfReply]
    splitter: Splitter
    record: TurnRecord | None = None
    """Where the moment of the first phrase is noted."""
    _text: deque[str] = field(default_factory=deque, init=False)
    """What came and was not looked at yet."""
    _phrases: deque[Phrase] = field(default_factory=deque, init=False)
    """What was found, until the synthesizer has it."""
    _whole: bool = field(default=False, init=False)
    """Whether the end of the reply has come."""

    async def run(self) -> None:
        await self._work()
        while not self._whole:
            message: TextPiece | Aside | EndOfRound | EndOfReply | None = None
            with move_on_after(self.splitter.patience_s, "phrase gap"):
                try:
                    message = await self.inbox.receive()
                except trio.EndOfChannel:
                    message = EndOfReply()
            match message:
                case TextPiece(text=text):
                    self._text += [
                        text[at : at + SLICE_CHARS] for at in range(0, len(text), SLICE_CHARS)
                    ]
                case Aside(text=text):
                    self._phrases += self.splitter.aside(text)
                case EndOfRound():
                    self._phrases += self.splitter.flush()
                case None:
                    self._phrases += self.splitter.gap()
                case EndOfReply():
                    self._whole = True
                    self._phrases += self.splitter.flush()
            await self._work()
        await self.outbox.send(EndOfReply())

    async def _work(self) -> None:
        """Pass on what is in hand, to its end."""
        while self._phrases or self._text:
            if not self._phrases:
                self._phrases += self.splitter.push(self._text.popleft())
                continue
            if self.record is not None and self.record.first_phrase_s is None:
                self.record.first_phrase_s = current_time()
            await self.outbox.send(self._phrases[0])
            self._phrases.popleft()
