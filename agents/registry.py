"""The agents of a server: which there are, who answers a call, and the tools that they share.

One per server. A server without agents whose settings ask for nothing that takes one (a greeting, a
prompt with variables, MCP servers) has none, and its sessions are what they always were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import trio

from ..config import Acting, Settings
from ..conversation.caller import Caller
from ..conversation.text.tables import own_tables, tables_with
from ..engines.llm.interface import Responder
from ..protocol.kept import KeptConversation
from .agent import Agent
from .mcp import McpTools
from .problems import BadAgent
from .running import RunningAgent

TOOL_THREADS = 64
"""How many tools that are not async may run at once, in all calls together."""

DEFAULT = "parley"
"""The name of the agent that the settings make."""


class UnknownAgent(LookupError):
    """There is no agent of this name. The message names those that there are."""


class Agents:
    """`agents` are told apart by their names; the first answers who names none."""

    def __init__(self, agents: Sequence[Agent[Any]], settings: Settings) -> None:
        _check_names(agents)
        self._acting = settings.acting
        self._agents = {agent.name: agent for agent in agents or _of_settings(self._acting)}
        self.mcp = McpTools(
            server for agent in self._agents.values() for server in agent.mcp_servers
        )
        self._threads = trio.CapacityLimiter(TOOL_THREADS)
        path = self._acting.tables
        self._tables = own_tables() if path is None else tables_with(_read(path))

    def replace(self, agents: Sequence[Agent[Any]]) -> None:
        """Have these answer from now on; calls that are running keep theirs. A new name is reached
        by `?agent=`, and MCP servers that are new are not started. Raises BadAgent, and then
        nothing has changed."""
        _check_names(agents)
        self._agents = {agent.name: agent for agent in agents}

    def __bool__(self) -> bool:
        return bool(self._agents)

    @property
    def names(self) -> list[str]:
        return list(self._agents)

    def choose(self, name: str = "") -> Agent[Any] | None:
        """The agent of this name, or the first; None where there are no agents and none was named.
        Raises UnknownAgent."""
        if not name:
            return next(iter(self._agents.values()), None)
        found = self._agents.get(name)
        if found is None:
            known = ", ".join(self._agents) or "none"
            raise UnknownAgent(f"there is no agent {name[:64]!r}; known: {known}")
        return found

    def settings_for(self, agent: Agent[Any] | None, settings: Settings) -> Settings:
        """A session's settings, with what the agent has of its own."""
        if agent is None or not agent.overlay:
            return settings
        return settings.model_copy(update=dict(agent.overlay))

    def running(
        self,
        agent: Agent[Any],
        caller: Caller,
        responder: Responder,
        goes_on: KeptConversation | None = None,
    ) -> RunningAgent:
        """The agent at work in one call; `goes_on`: what the call was on another connection."""
        return RunningAgent(
            agent,
            caller,
            goes_on=goes_on,
            acting=self._acting,
            responder=responder,
            threads=self._threads,
            tables=self._tables,
            more_tools=self.mcp.tools_for,
            tools_changed=self.mcp.changed if self.mcp.connections else None,
        )

    def described(self) -> Mapping[str, list[str]]:
        """Each agent and the names of its tools."""
        return {agent.name: [tool.name for tool in agent.tools] for agent in self._agents.values()}


def _check_names(agents: Sequence[Agent[Any]]) -> None:
    """Raises BadAgent for a name that is missing, or there twice."""
    names = [agent.name for agent in agents]
    for name in names:
        if not name:
            raise BadAgent("an agent has no name: write Agent(..., name=...)")
        if names.count(name) > 1:
            raise BadAgent(f"two agents are called {name}: write Agent(..., name=...)")


def _of_settings(acting: Acting) -> list[Agent[Any]]:
    """The agent that the settings describe, where they ask for what takes one."""
    if not (acting.greeting or acting.mcp_servers or "{{" in acting.system_prompt):
        return []
    agent: Agent[Any] = Agent(
        acting.system_prompt,
        name=DEFAULT,
        greeting=acting.greeting,
        greeting_interruptible=acting.greeting_interruptible,
        tools=acting.mcp_servers,
        spoken_style="",
    )
    return [agent]


def _read(path: str) -> str:
    from pathlib import Path

    return Path(path).expanduser().read_text("utf-8")
