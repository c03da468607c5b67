"""Finals: how a client is told that an utterance is over, with its words or without any.

Exactly one final, or one failure in its place, for each utterance of which the client was told
anything; and an empty one for a microphone that was open for nothing, where its dialect wants that.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from ...conversation.current_language import CurrentLanguage
from ...conversation.events import SessionEvent, TextHeard
from ...protocol.codes import Code
from ...protocol.events import Decode, Failure, Final, Finalizing, Latency
from ...telemetry import Telemetry
from ..messages import UtteranceFailed, UtteranceHeard
from ..outbox import Outbox


def final_id(session_id: str, number: int) -> str:
    """Makes the id of a final transcript from the session's id and its number: a UUID that is the
    same in a replay."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{session_id}/{number}"))


@dataclass(slots=True, kw_only=True)
class Finals:
    session_id: str
    outbox: Outbox
    current_language: CurrentLanguage
    telemetry: Telemetry
    log: structlog.typing.FilteringBoundLogger
    log_transcripts: bool
    watch: Callable[[SessionEvent], None]
    """Tells watchers, and the conductor."""
    new_id: Callable[[str, int], str]

    _count: int = field(default=0, init=False)
    _since_start: int = field(default=0, init=False)
    """Finals, and failures in their place, since the microphone was opened."""

    def microphone_opened(self) -> None:
        self._since_start = 0

    async def tell_silence(self, *, completes: bool) -> None:
        """The microphone was closed; where nothing was heard with it, an empty final says so.
        `completes`: the client is told of it as of an utterance."""
        if self._since_start:
            return
        if completes:
            await self.outbox.send(Finalizing())
        await self.outbox.send(Final(text="", id=self._next_id(), audio_ms=0))
        if completes:
            await self.outbox.send(Latency(t0=None, t1=None, t2=None, t3=None, t4=None))

    async def tell(self, report: UtteranceHeard, language: str) -> None:
        """What was heard, and what it took to understand it."""
        transcript = report.transcript
        text = transcript.text
        found = language if self.current_language.auto and text else ""
        self.telemetry.count("utterances")
        self._since_start += 1
        if report.too_long:
            message = "the utterance was too long; what was heard so far is finalized"
            await self.outbox.send(Failure.of(Code.MAX_DURATION_EXCEEDED, message))
        self.log.info(
            "decode",
            utterance=report.number,
            runs=transcript.runs,
            ms=round(transcript.decode_ms, 1),
            rtf=round(transcript.rtf, 3),
            chars=len(text),
            **({"language": found} if found else {}),
            **({"text": text} if self.log_transcripts else {}),
        )
        await self.outbox.send(
            Final(
                text=text,
                id=self._next_id(),
                audio_ms=report.audio_ms,
                confidence=transcript.confidence,
                language=found,
                utterance=report.number,
            )
        )
        decode_ms, rtf = round(transcript.decode_ms, 1), round(transcript.rtf, 3)
        await self.outbox.send(Decode(runs=transcript.runs, ms=decode_ms, rtf=rtf))

    async def tell_failure(self, report: UtteranceFailed) -> bool:
        """The recognizer failed. Gives whether the session goes on."""
        failure = Failure.of(report.code, report.message, utterance=report.number)
        await self.outbox.send(failure)
        self._since_start += 1
        return failure.recoverable

    def watch_text(self, text: str, language: str, *, typed: bool) -> None:
        self.watch(TextHeard(session_id=self.session_id, text=text, typed=typed, language=language))

    def _next_id(self) -> str:
        self._count += 1
        return self.new_id(self.session_id, self._count)
