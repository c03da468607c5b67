"""POST /v1/chat/completions: the model that answers in conversations, asked in writing.

The request's messages are what the model sees. Where none of them is the system's, the agent's
instructions come first, or those of the settings. Tools that the client offers are passed on, and
their calls come back to it; tools of agents belong to calls, and are not run here.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any

import trio

from ...agents.registry import Agents
from ...config import Settings
from ...engines.kit import Engines
from ...engines.llm.interface import ChatMessage
from ...protocol.chat import ToolCall
from ...wallclock import unix_ms
from ..http.engine_calls import EngineCalls
from ..http.front import Answer
from ..http.head import BadRequest, Head
from ..http.places import Places
from ..http.refusals import error_body
from ..http.request_body import read_body
from ..http.request_stream import while_connected
from ..http.responses import Response, Send, StreamedResponse, json_response
from . import sse
from .chat_body import ChatRequest, chat_request
from .chat_reply import reply_parts
from .failures import refused

BODY_LIMIT_BYTES = 4 * 1024 * 1024
BODY_LIMIT_S = 30.0
CHATS_AT_ONCE = 4
"""Replies that are written at once: a model on this machine has its sessions to answer, too."""
CHARS_PER_TOKEN = 4
"""About, in English: no responder here counts its tokens."""


class Chat:
    """The handler, for a Front. `model` names what answers, where a request names nothing."""

    def __init__(
        self,
        engines: Engines,
        settings: Settings,
        agents: Agents,
        calls: EngineCalls,
        places: Places,
        model: str,
    ) -> None:
        self._engines = engines
        self._answering = settings.answering
        self._agents = agents
        self._calls = calls
        self._places = places
        self._model = model
        self._turns = trio.Semaphore(CHATS_AT_ONCE)

    async def complete(self, head: Head, stream: trio.abc.Stream) -> Answer:
        async with AsyncExitStack() as stack:
            stack.enter_context(self._places.taken(status=429))
            request = chat_request(await read_body(stream, head, BODY_LIMIT_BYTES, BODY_LIMIT_S))
            messages = self._messages(request)
            if not request.stream:
                return await while_connected(stream, lambda: self._whole(request, messages))
            kept = stack.pop_all()

        async def write(send: Send) -> None:
            async with kept:
                await self._streamed(request, messages, send)

        return StreamedResponse(sse.HEADERS, write)

    def _messages(self, request: ChatRequest) -> Sequence[ChatMessage]:
        if any(message.role == "system" for message in request.messages):
            return request.messages
        system = self._answering.system_prompt
        named = request.model if request.model in self._agents.names else ""
        agent = self._agents.choose(named or "")
        if agent is not None and isinstance(agent.instructions, str) and agent.instructions:
            system = "\n\n".join(filter(None, (agent.instructions, agent.spoken_style)))
        if not system:
            return request.messages
        return [ChatMessage(role="system", text=system), *request.messages]

    async def _whole(self, request: ChatRequest, messages: Sequence[ChatMessage]) -> Response:
        said, called = await self._said(request, messages, None)
        message: dict[str, Any] = {"role": "assistant", "content": said or None, "refusal": None}
        if called:
            message["tool_calls"] = [_call(call) for call in called]
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": _finish(called),
        }
        body = self._frame(request, "chat.completion")
        return json_response({**body, "choices": [choice], "usage": _usage(messages, said, called)})

    async def _streamed(
        self, request: ChatRequest, messages: Sequence[ChatMessage], send: Send
    ) -> None:
        frame = self._frame(request, "chat.completion.chunk")
        begun = False

        async def chunk(delta: dict[str, Any], finish: str | None = None) -> None:
            nonlocal begun
            if not begun:
                begun = True
                await chunk({"role": "assistant", "content": ""})
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            await send(sse.event({**frame, "choices": [choice]}))

        try:
            said, called = await self._said(request, messages, chunk)
        except BadRequest as problem:
            if not begun:
                raise
            await send(sse.event(error_body(problem.status, problem.message)))
            return
        await chunk({}, _finish(called))
        if request.usage:
            usage = _usage(messages, said, called)
            await send(sse.event({**frame, "choices": [], "usage": usage}))
        await send(sse.DONE)

    async def _said(
        self,
        request: ChatRequest,
        messages: Sequence[ChatMessage],
        tell: Callable[[dict[str, Any]], Any] | None,
    ) -> tuple[str, list[ToolCall]]:
        """The reply's text and calls; `tell` is given each part. Raises BadRequest."""
        said, called = "", list[ToolCall]()
        parts = reply_parts(
            self._engines.responder, messages, request.tools, self._answering, self._calls
        )
        with refused():
            async with self._turns, aclosing(parts):
                async for part in parts:
                    if isinstance(part, str):
                        said += part
                        delta: dict[str, Any] = {"content": part}
                    else:
                        delta = {"tool_calls": [{"index": len(called), **_call(part)}]}
                        called.append(part)
                    if tell is not None:
                        await tell(delta)
        return said, called

    def _frame(self, request: ChatRequest, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": kind,
            "created": unix_ms() // 1000,
            "model": request.model or self._model,
        }


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {
        "id": call.id or f"call_{uuid.uuid4().hex}",
        "type": "function",
        "function": function,
    }


def _finish(called: Sequence[ToolCall]) -> str:
    return "tool_calls" if called else "stop"


def _usage(
    messages: Sequence[ChatMessage], said: str, called: Sequence[ToolCall]
) -> dict[str, int]:
    """An estimate, by characters: clients want numbers, and some stop without them."""
    asked = sum(len(message.text) for message in messages)
    answered = len(said) + sum(len(call.name) + len(call.arguments) for call in called)
    prompt, completion = (math.ceil(chars / CHARS_PER_TOKEN) for chars in (asked, answered))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
