"""What clients are told of tools, agents and transfers, if they ask: the option `tools=told`.

The three dialects spell it alike. Nothing fails here; without the option none of it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from . import events
from .dialect import Choices

TOOLS_OPTION: Mapping[str, tuple[str, ...]] = MappingProxyType({"tools": ("untold", "told")})
"""A choice in the query of an address, the default first. A dialect adds it to its own options."""

ToolEvent: TypeAlias = events.ToolTold | events.ConductorTold | events.TransferTold


def tells_tools(choices: Choices) -> bool:
    """Whether a client that chose so is told of tools, agents and transfers."""
    return choices.get("tools") == "told"


def tool_message(event: ToolEvent) -> dict[str, Any]:
    """The message that says `event`. A call is told when it begins and again when it is over."""
    match event:
        case events.ToolTold(outcome=""):
            return {
                "type": "tool_call",
                "id": event.call_id,
                "name": event.name,
                "arguments": event.arguments,
            }
        case events.ToolTold():
            return {
                "type": "tool_result",
                "id": event.call_id,
                "name": event.name,
                "outcome": event.outcome,
                "output": event.output,
                "ms": event.ms,
            }
        case events.ConductorTold():
            return {"type": "agent", "name": event.name, "voice": event.voice}
        case events.TransferTold():
            return {"type": "transfer", "to": event.to}
