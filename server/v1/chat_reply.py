"""A responder's reply, part by part, under the deadlines that sessions have."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from typing import TypeAlias

import structlog
import trio

from ...config import Answering
from ...conversation.writing import LLMDeadlines, Writing
from ...engines.deadline import closing_in_time
from ...engines.failures import EngineFailure
from ...engines.llm.interface import (
    Alive,
    ChatMessage,
    Responder,
    ToolCall,
    ToolOffer,
    last_of,
    offering,
    second_of,
)
from ..http.engine_calls import EngineCalls

Said: TypeAlias = str | ToolCall
REPLY_LIMIT_CHARS = 100_000
"""A model that writes on and on is cut there; OPENAI_MAX_TOKENS ends it much earlier."""


async def reply_parts(
    responder: Responder,
    messages: Sequence[ChatMessage],
    tools: Sequence[ToolOffer],
    answering: Answering,
    calls: EngineCalls,
) -> AsyncGenerator[Said, None]:
    """Words and calls of tools. The second model is asked where the first one has failed before it
    said anything. Raises EngineFailure."""
    begun = False
    try:
        async for part in _parts(offering(responder, tools), messages, answering, calls):
            begun = True
            yield part
        return
    except EngineFailure as failure:
        second = second_of(responder)
        if begun or second is None:
            raise
        calls.telemetry.count("second_models")
        structlog.get_logger().warning("second_model_asked", error=str(failure))
    async for part in _parts(offering(second, tools), messages, answering, calls):
        yield part


async def _parts(
    responder: Responder, messages: Sequence[ChatMessage], answering: Answering, calls: EngineCalls
) -> AsyncGenerator[Said, None]:
    writing = Writing(
        LLMDeadlines(
            first_token_s=answering.first_token_timeout_s,
            gap_s=answering.gap_timeout_s,
            total_s=answering.timeout_s,
            first_word_s=answering.first_word_timeout_s,
        )
    )
    called, chars = False, 0
    async with AsyncExitStack() as stack:
        parts = None
        while chars < REPLY_LIMIT_CHARS:
            began_s = trio.current_time()
            with calls.call("llm", writing.limit_s, "the language model", writing.overrun):
                if parts is None:
                    reply = closing_in_time(responder.reply(messages), "the language model")
                    parts = await stack.enter_async_context(reply)
                part = await anext(parts, None)
                last = last_of(writing, silent=called) if part is None else []
            writing.waited(trio.current_time() - began_s)
            if part is None:
                for text in last:
                    yield text
                return
            match part:
                case str():
                    for text in writing.take(part):
                        chars += len(text)
                        yield text
                case ToolCall():
                    writing.sign()
                    called = True
                    yield part
                case Alive():
                    writing.sign()
