"""The dialogue's tools: which calls a model made, who was told, what came back.

Whoever conducts the conversation runs them, somewhere else; here each call gets exactly one result.
Nothing is decided here, and nothing waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from ...conversation.conducting import Conducting
from ...conversation.events import SessionEvent, ToolCalled, ToolReturned, ToolsDropped
from ...conversation.items import Items, ToolUse
from ...conversation.record import TurnRecord
from ...conversation.rounds import MAX_CALLS, taken_calls
from ...protocol.chat import ToolCall
from ...protocol.events import ToolTold
from ...protocol.tool_calls import Outcome, ToolResult
from ...telemetry import Telemetry
from ..outbox import Outbox
from ..tool_returns import ToolReturns

MAX_TOLD_CHARS = 4000
"""Of arguments and results, as a client is shown them."""


@dataclass(slots=True, kw_only=True)
class ToolDesk:
    """Of one session."""

    session_id: str
    conducting: Conducting
    items: Items
    outbox: Outbox
    telemetry: Telemetry
    log: structlog.typing.FilteringBoundLogger
    tell: Callable[[SessionEvent], None]
    log_transcripts: bool = False

    async def call(
        self, record: TurnRecord, asked: tuple[ToolCall, ...], back: ToolReturns
    ) -> None:
        """Have what the model of the live turn asked for done."""
        number = record.turn * MAX_CALLS + record.rounds.over
        calls = taken_calls(asked, taken=self.items.has_call, number=number)
        if len(calls) < len(asked):
            self.log.warning(
                "tool_called_twice", turn=record.turn, left_out=len(asked) - len(calls)
            )
        record.rounds.calls = tuple(calls)
        by_client = self._by_client(record, calls)
        if not record.aside:
            said = record.text.strip()
            self.items.called(record.turn, record.user_text, said, calls, by_client)
        record.committed = True
        record.rounds.to_client = bool(by_client)
        tools = self.conducting.tools_of(record.wish)
        known = [tool for call in calls if (tool := tools.get(call.name))]
        filler = next((tool for tool in known if tool.filler), None)
        if filler is None:
            back.begin("", 0.0)
        else:
            back.begin(filler.filler, filler.filler_after_s)
        told = max(0, len(self.items.calls(record.turn)) - len(calls))
        for position, call in enumerate(calls):
            if call.name in by_client:
                await self._hand_over(record.turn, call, told + position)
            else:
                await self._call(record.turn, call, position)
        self._end_round(record, back)

    def _by_client(self, record: TurnRecord, calls: Sequence[ToolCall]) -> set[str]:
        tools = self.conducting.tools_of(record.wish)
        called = (tools.get(call.name) for call in calls)
        return {tool.name for tool in called if tool is not None and tool.by_client}

    async def _hand_over(self, turn: int, call: ToolCall, position: int) -> None:
        """The client runs it, whenever it likes."""
        self.telemetry.count("tool_calls")
        self.log.info("tool_called", turn=turn, tool=self._named(call), call=call.id, by="client")
        await self.outbox.send(
            ToolTold(
                call_id=call.id,
                name=call.name,
                arguments=call.arguments,
                by_client=True,
                reply=turn,
                position=position,
            )
        )

    def _named(self, call: ToolCall) -> str:
        """The tool's name for the log. A model may write anything where a name belongs."""
        known = self.conducting.tools
        return call.name if call.name in known or self.log_transcripts else "(unknown)"

    async def _call(self, turn: int, call: ToolCall, position: int) -> None:
        self.telemetry.count("tool_calls")
        arguments = {"arguments": call.arguments} if self.log_transcripts else {}
        self.log.info("tool_called", turn=turn, tool=self._named(call), call=call.id, **arguments)
        await self.outbox.send(
            ToolTold(call_id=call.id, name=call.name, arguments=call.arguments[:MAX_TOLD_CHARS])
        )
        if call.name not in self.conducting.tools:
            known = ", ".join(self.conducting.tools) or "none"
            await self._refuse(call, f"there is no tool {call.name!r}; there are: {known}")
        elif position >= MAX_CALLS:
            await self._refuse(call, f"only {MAX_CALLS} tools can be called at once; call it again")
        else:
            self.tell(ToolCalled(session_id=self.session_id, turn=turn, call=call))

    async def _refuse(self, call: ToolCall, why: str) -> None:
        await self.take(
            ToolResult(call_id=call.id, output=f"error: {why}", outcome=Outcome.FAILED), None, None
        )

    async def take(
        self,
        result: ToolResult,
        live: TurnRecord | None,
        back: ToolReturns | None,
        result_id: str = "",
    ) -> None:
        """Keep a result, and let the live turn go on where it waits for this one. A second result
        of one call is left out, and so is one of a call that nobody made."""
        use = self.items.returned(result, result_id)
        if use is None:
            self.log.warning("tool_result_of_no_call", call=result.call_id)
            return
        await self._tell(use, result)
        if live is not None and back is not None and live.turn == use.turn:
            self._end_round(live, back)

    async def _tell(self, use: ToolUse, result: ToolResult) -> None:
        call = use.call
        if result.outcome is Outcome.FAILED:
            self.telemetry.count("tools_failed")
        output = {"output": result.output[:200]} if self.log_transcripts else {}
        failed = result.outcome is Outcome.FAILED
        (self.log.warning if failed else self.log.info)(
            "tool_returned",
            turn=use.turn,
            tool=self._named(call),
            call=call.id,
            outcome=result.outcome.value,
            ms=round(result.after_s * 1000),
            chars=len(result.output),
            **output,
        )
        await self.outbox.send(
            ToolTold(
                call_id=call.id,
                name=call.name,
                arguments=call.arguments[:MAX_TOLD_CHARS],
                outcome=result.outcome.value,
                output=result.output[:MAX_TOLD_CHARS],
                ms=round(result.after_s * 1000),
            )
        )
        self.tell(ToolReturned(session_id=self.session_id, turn=use.turn, call=call, result=result))

    def _end_round(self, live: TurnRecord, back: ToolReturns) -> None:
        if back.begun and not any(use.waited_for for use in self.items.calls(live.turn)):
            back.end()

    def drop(self, turn: int) -> None:
        """The turn is over: nobody waits for what its tools return."""
        if any(use.waited_for for use in self.items.calls(turn)):
            self.items.drop_calls(turn)
            self.tell(ToolsDropped(session_id=self.session_id, turn=turn))

    async def fail_all(self, why: str, live: TurnRecord | None, back: ToolReturns | None) -> None:
        """Nobody runs tools any more."""
        for item in list(self.items):
            if isinstance(item, ToolUse) and item.waited_for:
                output = f"error: {why}"
                result = ToolResult(call_id=item.call.id, output=output, outcome=Outcome.FAILED)
                await self.take(result, live, back)
