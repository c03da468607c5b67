"""LLMActor: a conversation in, tokens out. One per turn, transient.

It fails over to a second attempt only while nothing of the reply has left; after that the reply
ends where it is, with LLM_FAIL or LLM_TIMEOUT, and what was phrased is still spoken.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import trio

from ..conversation.attempts import Attempts
from ..conversation.record import TurnRecord
from ..engines.deadline import engine_deadline
from ..engines.failures import EngineFailure, EngineTimeout
from ..engines.llm.interface import Responder
from ..protocol.chat import ChatMessage
from ..protocol.codes import Code
from ..protocol.events import Failure, Outbound, Token
from ..telemetry import Telemetry
from ..turnstile import SendsItems, current_time
from .messages import EndOfReply, ReplyWritten, Report, TextPiece


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMDeadlines:
    """Source: wire facts of dialect A, "Timeouts". Only time spent waiting for the engine counts:
    a stream that Parley itself holds, because phrases are pending, is not late."""

    first_token_s: float
    gap_s: float
    total_s: float


@dataclass(slots=True, kw_only=True)
class LLMActor:
    conversation: Sequence[ChatMessage]
    responder: Responder
    pieces: trio.MemorySendChannel[TextPiece | EndOfReply]
    reports: SendsItems[Report]
    outbox: SendsItems[Outbound]
    record: TurnRecord
    hand: Attempts[TurnRecord]
    deadlines: LLMDeadlines
    telemetry: Telemetry

    async def run(self) -> None:
        if self.record.written:
            await self._end()
            return
        if self.hand.spent:
            await self._fail(EngineFailure("the language model crashed twice on this reply"))
            return
        if self.record.text:
            # Only an incarnation before this one can have said something.
            await self._fail(EngineFailure("the language model crashed in the middle of a reply"))
            return
        self.hand.attempt()
        try:
            await self._stream()
        except EngineFailure as failure:
            self.telemetry.engine_failed("llm", failure)
            if self._may_retry(failure):
                raise
            await self._fail(failure)
        else:
            self.record.written = True
            await self._end()

    def _may_retry(self, failure: EngineFailure) -> bool:
        """Another attempt would say the beginning twice, or make the person wait twice."""
        return (
            failure.retryable
            and not isinstance(failure, EngineTimeout)
            and not self.record.text
            and not self.hand.spent
        )

    async def _stream(self) -> None:
        left_s = self.deadlines.total_s
        async with AsyncExitStack() as stack:
            tokens: AsyncIterator[str] | None = None
            while True:
                limit_s = self.deadlines.gap_s if self.record.text else self.deadlines.first_token_s
                began_s = current_time()
                with engine_deadline(min(limit_s, left_s), "the language model"):
                    if tokens is None:
                        # Opening the request and the first token share one deadline.
                        tokens = await stack.enter_async_context(
                            self.responder.reply(self.conversation)
                        )
                    token = await anext(tokens, None)
                left_s -= current_time() - began_s
                if token is None:
                    return
                await self._token(token)

    async def _token(self, token: str) -> None:
        record = self.record
        if record.first_token_s is None:
            record.first_token_s = current_time()
            self.telemetry.stage("first_token", record.first_token_s - record.final_s)
        record.text += token
        await self.outbox.send(Token(text=token, turn=record.turn))
        await self.pieces.send(TextPiece(text=token))

    async def _fail(self, failure: EngineFailure) -> None:
        self.record.failed = True
        self.record.written = True
        code = Code.LLM_TIMEOUT if isinstance(failure, EngineTimeout) else Code.LLM_FAIL
        # A missing model costs this reply, not the session: it stays usable for transcripts.
        await self.outbox.send(
            Failure(code=code, message=str(failure), recoverable=True, turn=self.record.turn)
        )
        await self._end()

    async def _end(self) -> None:
        await self.reports.send(ReplyWritten(turn=self.record.turn))
        await self.pieces.send(EndOfReply())
