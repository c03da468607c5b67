"""Servers of several workers, in processes of their own, and what tests ask of them."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import trio

from parley.client.server_process import ServerProcess, server_process
from parley.client.wire import Wire, open_wire
from support.live_server import HOST, Answer, children_of, request_http
from support.ws_client import request

TESTS = Path(__file__).resolve().parents[1]
POLL_S = 0.05
LIMIT_S = 180.0
"""Many times what a test takes on two idle cores: it is there for hangs, not for slowness."""

FREELY = {
    "STREAM_MAX_LOOP_LAG_MS": "0",
    "STREAM_MAX_CPU_SHARE": "0",
    "STREAM_MAX_LANE_WAIT_MS": "0",
    "STREAM_MAX_TALKING_SHARE": "0",
    "WS_MAX_CONNECTIONS": "1000",
    "STREAM_LOG_FORMAT": "json",
    "STREAM_PARTIAL_MIN_GAP_MS": "20",
}


@dataclass(slots=True)
class WorkersServer:
    process: ServerProcess
    workers: int

    @property
    def port(self) -> int:
        return self.process.port

    @property
    def pid(self) -> int:
        """Of the parent."""
        return self.process.pid

    def url(self, path: str = "/ws") -> str:
        return f"ws://{HOST}:{self.port}{path}"

    def send(self, number: signal.Signals) -> None:
        """To the parent."""
        os.kill(self.pid, number)

    async def get(self, path: str, *headers: str) -> Answer:
        lines = "".join(f"{line}\r\n" for line in headers)
        asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"
        return await request_http(self.port, asked.encode())

    async def sessions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get("/sessions")).json()["sessions"]
        return found

    async def spread(self) -> Counter[int]:
        """How many sessions each worker has."""
        return Counter(session["worker"] for session in await self.sessions())

    async def until_open(self, workers: int | None = None) -> None:
        """Until so many let somebody in: all of them."""
        wanted = self.workers if workers is None else workers
        while (await self.get("/ready")).json()["workers"]["open"] < wanted:
            await trio.sleep(POLL_S)

    def pids(self) -> set[int]:
        """Of the workers."""
        return children_of(self.pid)

    def log(self) -> list[dict[str, Any]]:
        lines = self.process.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log() if line["event"] == name]

    async def until_logged(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        while len(found := self.events(name)) < count:
            await trio.sleep(POLL_S)
        return found

    def pid_of(self, worker: int) -> int:
        """Of the newest process under this number."""
        begun = [line["pid"] for line in self.events("worker_begun") if line["worker"] == worker]
        return int(begun[-1])


@asynccontextmanager
async def workers_server(
    folder: Path, workers: int, *, limit_s: float = LIMIT_S, **variables: str
) -> AsyncIterator[WorkersServer]:
    """One whose workers all let somebody in. It is bounded by `limit_s`."""

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "support.worker_server", str(port)]

    environ = FREELY | {"PARLEY_WORKERS": str(workers), "PYTHONPATH": str(TESTS)} | variables
    with trio.fail_after(limit_s):
        async with server_process(
            folder / "server.log", command, MappingProxyType(environ)
        ) as process:
            server = WorkersServer(process, workers)
            await server.until_open()
            yield server


@asynccontextmanager
async def connected(url: str, count: int, every_s: float = 0.0) -> AsyncIterator[list[Wire]]:
    """So many clients that say nothing, hung up at the end. `every_s` 0: all at once."""
    wires: list[Wire] = []
    async with AsyncExitStack() as opened, trio.open_nursery() as nursery:
        leave, there = trio.Event(), trio.Semaphore(0)

        async def one() -> None:
            async with open_wire(url) as wire:
                wires.append(wire)
                there.release()
                await leave.wait()

        for _ in range(count):
            nursery.start_soon(one)
            await trio.sleep(every_s)
        for _ in range(count):
            await there.acquire()
        opened.callback(leave.set)
        yield wires
        leave.set()


@asynccontextmanager
async def held(port: int, count: int, every_s: float = 0.0) -> AsyncIterator[None]:
    """So many sessions of clients that read nothing, cheaper than those of `connected`."""
    streams: list[trio.SocketStream] = []

    async def one() -> None:
        stream = await trio.open_tcp_stream(HOST, port)
        await stream.send_all(request())
        answer = await stream.receive_some(4096)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        streams.append(stream)

    try:
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(one)
                await trio.sleep(every_s)
        yield
    finally:
        for stream in streams:
            await trio.aclose_forcefully(stream)
