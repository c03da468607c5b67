"""An MCP server for tests, over standard input and output or streamable HTTP: run with the Python
of the tests.

Its arguments: `name=value`, and `http=<port>` for HTTP. What it does that is not in the protocol it
writes into the folder `notes=`.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CallToolResult, ImageContent, TextContent

ASKED = dict(word.split("=", 1) for word in sys.argv[1:])
NOTES = Path(ASKED["notes"]) if "notes" in ASKED else None
server: MCPServer[Any] = MCPServer(ASKED.get("name", "test"), log_level="ERROR")


def _note(what: str) -> list[str]:
    """Write that it happened, once more. Gives how often it did, a line each time."""
    if NOTES is None:
        return []
    with (NOTES / what).open("a") as file:
        file.write("yes\n")
    return (NOTES / what).read_text().splitlines()


@server.tool()
def get_time(place: str) -> str:
    """The time at a place."""
    return f"12:30 in {place}"


@server.tool()
def add(a: int, b: int) -> dict[str, int]:
    """The sum of two numbers."""
    return {"sum": a + b}


@server.tool()
def structured() -> CallToolResult:
    """Something that has no text."""
    return CallToolResult(content=[], structured_content={"answer": 42})


@server.tool()
def fail() -> str:
    """It never works."""
    raise ValueError("the shelf is empty")


@server.tool()
def picture() -> CallToolResult:
    """A picture and a word."""
    image = ImageContent(type="image", data="aGVsbG8=", mime_type="image/png")
    return CallToolResult(content=[image, TextContent(type="text", text="a cat")])


@server.tool()
async def wait(seconds: float) -> str:
    """Waits. It notes when it begins, and when it is cancelled."""
    _note("waiting")
    try:
        await anyio.sleep(seconds)
    except anyio.get_cancelled_exc_class():
        _note("cancelled")
        raise
    return "waited"


@server.tool()
def die() -> str:
    """Is killed while it works."""
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


@server.tool()
def pid() -> str:
    """The number of this process."""
    return str(os.getpid())


@server.tool()
async def learn(context: Context[Any, Any], name: str) -> str:
    """Has another tool from now on."""

    def learned() -> str:
        """A tool that was not there before."""
        return "new"

    server.add_tool(learned, name=name)
    await context.session.send_tool_list_changed()
    return "learned"


def main() -> None:
    if len(_note("starts")) <= int(ASKED.get("starts", -1)):
        sys.exit("cannot start yet")
    if "stderr" in ASKED:
        sys.stderr.write("hello from the server\n" * int(ASKED["stderr"]))
        sys.stderr.flush()
    if "http" in ASKED:
        app = server.streamable_http_app()
        uvicorn.run(
            app,
            host="127.0.0.1",
            port=int(ASKED["http"]),
            log_level="error",
            timeout_graceful_shutdown=1,
        )
    else:
        server.run("stdio")


if __name__ == "__main__":
    main()
