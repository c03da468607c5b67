"""The responder that nobody had to set up: a model server on this machine, as soon as there is one.

`run` looks for one (servers.py), has it answer a word, so that its model is loaded and it is known
to talk, and from then on it answers. While there is none, and when it has gone, the rules do. It is
looked for again and again: starting Ollama is enough.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
import trio

from ...config import Answering
from ...protocol.chat import ChatMessage, ToolOffer
from ..failures import EngineFailure, EngineTimeout, EngineUnreachable
from . import servers
from .interface import Described, ReplyPart, Responder, answers_by_rules, offering
from .local import LocalResponder
from .offered import WithTools
from .openai import OpenAIResponder, open_openai
from .servers import ModelServer, Seen, look_at, look_at_all

LOOK_EVERY_S = 5.0
"""How soon a server that was just started is found."""

LOAD_S = 120.0
"""How long a server may take to load a model and say the first word."""

AGAIN_S = 60.0
"""A server that could not answer is not asked for a word again before that: each try may load a
model."""

CHECK_S = 30.0
"""How often it is looked whether the server in use is still there, so that what is told of it is
true."""

KEEP_LOADED_S = 240.0
"""Ollama unloads a model that was not used for five minutes. After four, the beginning of speech
has it say a word again, so that it is loaded when the words are there."""

HELLO = (ChatMessage(role="user", text="Say hello."),)


@dataclass(slots=True)
class _InUse:
    seen: Seen
    responder: OpenAIResponder
    used_s: float
    doubted: trio.Event = field(default_factory=trio.Event)
    """Set when a connection to it failed."""
    warming: bool = False


@dataclass(slots=True, kw_only=True)
class FoundResponder:
    """Satisfies Responder, CallsTools, Warms, Runs and Described. One per server."""

    wanted: str | None
    """The model that the settings name; None: any that talks."""
    max_tokens: int
    temperature: float | None
    avoid_ports: frozenset[int] = frozenset()
    """Where Parley itself listens."""
    meanwhile: Responder = field(default_factory=LocalResponder)
    """Answers while there is no server."""
    _in_use: _InUse | None = field(default=None, init=False)
    _loading: Seen | None = field(default=None, init=False)
    _lacks: str = field(default="", init=False)
    """What a server that is there lacks, by the newest look; empty: there is none."""
    _told: set[str] = field(default_factory=set, init=False)
    """Problems that the log has, since a server was found last."""
    _failed_s: dict[int, float] = field(default_factory=dict, init=False)
    """When a server could not answer, by port."""

    def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AbstractAsyncContextManager[AsyncIterator[ReplyPart]]:
        return self.reply_with(conversation, ())

    def with_tools(self, tools: Sequence[ToolOffer]) -> WithTools:
        """Whoever answers then offers them, if it can."""
        return WithTools(self, tuple(tools))

    @asynccontextmanager
    async def reply_with(
        self, conversation: Sequence[ChatMessage], tools: Sequence[ToolOffer]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        async with AsyncExitStack() as stack:
            yield await self._parts(stack, conversation, tools)

    async def _parts(
        self,
        stack: AsyncExitStack,
        conversation: Sequence[ChatMessage],
        tools: Sequence[ToolOffer],
    ) -> AsyncIterator[ReplyPart]:
        in_use = self._in_use
        if in_use is not None:
            in_use.used_s = trio.current_time()
            try:
                found = offering(in_use.responder, tools)
                return await stack.enter_async_context(found.reply(conversation))
            except EngineUnreachable:
                in_use.doubted.set()
        meanwhile = offering(self.meanwhile, tools)
        return await stack.enter_async_context(meanwhile.reply(conversation))

    async def warm(self) -> None:
        in_use = self._in_use
        if in_use is None or in_use.warming:
            await trio.lowlevel.checkpoint()
            return
        if trio.current_time() - in_use.used_s < KEEP_LOADED_S:
            await in_use.responder.warm()
            return
        in_use.warming = True
        try:
            await _first_word(in_use.responder)
            in_use.used_s = trio.current_time()
        except EngineFailure:
            in_use.doubted.set()
        finally:
            in_use.warming = False

    @property
    def by_rules(self) -> bool:
        return self._in_use is None and answers_by_rules(self.meanwhile)

    def described(self) -> str:
        if self._in_use is not None:
            return _name(self._in_use.seen)
        other = self.meanwhile
        until = other.described() if isinstance(other, Described) else type(other).__name__
        if self._loading is not None:
            return (
                f"{_name(self._loading)}, which is loading; until then {until.partition(': ')[0]}"
            )
        return until

    def advice(self) -> str | None:
        if self._in_use is not None or self._loading is not None:
            return None
        if not isinstance(self.meanwhile, LocalResponder):
            return None
        return self._lacks or "start Ollama or LM Studio, it is found; or OPENAI_API_KEY"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look for a server, use it while it is there, look again. `started` after the first look.
        Returns where there is nowhere to look."""
        places = [server for server in servers.SERVERS if server.port not in self.avoid_ports]
        seen = await look_at_all(places, self.wanted) if places else []
        self._loading = next((one for one in seen if one.model is not None), None)
        self._learn(seen)
        task_status.started()
        while places:
            for one in seen:
                await self._try(one)
            await trio.sleep(LOOK_EVERY_S)
            seen = await look_at_all(places, self.wanted)
            self._learn(seen)

    def _learn(self, seen: Sequence[Seen]) -> None:
        lacking = (one for one in seen if one.for_people)
        self._lacks = next((f"{one.server.program} runs, and {one.problem}" for one in lacking), "")

    async def _try(self, seen: Seen) -> None:
        """Use this server for as long as it is there, if it can talk."""
        log = structlog.get_logger()
        port, now_s = seen.server.port, trio.current_time()
        if seen.model is None:
            if seen.for_people:
                self._tell("model_server_not_usable", seen, seen.problem)
            return
        if now_s - self._failed_s.get(port, -AGAIN_S) < AGAIN_S:
            return
        self._loading = seen
        try:
            async with open_openai(model=seen.model, **self._limits(seen.server)) as responder:
                await _first_word(responder)
                self._loading = None
                self._in_use = _InUse(seen, responder, trio.current_time())
                self._told.clear()
                log.info("model_found", program=seen.server.program, port=port, model=seen.model)
                await self._until_gone(self._in_use)
                log.warning("model_gone", program=seen.server.program, port=port)
        except EngineFailure as failure:
            self._failed_s[port] = trio.current_time()
            self._tell("model_server_not_usable", seen, str(failure))
        finally:
            self._in_use = self._loading = None

    def _limits(self, server: ModelServer) -> dict[str, Any]:
        return {
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "base_url": server.base_url,
        }

    async def _until_gone(self, in_use: _InUse) -> None:
        while True:
            with trio.move_on_after(CHECK_S):
                await in_use.doubted.wait()
            if in_use.doubted.is_set():
                in_use.doubted = trio.Event()
            seen = await look_at(in_use.seen.server, self.wanted)
            if seen is None or (seen.model is None and seen.for_people):
                return

    def _tell(self, event: str, seen: Seen, problem: str) -> None:
        """A row of the same problem is told once."""
        if problem not in self._told:
            self._told.add(problem)
            server = seen.server
            structlog.get_logger().warning(
                event, program=server.program, port=server.port, error=problem
            )


async def _first_word(responder: Responder) -> None:
    """Have the model say one. Raises EngineFailure where it cannot, or takes too long."""
    with trio.move_on_after(LOAD_S):
        async with responder.reply(HELLO) as tokens:
            await anext(tokens, None)
            return
    raise EngineTimeout(f"its model said nothing within {LOAD_S:.0f} s")


def _name(seen: Seen) -> str:
    model = (seen.model or "").rpartition("/")[2]  # llama.cpp calls a model by its path
    return f"{model} by {seen.server.program} (port {seen.server.port})"


def opened(answering: Answering) -> FoundResponder:
    """As the settings describe it."""
    return FoundResponder(
        wanted=answering.named_model,
        max_tokens=answering.max_tokens,
        temperature=answering.temperature,
        avoid_ports=frozenset({answering.own_port, answering.own_engine_port}),
    )
