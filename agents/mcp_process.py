"""An MCP server as a process of ours: one message a line, to its standard input and from its
standard output. What it says on standard error goes to the log at debug.

Owned by the connection (mcp_connection.py). Whatever ends the exchange raises Lost. At the end of
the block the process is gone, with all that it started in its own process group; where Parley
itself is killed, a guard ends that group. Nothing here is
unbounded: how long a line is, how fast it is read, how much of it is logged, how long it waits.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import anyio
import structlog
import trio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from .mcp_pace import MAX_MESSAGE_BYTES, Lost, Pace, cost_of

Heard = MemoryObjectReceiveStream[SessionMessage | Exception]
Pipe = TypeVar("Pipe")
Written = MemoryObjectSendStream[SessionMessage]

WRITE_S = 10.0
"""A server that has not read a message by then reads none."""
GRACE_S = 1.5
"""For a server to end by itself when its input is closed, and again when it is told to."""
KILL_S = 1.0
"""For the kernel to end what was killed."""
EXIT_S = 0.5
"""How long is waited for the exit code of a process that closed its output."""
ERROR_BYTES_PER_S = 1e6
"""So much of standard error is read, logged or not: reading it costs time of the event loop."""
LOGGED_LINES_PER_S = 10.0
LOGGED_CHARS = 500

GUARD = 'read -r _; kill -s KILL -- "-$1"'
"""What a shell does whose standard input ends with us: most servers end by themselves when theirs
does, but nobody can rely on that. (The kernel's own way, PR_SET_PDEATHSIG, watches the thread that
started a process, and threads of Trio's come and go.)"""


@asynccontextmanager
async def process_streams(
    command: Sequence[str], log: structlog.typing.FilteringBoundLogger
) -> AsyncIterator[tuple[Heard, Written]]:
    """A server that runs for as long as the block: what it says, and where to write.

    Of the environment it is given what every program needs (HOME, PATH and so on) and none of
    Parley's keys. Raises OSError where it cannot be started, and Lost in a group.
    """
    process = await trio.lowlevel.open_process(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=get_default_environment(),
        start_new_session=True,
    )
    # No checkpoint between the start and the block that ends the process.
    tell, heard = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    written, to_write = anyio.create_memory_object_stream[SessionMessage](0)
    server = _Process(process, log)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.read, tell)
            nursery.start_soon(server.write, to_write)
            nursery.start_soon(server.log_errors)
            nursery.start_soon(_guard, process.pid)
            yield heard, written
            nursery.cancel_scope.cancel()
    finally:
        for stream in (tell, heard, written, to_write):
            stream.close()
        await _stop(process)


class _Process:
    """Its three pipes."""

    def __init__(self, process: trio.Process, log: structlog.typing.FilteringBoundLogger) -> None:
        self._process = process
        self._log = log
        self._last_error = ""
        self._junk = 0

    async def read(self, tell: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        pace, line = Pace(), b""
        async for chunk in _pipe(self._process.stdout):
            *lines, line = (line + chunk).split(b"\n")
            for whole in lines:
                message = self._message(whole)
                await pace.spend(cost_of(message, len(whole)))
                if message is not None:
                    await tell.send(message)
            if len(line) > MAX_MESSAGE_BYTES:
                raise Lost(f"it wrote a line of more than {MAX_MESSAGE_BYTES:,} bytes")
        await self._ended("it closed its standard output")

    async def write(self, to_write: MemoryObjectReceiveStream[SessionMessage]) -> None:
        stdin = _pipe(self._process.stdin)
        async for item in to_write:
            text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
            with trio.move_on_after(WRITE_S) as scope:
                try:
                    await stdin.send_all(f"{text}\n".encode())
                except trio.BrokenResourceError:
                    await self._ended("it closed its standard input")
            if scope.cancelled_caught:
                raise Lost(f"it has read nothing for {WRITE_S:g} s")

    async def log_errors(self) -> None:
        pace, budget = Pace(ERROR_BYTES_PER_S), Pace(LOGGED_LINES_PER_S)
        async for chunk in _pipe(self._process.stderr):
            for line in chunk.decode("utf-8", "replace").splitlines():
                if line.strip():
                    self._last_error = line.strip()[:LOGGED_CHARS]
                    if budget.affords(1):
                        self._log.debug("mcp_stderr", line=self._last_error)
            await pace.spend(len(chunk))

    def _message(self, line: bytes) -> SessionMessage | None:
        """What a line says; None where it is no message, which the log is told once."""
        if not line.strip():
            return None
        try:
            return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
        except ValueError:
            self._junk += 1
            if self._junk == 1:
                self._log.warning(
                    "mcp_no_message",
                    line=line[:LOGGED_CHARS].decode("utf-8", "replace"),
                    advice="it prints to its standard output, where only messages belong; "
                    "what is no message is passed over",
                )
            return None

    async def _ended(self, otherwise: str) -> None:
        """Raises Lost, with the exit code where there is one soon."""
        code = None
        with trio.move_on_after(EXIT_S):
            code = await self._process.wait()
        reason = otherwise if code is None else f"it ended with exit code {code}"
        raise Lost(f"{reason}; it said: {self._last_error}" if self._last_error else reason)


async def _guard(group: int) -> None:
    """Have the group killed if this process dies. Where there is no shell nobody does it."""
    with suppress(OSError):
        guard = await trio.lowlevel.open_process(
            ["/bin/sh", "-c", GUARD, "sh", str(group)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            await guard.wait()
        finally:
            guard.kill()
            with trio.CancelScope(shield=True):
                await guard.wait()
                await _pipe(guard.stdin).aclose()


def _pipe(stream: Pipe | None) -> Pipe:
    if stream is None:  # they are all asked for above
        raise Lost("it was started without a pipe")
    return stream


async def _stop(process: trio.Process) -> None:
    """Ask the process to end, tell it to, and kill it: within 4 s, also where cancelled."""
    with trio.CancelScope(shield=True):
        await _pipe(process.stdin).aclose()
        if not await _is_over(process, GRACE_S):
            _signal(process, signal.SIGTERM)
            await _is_over(process, GRACE_S)
        _signal(process, signal.SIGKILL)  # its group: it may have left others behind
        await _is_over(process, KILL_S)
        for stream in (process.stdout, process.stderr):
            await _pipe(stream).aclose()


async def _is_over(process: trio.Process, within_s: float) -> bool:
    with trio.move_on_after(within_s):
        await process.wait()
    return process.returncode is not None


def _signal(process: trio.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
