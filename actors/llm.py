"""LLMActor: a conversation in, tokens out. One per turn, transient.

A language model that fails is asked once more here, in the actor, but only while nothing of the
reply has left; then a second one is, where there is one. After that the reply ends where it is,
with LLM_FAIL or LLM_TIMEOUT; what was phrased is still spoken, and a sentence behind it says that
this was all. A failure of the model never crashes the actor. A bug does: the restart begins the
reply again by the same rule, and counts the crash as one of its attempts.

What of a model's text is for people, and how long to wait for it, is decided by
`conversation.writing`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import structlog
import trio

from ..conversation.attempts import Attempts
from ..conversation.later import Wish
from ..conversation.record import TurnRecord
from ..conversation.writing import LLMDeadlines, Writing
from ..engines.deadline import engine_deadline
from ..engines.failures import EngineFailure, EngineTimeout
from ..engines.llm.interface import Alive, Remark, ReplyPart, Responder, last_of, second_of
from ..protocol.chat import ChatMessage
from ..protocol.codes import Code
from ..protocol.events import Failure, Info, Outbound, Token
from ..telemetry import Telemetry
from ..turnstile import SendsItems, current_time, move_on_after
from .messages import Aside, EndOfReply, ReplyWritten, Report, TextPiece


@dataclass(slots=True, kw_only=True)
class LLMActor:
    conversation: Sequence[ChatMessage]
    responder: Responder
    pieces: trio.MemorySendChannel[TextPiece | Aside | EndOfReply]
    reports: SendsItems[Report]
    outbox: SendsItems[Outbound]
    record: TurnRecord
    attempts: Attempts[TurnRecord]
    deadlines: LLMDeadlines
    telemetry: Telemetry
    log: structlog.typing.FilteringBoundLogger = field(default_factory=structlog.get_logger)
    failure_sentence: str = ""
    """What is said aloud where the model failed; empty: nothing."""
    second_attempts: Attempts[TurnRecord] = field(default_factory=lambda: Attempts(max_attempts=1))
    """Those of the second model; the person has waited for the first one's already."""

    async def run(self) -> None:
        if not self.record.written:
            failure = await self._write()
            self.record.written = True
            if failure is not None:
                await self._tell(failure)
        await self._end()

    async def _write(self) -> EngineFailure | None:
        """Have the reply written by whom that takes. Gives why it is not whole, or None."""
        failure = await self._attempt(self.responder, self.attempts)
        second = second_of(self.responder)
        if failure is None or self.record.text or second is None or self.second_attempts.spent:
            return failure
        self.telemetry.count("second_models")
        self.log.warning("second_model_asked", turn=self.record.turn, error=str(failure))
        failed = await self._attempt(second, self.second_attempts)
        if failed is None or self.record.text:
            return failed
        both = f"{failed}; before it: {failure}"
        return EngineTimeout(both) if isinstance(failed, EngineTimeout) else EngineFailure(both)

    async def _attempt(
        self, responder: Responder, attempts: Attempts[TurnRecord]
    ) -> EngineFailure | None:
        """Write the reply, in as many attempts as there are left. Gives why it is not whole, or
        None."""
        failure = EngineFailure("the language model crashed twice on this reply")
        if self.record.text and not attempts.spent:
            # Only an incarnation before this one can have said something.
            return EngineFailure("the language model crashed in the middle of a reply")
        wanted_s: float | None = None
        while not attempts.spent:
            await self._leave_alone(wanted_s)
            attempts.attempt()
            try:
                await self._stream(responder)
            except EngineFailure as error:
                self.telemetry.engine_failed("llm", error)
                failure, wanted_s = error, error.retry_after_s
                if not self._may_retry(failure):
                    break
            else:
                return None
        return failure

    def _may_retry(self, failure: EngineFailure) -> bool:
        """Another attempt would say the beginning twice, or make the person wait twice."""
        timed_out = isinstance(failure, EngineTimeout)
        too_late = (failure.retry_after_s or 0.0) > self.deadlines.first_token_s
        return failure.retryable and not timed_out and not too_late and not self.record.text

    async def _leave_alone(self, seconds: float | None) -> None:
        """As long as the service wants it."""
        if seconds:
            with move_on_after(seconds, "retry after"):
                await trio.sleep_forever()

    async def _stream(self, responder: Responder) -> None:
        writing = Writing(self.deadlines)
        async with AsyncExitStack() as stack:
            parts: AsyncIterator[ReplyPart] | None = None
            wishes: list[Wish] = []
            while True:
                began_s = current_time()
                with engine_deadline(writing.limit_s, "the language model", writing.overrun):
                    if parts is None:
                        # Opening the request and the first sign of life share one deadline.
                        parts = await stack.enter_async_context(responder.reply(self.conversation))
                    part = await anext(parts, None)
                writing.waited(current_time() - began_s)
                match part:
                    case None:
                        break
                    case str():
                        await self._tokens(writing.take(part))
                    case Alive():
                        writing.sign()
                    case Remark():
                        await self._remark(part)
                    case _:
                        wishes.append(part)
            await self._tokens(last_of(writing))
            self.record.wishes = tuple(wishes)

    async def _tokens(self, tokens: Sequence[str]) -> None:
        record = self.record
        for token in tokens:
            if record.first_token_s is None:
                record.first_token_s = current_time()
                self.telemetry.stage("first_token", record.first_token_s - record.final_s)
            record.text += token
            await self.outbox.send(Token(text=token, turn=record.turn))
            await self.pieces.send(TextPiece(text=token))

    async def _remark(self, remark: Remark) -> None:
        self.telemetry.count("remarks")
        self.log.warning("reply_cut_short", turn=self.record.turn, why=remark.text)
        await self.outbox.send(Info(message=remark.text, turn=self.record.turn))

    async def _tell(self, failure: EngineFailure) -> None:
        self.record.failed = True
        code = Code.LLM_TIMEOUT if isinstance(failure, EngineTimeout) else Code.LLM_FAIL
        # A missing model costs this reply, not the session: it stays usable for transcripts.
        await self.outbox.send(
            Failure(code=code, message=str(failure), recoverable=True, turn=self.record.turn)
        )
        if self.failure_sentence:
            await self.pieces.send(Aside(text=self.failure_sentence))

    async def _end(self) -> None:
        await self.reports.send(ReplyWritten(turn=self.record.turn))
        await self.pieces.send(EndOfReply())
