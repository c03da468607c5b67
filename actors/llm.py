"""LLMActor: a conversation in, tokens out. One per turn, transient.

A model that calls tools is asked again, with what they returned, until it calls none: a reply has
rounds. Who runs tools is no affair of this actor; it reports the calls and waits for the news that
all of them are done, for as long as that takes: each tool has a deadline of its own. After
`max_rounds` the model is offered no tools any more, so that it has to answer.

A language model that fails is asked once more here, in the actor, but only while nothing of the
reply has left; then a second one is, where there is one. After that the reply ends where it is,
with LLM_FAIL or LLM_TIMEOUT; what was phrased is still spoken, and a sentence behind it says that
this was all. A failure of the model never crashes the actor. A bug does: the restart begins the
round again by the same rule, and counts the crash as one of its attempts.

What of a model's text is for people, and how long to wait for it, is decided by
`conversation.writing`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from math import inf

import structlog
import trio

from ..conversation.attempts import Attempts
from ..conversation.later import Wish
from ..conversation.record import TurnRecord
from ..conversation.writing import LLMDeadlines, Writing
from ..engines.deadline import closing_in_time, engine_deadline
from ..engines.failures import EngineFailure, EngineTimeout
from ..engines.llm.interface import Alive, Remark, ReplyPart, Responder, last_of, second_of
from ..protocol.chat import ChatMessage, ToolCall
from ..protocol.codes import Code
from ..protocol.events import Failure, Info, Outbound, Token
from ..telemetry import Telemetry
from ..turnstile import SendsItems, current_time, move_on_after, move_on_at
from .messages import (
    Aside,
    EndOfReply,
    EndOfRound,
    ReplyWritten,
    Report,
    TextPiece,
    ToolsCalled,
)
from .tool_returns import ToolReturns

MAX_ROUNDS = 8
"""How often the model of one reply may call tools, where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model is asked in one round, and who answers."""

    conversation: Sequence[ChatMessage]
    responder: Responder


@dataclass(slots=True, kw_only=True)
class LLMActor:
    asked: Asked
    """In the first round."""
    pieces: trio.MemorySendChannel[TextPiece | Aside | EndOfRound | EndOfReply]
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
    returns: ToolReturns = field(default_factory=ToolReturns)
    ask_again: Callable[[bool], Asked | None] | None = None
    """What is asked in a later round; with False no tools are offered. Gives None where the reply
    ends there."""
    max_rounds: int = MAX_ROUNDS

    _untold: EngineFailure | None = field(default=None, init=False)
    """Why the reply is not whole, until the client knows."""
    _failure_told: bool = field(default=False, init=False)
    _written_told: bool = field(default=False, init=False)

    async def run(self) -> None:
        if not self.record.written:
            self._untold = await self._write()
            self.record.written = True
        if self._untold is not None:
            await self._tell(self._untold)
        await self._end()

    async def _write(self) -> EngineFailure | None:
        """Have the reply written, round by round. Gives why it is not whole, or None."""
        rounds = self.record.rounds
        while True:
            if not rounds.calls:
                failure = await self._write_round()
                if failure is not None or not rounds.calls:
                    return failure
            if rounds.over >= self.max_rounds or self.ask_again is None:
                what = f"the language model called tools {rounds.over + 1} times and did not answer"
                return EngineFailure(what, retryable=False)
            await self._have_called()
            rounds.next(len(self.record.text))
            self.returns.next_round()
            self.attempts.put_down()
            self.second_attempts.put_down()

    async def _write_round(self) -> EngineFailure | None:
        """Have one round written by whom that takes."""
        asked = self._asked()
        if asked is None:
            return None
        failure = await self._attempt(asked, asked.responder, self.attempts)
        second = second_of(asked.responder)
        if failure is None or self._has_text or second is None or self.second_attempts.spent:
            return failure
        self.telemetry.count("second_models")
        self.log.warning("second_model_asked", turn=self.record.turn, error=str(failure))
        failed = await self._attempt(asked, second, self.second_attempts)
        if failed is None or self._has_text:
            return failed
        both = f"{failed}; before it: {failure}"
        return EngineTimeout(both) if isinstance(failed, EngineTimeout) else EngineFailure(both)

    def _asked(self) -> Asked | None:
        rounds = self.record.rounds
        if rounds.over == 0 or self.ask_again is None:
            return self.asked
        return self.ask_again(rounds.over < self.max_rounds)

    @property
    def _has_text(self) -> bool:
        """Whether something of the round in hand has left."""
        return len(self.record.text) > self.record.rounds.text_from

    async def _attempt(
        self, asked: Asked, responder: Responder, attempts: Attempts[TurnRecord]
    ) -> EngineFailure | None:
        """Write the round, in as many attempts as there are left. Gives why it is not whole, or
        None."""
        failure = EngineFailure("the language model crashed twice on this reply")
        if self._has_text and not attempts.spent:
            # Only an incarnation before this one can have said something.
            return EngineFailure("the language model crashed in the middle of a reply")
        wanted_s: float | None = None
        while not attempts.spent:
            await self._leave_alone(wanted_s)
            attempts.attempt()
            try:
                await self._stream(responder, asked.conversation)
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
        return failure.retryable and not timed_out and not too_late and not self._has_text

    async def _leave_alone(self, seconds: float | None) -> None:
        """As long as the service wants it."""
        if seconds:
            with move_on_after(seconds, "retry after"):
                await trio.sleep_forever()

    async def _stream(self, responder: Responder, conversation: Sequence[ChatMessage]) -> None:
        writing = Writing(self.deadlines)
        async with AsyncExitStack() as stack:
            parts: AsyncIterator[ReplyPart] | None = None
            wishes: list[Wish] = []
            calls: list[ToolCall] = []
            pieces, alive = 0, False
            while True:
                began_s = current_time()
                if alive:
                    await trio.lowlevel.checkpoint()  # a stream of signs may never wait
                with engine_deadline(writing.limit_s, "the language model", writing.overrun):
                    if parts is None:
                        # Opening the request and the first sign of life share one deadline.
                        parts = await stack.enter_async_context(
                            closing_in_time(responder.reply(conversation), "the language model")
                        )
                    part = await anext(parts, None)
                writing.waited(current_time() - began_s)
                if writing.late and not isinstance(part, str | None):
                    raise EngineTimeout(writing.overrun or "the language model took too long")
                alive = isinstance(part, Alive)
                match part:
                    case None:
                        break
                    case str() if 0 < self.record.max_tokens <= pieces:
                        self.record.too_long = True
                        break
                    case str():
                        pieces += 1
                        await self._tokens(writing.take(part))
                    case Alive():
                        writing.sign()
                    case ToolCall():
                        writing.sign()
                        calls.append(part)
                    case Remark():
                        await self._remark(part)
                    case _:
                        wishes.append(part)
            await self._tokens(last_of(writing, silent=bool(calls)))
            self.record.wishes = (*self.record.wishes, *wishes)
            self.record.rounds.calls = tuple(calls)

    async def _tokens(self, tokens: Sequence[str]) -> None:
        record = self.record
        for token in tokens:
            if record.first_token_s is None:
                record.first_token_s = current_time()
                self.telemetry.stage("first_token", record.first_token_s - record.final_s)
            if not self._has_text and record.text and not record.text[-1].isspace():
                token = f" {token}"  # what was said before the tools were called is another word
            record.text += token
            await self.outbox.send(Token(text=token, turn=record.turn))
            await self.pieces.send(TextPiece(text=token))

    async def _have_called(self) -> None:
        """Have the tools of this round called, and wait for all of them."""
        rounds, returns = self.record.rounds, self.returns
        if not rounds.told:
            await self.pieces.send(EndOfRound())
            await self.reports.send(ToolsCalled(turn=self.record.turn, calls=rounds.calls))
            rounds.told = True
        filler_s = inf
        filler_open = not self._has_text  # who has said that it will look needs no filler
        while True:
            while (text := returns.to_say()) is not None:
                filler_s, filler_open = inf, False
                await self.pieces.send(Aside(text=text))
            if returns.over:
                return
            if current_time() >= filler_s:
                filler_s = inf
                await self.pieces.send(Aside(text=returns.filler))
                continue
            if returns.begun and filler_open and returns.filler:
                filler_s, filler_open = current_time() + returns.filler_after_s, False
            with move_on_at(filler_s, "tool filler"):
                await returns.wait()

    async def _remark(self, remark: Remark) -> None:
        self.telemetry.count("remarks")
        self.log.warning("reply_cut_short", turn=self.record.turn, why=remark.text)
        await self.outbox.send(Info(message=remark.text, turn=self.record.turn))

    async def _tell(self, failure: EngineFailure) -> None:
        self.record.failed, self.record.failure = True, str(failure)
        code = Code.LLM_TIMEOUT if isinstance(failure, EngineTimeout) else Code.LLM_FAIL
        # A missing model costs this reply, not the session: it stays usable for transcripts.
        if not self._failure_told:
            await self.outbox.send(
                Failure(code=code, message=str(failure), recoverable=True, turn=self.record.turn)
            )
            self._failure_told = True
        if self.failure_sentence:
            await self.pieces.send(Aside(text=self.failure_sentence))
        self._untold = None

    async def _end(self) -> None:
        if not self._written_told:
            await self.reports.send(ReplyWritten(turn=self.record.turn))
            self._written_told = True
        await self.pieces.send(EndOfReply())
