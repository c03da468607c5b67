"""One call of a tool while it runs: its deadline, its cancellation, and its one result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

import structlog
import trio

from ..protocol.chat import ToolCall
from ..protocol.tool_calls import Outcome, ToolResult, shown
from .agent import Agent
from .call import Call
from .tool import BadCall, BadReturn, Tool, ToolFailed, told

INTERRUPTED = "The person interrupted, and the tool was cancelled."


@dataclass(eq=False, slots=True, kw_only=True)
class ToolRun:
    """`give` takes the result; it is called once, whatever happens. `take_over` hands the call to
    an agent that the tool returned, and says what the model is told of that."""

    call: Call[Any]
    asked: ToolCall
    tool: Tool
    turn: int
    timeout_s: float
    give: Callable[[ToolResult], Awaitable[None]]
    take_over: Callable[[Agent[Any]], Awaitable[str]]
    log: structlog.typing.FilteringBoundLogger
    _scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    _began_s: float = 0.0
    _given: bool = False
    _interrupted: bool = False

    def interrupt(self) -> None:
        """Nobody waits for it any more. It is cancelled, unless it must finish."""
        if not self.tool.must_finish:
            self._interrupted = True
            self._scope.cancel()

    async def run(self) -> None:
        """To its result. Raises nothing."""
        self._began_s = trio.current_time()
        self._scope.shield = self.tool.must_finish
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._until_overdue)
            with self._scope:
                output, outcome = await self._outcome()
            if self._scope.cancelled_caught:
                output, outcome = INTERRUPTED, Outcome.CANCELLED
            await self._finish(output, outcome)
            nursery.cancel_scope.cancel()

    async def _until_overdue(self) -> None:
        """The result is there in time, also where the tool does not let itself be cancelled."""
        with trio.CancelScope(shield=self.tool.must_finish):
            await trio.sleep(self.timeout_s if self.timeout_s > 0 else inf)
        self._scope.cancel()
        late = f"error: the tool took longer than {self.timeout_s:g} s and was cancelled"
        await self._finish(late, Outcome.FAILED)

    async def _outcome(self) -> tuple[str, Outcome]:
        try:
            arguments = self.tool.arguments(self.asked.arguments)
        except BadCall as problem:
            return f"error: {problem}", Outcome.FAILED
        try:
            value = await self.tool.run(self.call, arguments)
            if isinstance(value, Agent):
                return await self.take_over(value), Outcome.DONE
            return shown(told(value)), Outcome.DONE
        except (BadReturn, ToolFailed) as problem:
            return shown(f"error: {problem}"), Outcome.FAILED
        except Exception as error:  # the tool's own mistake, and it costs only its call
            self.log.warning("tool_raised", tool=self.tool.name, call=self.asked.id, error=error)
            what = f"error: the tool failed ({type(error).__name__})"
            return shown(what), Outcome.FAILED

    async def _finish(self, output: str, outcome: Outcome) -> None:
        if self._given:
            return
        self._given = True
        await self.give(
            ToolResult(
                call_id=self.asked.id,
                output=output,
                outcome=outcome,
                after_s=round(trio.current_time() - self._began_s, 6),
            )
        )
