"""LLMActor: a conversation in, tokens out. One per turn, transient.

A language model that fails is asked once more here, in the actor, but only while nothing of the
reply has left; after that the reply ends where it is, with LLM_FAIL or LLM_TIMEOUT, and what was
phrased is still spoken. A failure of the model never crashes the actor. A bug does: the restart
begins the reply again by the same rule, and counts the crash as one of its attempts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import trio

from ..conversation.attempts import Attempts
from ..conversation.later import Wish
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
    attempts: Attempts[TurnRecord]
    deadlines: LLMDeadlines
    telemetry: Telemetry

    async def run(self) -> None:
        if not self.record.written:
            failure = await self._attempt()
            self.record.written = True
            if failure is not None:
                await self._tell(failure)
        await self._end()

    async def _attempt(self) -> EngineFailure | None:
        """Write the reply, in as many attempts as there are left. Gives why it is not whole, or
        None."""
        failure = EngineFailure("the language model crashed twice on this reply")
        if self.record.text and not self.attempts.spent:
            # Only an incarnation before this one can have said something.
            return EngineFailure("the language model crashed in the middle of a reply")
        while not self.attempts.spent:
            self.attempts.attempt()
            try:
                await self._stream()
            except EngineFailure as error:
                self.telemetry.engine_failed("llm", error)
                failure = error
                if not self._may_retry(failure):
                    break
            else:
                return None
        return failure

    def _may_retry(self, failure: EngineFailure) -> bool:
        """Another attempt would say the beginning twice, or make the person wait twice."""
        timed_out = isinstance(failure, EngineTimeout)
        return failure.retryable and not timed_out and not self.record.text

    async def _stream(self) -> None:
        left_s = self.deadlines.total_s
        async with AsyncExitStack() as stack:
            tokens: AsyncIterator[str | Wish] | None = None
            wishes: list[Wish] = []
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
                    self.record.wishes = tuple(wishes)
                    return
                if isinstance(token, str):
                    await self._token(token)
                else:
                    wishes.append(token)

    async def _token(self, token: str) -> None:
        record = self.record
        if record.first_token_s is None:
            record.first_token_s = current_time()
            self.telemetry.stage("first_token", record.first_token_s - record.final_s)
        record.text += token
        await self.outbox.send(Token(text=token, turn=record.turn))
        await self.pieces.send(TextPiece(text=token))

    async def _tell(self, failure: EngineFailure) -> None:
        self.record.failed = True
        code = Code.LLM_TIMEOUT if isinstance(failure, EngineTimeout) else Code.LLM_FAIL
        # A missing model costs this reply, not the session: it stays usable for transcripts.
        await self.outbox.send(
            Failure(code=code, message=str(failure), recoverable=True, turn=self.record.turn)
        )

    async def _end(self) -> None:
        await self.reports.send(ReplyWritten(turn=self.record.turn))
        await self.pieces.send(EndOfReply())
