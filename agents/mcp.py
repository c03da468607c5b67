"""The tools that MCP servers lend to agents.

McpTools is one per Parley server, owned by Agents: a connection for each server that an agent
names, shared by all calls. The connections are tasks of the server's tree, outside of all
sessions. What a session does with a tool is what it does with a function: it calls it, and has its
result or its failure. The mcp package is an extra, and is imported where there is a server.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog
import trio

from ..config import McpServer
from .agent import Agent
from .mcp_words import NamedTool, offered_names
from .problems import BadAgent
from .tool import Tool

if TYPE_CHECKING:
    from .mcp_connection import McpConnection

STOP_S = 10.0
"""How long a connection may take to end: its process is asked, told and killed within 4 s."""

MISSING = "MCP servers need the mcp package: pip install 'parley-voice[mcp]'"


class McpTools:
    """Of these servers. Raises BadAgent where there are any and the mcp package is missing."""

    def __init__(self, servers: Iterable[McpServer]) -> None:
        distinct = list(dict.fromkeys(servers))
        self._changes = 0
        self._changed = trio.Event()
        self._unknown: set[McpServer] = set()
        self.connections: Mapping[McpServer, McpConnection] = {}
        if distinct:
            make = _connections()
            self.connections = {server: make(server, self._tools_changed) for server in distinct}

    def tasks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """The task of each server, by a name for the tree. None of them ends by itself."""
        found: dict[str, Callable[[], Awaitable[None]]] = {}
        for server, connection in self.connections.items():
            name, number = f"mcp-{server.name}", 2
            while name in found:
                name, number = f"mcp-{server.name}-{number}", number + 1
            found[name] = connection.run
        return found

    def tools_for(self, agent: Agent[Any]) -> Sequence[Tool]:
        """The tools of the agent's servers as they are known now, under names of their own."""
        connections = [found for server in agent.mcp_servers if (found := self._of(server, agent))]
        lent = [(one.server.name, [tool.name for tool in one.tools]) for one in connections]
        names = offered_names(lent, {tool.name for tool in agent.tools})
        return [
            _tool(name, tool, connection)
            for connection, mine in zip(connections, names, strict=True)
            for name, tool in zip(mine, connection.tools, strict=True)
        ]

    async def changed(self, since: int) -> int:
        """Comes back when the servers' tools have changed more often than `since` times, and says
        how often."""
        while self._changes <= since:
            await self._changed.wait()
        return self._changes

    def _tools_changed(self) -> None:
        self._changes += 1
        self._changed.set()
        self._changed = trio.Event()

    def _of(self, server: McpServer, agent: Agent[Any]) -> McpConnection | None:
        found = self.connections.get(server)
        if found is None and server not in self._unknown:
            self._unknown.add(server)
            structlog.get_logger().warning(
                "mcp_server_not_started",
                mcp_server=server.name,
                agent=agent.name,
                advice="serve the agent beside those that hand over to it: servers start with it",
            )
        return found


def _connections() -> Callable[[McpServer, Callable[[], None]], McpConnection]:
    """What makes connections. Raises BadAgent."""
    if importlib.util.find_spec("mcp") is None:
        raise BadAgent(MISSING)
    from .mcp_connection import McpConnection

    return McpConnection


def _tool(name: str, tool: NamedTool, connection: McpConnection) -> Tool:
    return Tool(
        name=name,
        description=tool.description,
        parameters=tool.parameters,
        run=functools.partial(_run, connection, tool.name),
    )


async def _run(
    connection: McpConnection, name: str, call: object, arguments: Mapping[str, Any]
) -> str:
    return await connection.call(name, arguments)
