"""A real redis-server on a loopback port, with a folder of its own, and what is done to it.

Each is bounded: it is killed when its block is left. Where the program is missing, tests skip.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")
needs_redis = pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed")
START_S = 10.0
HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class RedisServer:
    """`options` stand on its command line. `url` has the password."""

    folder: Path
    options: Sequence[str] = ()
    password: str = ""
    tls: bool = False
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        secret = f":{self.password}@" if self.password else ""
        host = "localhost" if self.tls else HOST
        return f"redis{'s' if self.tls else ''}://{secret}{host}:{self.port}/0"

    async def start(self) -> None:
        assert PROGRAM is not None
        port = ("--port", "0", "--tls-port") if self.tls else ("--port",)
        command = [
            *(PROGRAM, *port, str(self.port), "--bind", HOST, "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "no", *self.options),
            *(("--requirepass", self.password) if self.password else ()),
        ]
        self._process = subprocess.Popen(  # noqa: ASYNC220 (it returns at once)
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder
        )
        with trio.fail_after(START_S):
            while not await self._listens():
                await trio.sleep(0.02)

    def kill(self) -> None:
        """At once, and nothing of it is left."""
        if self._process is not None:
            self.go_on()
            self._process.kill()
            self._process.wait()
            self._process = None

    async def restart(self) -> None:
        self.kill()
        await self.start()

    def stop(self) -> None:
        """It hangs: its connections stay, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    async def ask(self, *words: str) -> bytes:
        """A command over a connection of its own, as text; what comes back, raw."""
        stream = await trio.open_tcp_stream(HOST, self.port)
        async with stream:
            for command in (("AUTH", self.password), words) if self.password else (words,):
                parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in command)
                await stream.send_all(f"*{len(command)}\r\n{parts}".encode())
                answer = await stream.receive_some()
            return bytes(answer)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            os.kill(self._process.pid, number)

    async def _listens(self) -> bool:
        try:
            stream = await trio.open_tcp_stream(HOST, self.port)
        except OSError:
            return False
        await stream.aclose()
        return True


@asynccontextmanager
async def redis_server(
    folder: Path, *options: str, password: str = "", tls: bool = False
) -> AsyncIterator[RedisServer]:
    server = RedisServer(folder, options, password, tls)
    try:
        await server.start()
        yield server
    finally:
        server.kill()
