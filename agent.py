"""Write your own agent: what it is told, what it says first, what it can do, and plain Trio code.

    from parley.agent import Agent

    shop = Agent("You are the receptionist of a flower shop.", greeting="Flower shop, hello!")

    @shop.tool
    async def opening_hours(day: str) -> str:
        "When the shop is open on a day of the week."
        return "9 to 18" if day.lower() != "sunday" else "closed"

`parley serve --agent shop.py:shop` serves it; docs/AGENTS.md is its guide. Everything that whoever
writes an agent imports is here; `parley.testing` has what its tests want besides.
"""

from __future__ import annotations

from .agents.agent import SPOKEN_STYLE, Agent
from .agents.call import Call, Said
from .agents.loading import load_agents
from .agents.problems import BadAgent
from .agents.tool import Tool, ToolFailed, tool
from .config import McpServer
from .config import mcp_server as mcp
from .conversation.caller import Caller
from .conversation.events import (
    Answered,
    BargedIn,
    CallEnding,
    CallerSilent,
    ConductorChanged,
    DigitPressed,
    LineNews,
    ReplyOver,
    Resumed,
    SayOver,
    SessionEvent,
    TakenBack,
    TextHeard,
    ToolCalled,
    ToolReturned,
    ToolsDropped,
)
from .engines.failures import EngineFailure
from .protocol.chat import ToolCall
from .protocol.tool_calls import Outcome, ToolResult

__all__ = [
    "SPOKEN_STYLE",
    "Agent",
    "Answered",
    "BadAgent",
    "BargedIn",
    "Call",
    "CallEnding",
    "Caller",
    "CallerSilent",
    "ConductorChanged",
    "DigitPressed",
    "EngineFailure",
    "LineNews",
    "McpServer",
    "Outcome",
    "ReplyOver",
    "Resumed",
    "Said",
    "SayOver",
    "SessionEvent",
    "TakenBack",
    "TextHeard",
    "Tool",
    "ToolCall",
    "ToolCalled",
    "ToolFailed",
    "ToolResult",
    "ToolReturned",
    "ToolsDropped",
    "load_agents",
    "mcp",
    "tool",
]
