"""The list of MCP servers as it is set: `time=uvx mcp-server-time; http://127.0.0.1:9000/mcp`."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator

from .kinds import Hint, Rule, may_be_credentials

_NAMED = re.compile(r"([A-Za-z][\w-]{0,39})\s*=\s*(?=\S)(.*)", re.DOTALL)

_LAUNCHERS = frozenset(
    {
        *("env", "uv", "uvx", "pipx", "python", "python3"),
        *("npx", "bunx", "node", "deno", "docker", "podman", "run", "exec"),
    }
)
"""What runs a server and is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """Where a server is: a command that is run and spoken to over its standard input and output, or
    the address of one that speaks streamable HTTP. One of the two is empty."""

    name: str
    command: tuple[str, ...] = ()
    url: str = ""


def mcp_servers_of(listed: str | None) -> tuple[McpServer, ...]:
    """The servers of a list with semicolons. Raises ValueError, which says what is wrong."""
    parts = map(str.strip, (listed or "").split(";"))
    servers = [mcp_server(part) for part in parts if part]
    names = [server.name for server in servers]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two servers are called {name!r}; write a name= before one of them")
    return tuple(servers)


def mcp_server(written: str) -> McpServer:
    """One of them. Raises ValueError."""
    named = _NAMED.fullmatch(written.strip())
    name, where = (named[1], named[2].strip()) if named else ("", written.strip())
    if where.lower().startswith(("http://", "https://")):
        parts = urlsplit(where)
        if not parts.hostname or any(character.isspace() for character in where):
            raise ValueError("an address is no http or https URL")
        return McpServer(name=name or parts.hostname, url=where)
    command = tuple(shlex.split(where))
    if not command:
        raise ValueError("an entry is empty")
    return McpServer(name=name or _program(command), command=command)


def _program(command: tuple[str, ...]) -> str:
    """What a command runs, for a name. Options and variables are passed over: they may hold keys,
    and names are logged."""
    for word in command:
        name = PurePath(word).stem
        if name and name not in _LAUNCHERS and "=" not in word and not word.startswith("-"):
            return name
    return PurePath(command[0]).stem


def _check(listed: str | None) -> str | None:
    mcp_servers_of(listed)
    return listed


def _why_not(listed: object) -> str:
    try:
        mcp_servers_of(str(listed))
    except ValueError as error:
        return str(error)
    return ""


McpServers: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check),
    Rule("commands or http addresses with semicolons between them"),
    Hint(_why_not),
    may_be_credentials,
]
