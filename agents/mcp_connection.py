"""One MCP server: the connection to it, its list of tools, and the calls of all sessions over it.

    McpConnection         one task per server, a child of the server's tree
    └─ a process, or HTTP connections, while the server is there

The task connects, keeps the list of tools fresh, and where the connection is lost makes it again
after a pause, for as long as Parley serves. It raises nothing. A call is made by the task of
whoever calls: many at once, each with its own deadline and cancellation. Imported only where a
server is configured, for it needs the mcp package.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import mcp_types as types
import structlog
import trio
from mcp.client.session import ClientSession
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from .. import __version__
from ..config import McpServer
from .mcp_http import http_streams
from .mcp_pace import Lost, Pauses
from .mcp_process import LOGGED_CHARS, process_streams
from .mcp_words import NamedTool, result_text
from .tool import ToolFailed

Streams: TypeAlias = tuple[ReadStream[SessionMessage | Exception], WriteStream[SessionMessage]]
Open: TypeAlias = Callable[
    [McpServer, structlog.typing.FilteringBoundLogger], AbstractAsyncContextManager[Streams]
]

START_S = 60.0
"""From the start of a server to its list of tools. A command may download itself first."""
LIST_S = 30.0
"""For the list of tools, when it has changed."""
LIST_PAUSE_S = 1.0
"""Between two lists: a server may say again and again that its tools have changed."""
CALL_WAIT_S = 5.0
"""How long a call waits for a connection that is being made."""
PING_S = 30.0
"""How often a server behind HTTP is asked whether it is there: nothing else would tell."""
ANSWER_S = 10.0
"""For the answer to that."""
MAX_TOOLS = 200
"""Of one server. A model that is shown more finds none."""
MAX_PAGES = 50
MAX_SCHEMA_CHARS = 20_000
"""Of one tool's parameters."""
MAX_DESCRIPTION_CHARS = 4_000
MAX_ERROR_CHARS = 2_000
"""Of what a server says is wrong, to the model."""


def open_streams(
    server: McpServer, log: structlog.typing.FilteringBoundLogger
) -> AbstractAsyncContextManager[Streams]:
    if server.url:
        return http_streams(server.url)
    return process_streams(server.command, log)


class McpConnection:
    """`tools` are those of the last list, also while the server is away. `changed` is called when
    they are others."""

    def __init__(
        self, server: McpServer, changed: Callable[[], None], connect: Open = open_streams
    ) -> None:
        self.server = server
        self.tools: tuple[NamedTool, ...] = ()
        self._changed = changed
        self._connect = connect
        self._log = structlog.get_logger().bind(mcp_server=server.name)
        self._session: ClientSession | None = None
        self._up = trio.Event()
        self._wake = trio.Event()
        self._stale = False
        self._told = ""

    @property
    def connected(self) -> bool:
        """Whether a call would be made at once."""
        return self._up.is_set()

    # The task

    async def run(self) -> None:
        """Connect, again and again, until cancelled."""
        pauses = Pauses()
        while True:
            began_s, error = math.inf, Exception("the connection was closed")
            try:
                async with (
                    self._connect(self.server, self._log) as (heard, written),
                    ClientSession(
                        heard, written, message_handler=self._happened, client_info=_us()
                    ) as session,
                ):
                    await self._greet(session)
                    began_s = trio.current_time()
                    await self._keep(session)
            except BaseExceptionGroup as group:
                cancelled, others = group.split(trio.Cancelled)
                if cancelled is not None:  # we are stopping, whatever else went wrong
                    raise cancelled from None
                if not isinstance(others, ExceptionGroup):
                    raise  # KeyboardInterrupt and the like
                error = _first(others)
            except Exception as found:  # another program's mistake, or its library's
                error = found
            pause_s = pauses.after(max(0.0, trio.current_time() - began_s))
            self._tell_lost(error, pause_s)
            await trio.sleep(pause_s)

    async def _greet(self, session: ClientSession) -> None:
        with trio.move_on_after(START_S) as scope:
            try:
                await session.initialize()
            except MCPError as error:
                if error.code != types.UNSUPPORTED_PROTOCOL_VERSION:
                    raise
                await session.discover()  # it speaks only what came after `initialize`
            await self._list(session)
        if scope.cancelled_caught:
            raise Lost(f"it did not say what tools it has within {START_S:g} s")

    async def _keep(self, session: ClientSession) -> None:
        """Until the connection is lost, which raises."""
        self._session = session
        self._told = ""
        self._up.set()
        self._log.info("mcp_connected", tools=[tool.name for tool in self.tools])
        try:
            while True:
                with trio.move_on_after(PING_S if self.server.url else math.inf):
                    await self._wake.wait()
                self._wake = trio.Event()
                if self._stale:
                    self._stale = False
                    await self._list_again(session)
                    await trio.sleep(LIST_PAUSE_S)
                if self.server.url:
                    await self._ping(session)
                    self._up.set()
        finally:
            self._session = None
            self._down()

    def _doubt(self) -> None:
        """A server behind HTTP may be another than the one that we spoke to. Calls wait until it
        has answered a ping, or there is a new connection."""
        self._down()
        self._wake.set()

    def _down(self) -> None:
        """No call is made until `_up` is set. Calls that wait for it already go on waiting."""
        if self._up.is_set():
            self._up = trio.Event()

    async def _list(self, session: ClientSession) -> None:
        found: list[types.Tool] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            try:
                page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
            except MCPError as error:
                if error.code != types.METHOD_NOT_FOUND:
                    raise
                break  # it has prompts or resources, and no tools
            found += page.tools
            cursor = page.next_cursor
            if not cursor or len(found) > MAX_TOOLS:
                break
        if len(found) > MAX_TOOLS:
            self._log.warning("mcp_too_many_tools", taken=MAX_TOOLS)
        tools = tuple(named for tool in found[:MAX_TOOLS] if (named := self._named(tool)))
        if tools != self.tools:
            self.tools = tools
            self._changed()

    def _named(self, tool: types.Tool) -> NamedTool | None:
        schema = {"properties": {}, **tool.input_schema, "type": "object"}
        if len(json.dumps(schema)) > MAX_SCHEMA_CHARS:
            self._log.warning("mcp_tool_left_out", tool=tool.name, why="its schema is too large")
            return None
        words = (tool.description or tool.title or tool.name)[:MAX_DESCRIPTION_CHARS]
        return NamedTool(name=tool.name, description=words, parameters=schema)

    async def _list_again(self, session: ClientSession) -> None:
        """The tools have changed. Where they cannot be had, those before stay."""
        try:
            with trio.fail_after(LIST_S):
                await self._list(session)
        except (MCPError, ValidationError, trio.TooSlowError) as error:
            self._log.warning("mcp_list_failed", error=_words(error))
        else:
            self._log.info("mcp_tools_changed", tools=[tool.name for tool in self.tools])

    async def _ping(self, session: ClientSession) -> None:
        """Raises Lost."""
        try:
            with trio.fail_after(ANSWER_S):
                await session.send_ping()
        except MCPError as error:
            if error.code != types.METHOD_NOT_FOUND:  # which is an answer as well
                raise Lost(_words(error)) from None
        except trio.TooSlowError:
            raise Lost(f"it did not answer within {ANSWER_S:g} s") from None

    async def _happened(self, message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._stale = True
            self._wake.set()

    def _tell_lost(self, error: Exception, pause_s: float) -> None:
        """One line, and no second one for the same."""
        reason = _words(error)
        if self.server.url:  # which may hold a key
            reason = reason.replace(self.server.url, "its address")
        tell = self._log.debug if reason == self._told else self._log.warning
        tell(
            "mcp_not_connected",
            reason=reason,
            advice=_advice(self.server, error),
            again_in_s=pause_s,
        )
        self._told = reason

    # Calls

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """What a tool of the server gives, in words. Raises ToolFailed, whose text is for the
        model. Cancelled, it tells the server, and the connection goes on."""
        session = await self._there()
        params = types.CallToolRequestParams(name=name, arguments=dict(arguments))
        request = types.CallToolRequest(params=params)
        try:
            result = await session.send_request(request, types.CallToolResult)
        except MCPError as error:
            if self._session is not session:
                raise ToolFailed(
                    f"the connection to {self.server.name} broke during the call; "
                    "it is not known whether the tool did its work"
                ) from None
            if self.server.url:
                self._doubt()
            raise ToolFailed(_words(error)) from None
        except ValidationError:
            raise ToolFailed(f"{self.server.name} answered with what is no result") from None
        text = result_text(result)
        if result.is_error:
            raise ToolFailed(text[:MAX_ERROR_CHARS] or "it says nothing more")
        return text or "done"

    async def _there(self) -> ClientSession:
        """The session, once there is one."""
        with trio.move_on_after(CALL_WAIT_S):
            while not self._up.is_set():
                await self._up.wait()
        if self._session is None or not self._up.is_set():
            raise ToolFailed(f"{self.server.name} cannot be reached at the moment")
        return self._session


def _us() -> types.Implementation:
    return types.Implementation(name="parley", version=__version__)


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """What went wrong, out of the groups that nurseries make."""
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "it answered with what is no result"
    if isinstance(error, MCPError):
        return str(error.message)[:MAX_ERROR_CHARS] or "an error without words"
    kind = "" if isinstance(error, Lost | OSError) else f"{type(error).__name__}: "
    return f"{kind}{error}".rstrip(": ")[:LOGGED_CHARS]


def _advice(server: McpServer, error: Exception) -> str:
    """What to do. The command and the address are not repeated: they may hold keys."""
    if server.url:
        return "is the server running, and is its address right?"
    if isinstance(error, FileNotFoundError):
        return f"{server.command[0]} is not installed, or not on the PATH"
    return "run the server's command in a terminal to see what it says"
