"""An agent at work in one call: its code runs here, in the session's tree, and ends with it.

Satisfies the session's Conductor. The agent's tasks are none of the session's own: in a recorded
session only what they do is let in, one effect at a time, so that their code may be any code.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
import trio

from ..config import Acting
from ..conversation.caller import Caller
from ..conversation.events import SessionEvent, ToolCalled, ToolsDropped
from ..conversation.spoken_sentences import sentence_for
from ..conversation.text.tables import Tables
from ..conversation.writing import visible_text
from ..engines.llm.interface import Responder, answers_by_rules
from ..protocol.chat import ChatMessage
from ..protocol.effects import (
    AnyEffect,
    Conduct,
    ConductorFailed,
    FindOutWhoAnswers,
    ForgetItems,
    OfferedTool,
    OfferTools,
    ReturnResult,
    Say,
    SetInstructions,
)
from ..protocol.kept import KeptConversation
from ..protocol.tool_calls import Outcome, ToolResult
from ..turnstile import outside
from .agent import Agent, Words
from .call import Call
from .kept_state import CannotKeep, kept_state, restored_state
from .tool import Tool
from .tool_runs import ToolRun
from .voicemail import leave_message

EFFECTS_WAITING = 64
"""What an agent's code may do ahead of the session. Whoever does more waits."""

DIRECTION, OUTBOUND = "direction", "outbound"
"""The parameter of a call that Parley made, and its value."""

TAKE_ON_S = 10.0
"""How long an agent's functions may take over instructions and greeting: the caller waits."""


class RunningAgent:
    """One for each call. `more_tools` gives those of MCP servers, as they are when it is asked;
    `tools_changed` comes back when they have changed more often than it is told."""

    def __init__(
        self,
        agent: Agent[Any],
        caller: Caller,
        *,
        acting: Acting,
        responder: Responder,
        threads: trio.CapacityLimiter,
        tables: Tables | None = None,
        more_tools: Callable[[Agent[Any]], Sequence[Tool]] = lambda agent: (),
        tools_changed: Callable[[int], Awaitable[int]] | None = None,
        goes_on: KeptConversation | None = None,
    ) -> None:
        """`goes_on` is what the call was before, on another connection: it is not greeted again."""
        self._goes_on = goes_on
        self._cannot_keep = False
        self.threads = threads
        self._acting = acting
        self._responder = responder
        self._tables = tables
        self._more_tools = more_tools
        self._tools_changed = tools_changed
        self._log = structlog.get_logger().bind(session_id=caller.session_id, agent=agent.name)
        self.effects_channel, self._effects_in = trio.open_memory_channel[AnyEffect](
            EFFECTS_WAITING
        )
        self._nursery: trio.Nursery | None = None
        self._code = trio.CancelScope()
        self._tools: dict[str, Tool] = {}
        self._offered_tools: OfferTools | None = None
        self._runs: dict[str, ToolRun] = {}
        self.begun = trio.Event()
        """Set when the session has been told all that the agent begins a call with."""
        self.failure: Exception | None = None
        """What its code raised first."""
        self._agent = agent
        self._caller = caller
        self._call: Call[Any] | None = None

    # For the session

    @asynccontextmanager
    async def effects(self) -> AsyncIterator[AsyncIterator[AnyEffect]]:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self.start(functools.partial(self._begin, self._agent, first=self._goes_on is None))
            try:
                yield self._effects_in
            finally:
                nursery.cancel_scope.cancel()
                self._nursery = None

    def tell(self, event: SessionEvent) -> None:
        if isinstance(event, ToolCalled):
            self.start(functools.partial(self._run_tool, event))
        elif isinstance(event, ToolsDropped):
            for run in list(self._runs.values()):
                if run.turn == event.turn:
                    run.interrupt()
        if self._call is not None:
            self._call._happened(event)

    def kept_state(self) -> Any:
        """What the agent's code has of its own in this call, as JSON values; None: nothing, or it
        cannot be kept, which the log says once."""
        if self._call is None or self._call.state is None or self._cannot_keep:
            return None
        try:
            return kept_state(self._call.state)
        except CannotKeep as problem:
            self._cannot_keep = True
            self._log.warning("agent_state_not_kept", why=str(problem))
            return None

    @property
    def call(self) -> Call[Any] | None:
        """None before it has begun."""
        return self._call

    # For the call

    def start(self, code: Callable[[], Awaitable[object]]) -> None:
        """Run code of the agent's beside the rest. After the call: nothing."""
        if self._nursery is not None:
            with outside():
                self._nursery.start_soon(self._guarded, code)

    async def hand_over(self, agent: Agent[Any], *, memory: bool) -> None:
        """Have another agent answer. The `on_call` code of the one before ends then, also where it
        is what called this."""
        code = self._code
        if not memory:
            await self._do(ForgetItems())
        await self._take_on(agent, first=False)
        self.start(self._run_code)
        code.cancel()

    async def complete(self, prompt: str, system: str) -> str:
        messages = [ChatMessage(role="user", text=prompt)]
        if system:
            messages.insert(0, ChatMessage(role="system", text=system))
        async with self._responder.reply(messages) as parts:
            text = "".join([part async for part in parts if isinstance(part, str)])
        return visible_text(text).strip()

    @property
    def has_model(self) -> bool:
        return not answers_by_rules(self._responder)

    # Its own tasks

    async def _guarded(self, code: Callable[[], Awaitable[object]]) -> None:
        """Code that crashes costs its call, and is told once."""
        try:
            await code()
        except Exception as error:  # the agent's mistake; KeyboardInterrupt and the like go on
            self._log.error("agent_failed", exc_info=error)
            if self.failure is None:
                self.failure = error
                what = f"the agent's code failed ({type(error).__name__})"
                await self._do(ConductorFailed(message=what))

    async def _begin(self, agent: Agent[Any], *, first: bool) -> None:
        await self._take_on(agent, first=first)
        if self._tools_changed is not None:
            self.start(functools.partial(self._follow_tools, self._tools_changed))
        self.begun.set()
        if self._caller.parameters.get(DIRECTION) == OUTBOUND:
            await self._do(FindOutWhoAnswers())
            if agent.voicemail is not None:
                self.start(functools.partial(leave_message, self._the_call, agent.voicemail))
        await self._run_code()

    async def _run_code(self) -> None:
        call = self._the_call
        if call.agent.code is not None:
            self._code = trio.CancelScope()
            with self._code:
                await call.agent.code(call)

    async def _take_on(self, agent: Agent[Any], *, first: bool) -> None:
        """Tell the session who answers, and how."""
        call = self._call
        if call is None:
            state = agent.state() if agent.state else None
            if self._goes_on is not None and self._goes_on.agent == agent.name:
                state = restored_state(self._goes_on.state, state)
            call = self._call = Call(self._caller, agent, state, self)
        elif agent.state is not None:
            call.state = agent.state()
        call.agent = agent
        with trio.fail_after(TAKE_ON_S):
            words = await _words(agent.instructions, call) or self._acting.system_prompt
            greeting = await _words(agent.greeting, call) if first else ""
        if agent.instructions and agent.spoken_style:
            words = f"{words}\n{agent.spoken_style}"
        await self._do(SetInstructions(text=call.filled(words)))
        await self._offer_tools(agent)
        await self._do(Conduct(name=agent.name, voice=agent.voice, model=agent.model))
        if greeting := call.filled(greeting):
            interruptible = agent.greeting_interruptible
            await self._do(Say(id=0, text=greeting, interruptible=interruptible))

    async def _offer_tools(self, agent: Agent[Any]) -> None:
        """Have the model know the agent's tools, where it does not already."""
        tools = [*agent.tools, *self._more_tools(agent)]
        self._tools = {tool.name: tool for tool in tools}
        offer = OfferTools(tools=tuple(self._offered(tool) for tool in tools))
        if offer != self._offered_tools:
            self._offered_tools = offer
            await self._do(offer)

    async def _follow_tools(self, changed: Callable[[int], Awaitable[int]]) -> None:
        """An MCP server may come, or get other tools, during the call."""
        changes = 0
        while True:
            changes = await changed(changes)
            await self._offer_tools(self._the_call.agent)

    def _offered(self, tool: Tool) -> OfferedTool:
        acting = self._acting
        filler = acting.tool_filler if tool.filler is None else tool.filler
        return OfferedTool(
            name=tool.name,
            description=tool.description,
            parameters=tool.parameters,
            must_finish=tool.must_finish,
            filler=sentence_for("wait", filler, acting.language, self._tables),
            filler_after_s=acting.tool_filler_s,
        )

    async def _run_tool(self, event: ToolCalled) -> None:
        asked, tool = event.call, self._tools.get(event.call.name)
        if tool is None:  # another agent has taken over in this very moment
            output = f"error: there is no tool {asked.name!r} any more"
            await self._give(ToolResult(call_id=asked.id, output=output, outcome=Outcome.FAILED))
            return
        run = ToolRun(
            call=self._the_call,
            asked=asked,
            tool=tool,
            turn=event.turn,
            timeout_s=self._acting.tool_timeout_s if tool.timeout_s is None else tool.timeout_s,
            give=self._give,
            take_over=self._take_over,
            log=self._log,
        )
        self._runs[asked.id] = run
        try:
            await run.run()
        finally:
            del self._runs[asked.id]

    async def _take_over(self, agent: Agent[Any]) -> str:
        await self.hand_over(agent, memory=True)
        return f"{agent.name} has taken over the call and speaks now."

    async def _give(self, result: ToolResult) -> None:
        await self._do(ReturnResult(result=result))

    async def _do(self, effect: AnyEffect) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self.effects_channel.send(effect)

    @property
    def _the_call(self) -> Call[Any]:
        if self._call is None:
            raise RuntimeError("the call has not begun")
        return self._call


async def _words(words: Words, call: Call[Any]) -> str:
    """Words, or what a function of the call gives, now or later."""
    if isinstance(words, str):
        return words
    found = words(call)
    return await found if inspect.isawaitable(found) else found
