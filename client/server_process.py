"""A Parley server as a child process on a free port of loopback: started, awaited, ended.

Its output goes to a file, so a server that does not come up can be read afterwards.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import trio

READY_S = 60.0
"""Models are loaded before a server is ready; on a slow disk that takes a while."""
END_S = 20.0
"""A server's own shutdown deadline and some more; then it is killed."""
POLL_S = 0.1


class ServerFailed(Exception):
    """The server did not come up, or did not end properly. The text is one line."""


def parley_serve(port: int) -> list[str]:
    """The command of a server that listens on `port`."""
    return [sys.executable, "-m", "parley", "serve", "--host", "127.0.0.1", "--port", str(port)]


@dataclass(slots=True)
class ServerProcess:
    """A server that is ready. `exit_code` is set once it has ended."""

    port: int
    log: Path
    _process: trio.Process

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode


@asynccontextmanager
async def server_process(
    log: Path,
    command: Callable[[int], Sequence[str]] = parley_serve,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[ServerProcess]:
    """Runs a server for the block; SIGTERM at its end, and ServerFailed unless it exits with 0.
    `environ` is what its environment has beside ours.

    Raises ServerFailed also where the server is not ready within READY_S.
    """
    port = free_port()
    failure: Exception | None = None
    with log.open("wb") as output:
        process = await trio.lowlevel.open_process(
            list(command(port)),
            stdin=None,
            stdout=output,
            stderr=output,
            env={**os.environ, **environ},
        )
    server = ServerProcess(port, log, process)
    try:
        await _until_ready(server)
        yield server
    except Exception as error:
        failure = error  # raised again below, once the process is gone
    finally:
        await _end(server)
    if failure is not None:
        raise failure
    if server.exit_code != 0:
        raise ServerFailed(f"the server ended with exit code {server.exit_code}; see {log}")


def free_port() -> int:
    """A TCP port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def is_ready(port: int) -> bool:
    """GET /ready on loopback answers 200."""
    request = b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answer = b""
    try:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(request)
            while b"\r\n" not in answer and (more := await stream.receive_some(1024)):
                answer += more
    except (OSError, trio.BrokenResourceError):
        return False
    return answer.split(b" ")[1:2] == [b"200"]


async def _until_ready(server: ServerProcess) -> None:
    with trio.move_on_after(READY_S):
        while server._process.poll() is None:
            if await is_ready(server.port):
                return
            await trio.sleep(POLL_S)
        raise ServerFailed(
            f"the server ended with exit code {server.exit_code} before it was ready; "
            f"see {server.log}"
        )
    raise ServerFailed(f"the server was not ready within {READY_S:.0f} s; see {server.log}")


async def _end(server: ServerProcess) -> None:
    """SIGTERM, a deadline, SIGKILL. Runs to its end even when cancelled."""
    with trio.CancelScope(shield=True):
        if server._process.poll() is None:
            server._process.send_signal(signal.SIGTERM)
        with trio.move_on_after(END_S) as limit:
            await server._process.wait()
        if limit.cancelled_caught:
            server._process.kill()
            await server._process.wait()
