"""Parley in your own process: a whole server as one `async with`, or a session without a socket.

    async with open_server(port=0) as server:
        async with server.connect("/engine") as client:
            ...

The server is the one that `parley serve` runs, on the same actors; leaving the block drains it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import trio

from .client.in_memory import InMemoryClient
from .config import Settings
from .conversation.events import Watcher
from .engines.kit import OwnEngines
from .engines.room import NO_OWN_ENGINES, open_engine_room
from .protocol.dialect import Dialect
from .protocol.dialects import DIALECTS
from .server.tree import Server, open_listeners
from .transport import memory_pair

MEMORY_FRAMES = 64
"""Frames that may wait on an in-memory connection, each way: as much as a socket's buffers hold."""

READY_POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """The handle on a running server."""

    host: str
    port: int
    """0 where it has no socket."""
    _server: Server
    _nursery: trio.Nursery

    def url(self, path: str = "/ws") -> str:
        return f"ws://{self.host}:{self.port}{path}"

    def status(self) -> dict[str, Any]:
        """Running, ready, clients, limits, and a line per session."""
        return self._server.status()

    async def broadcast_audio(
        self, pcm16: bytes, rate_hz: int, *, exclude: Sequence[str] = ()
    ) -> int:
        """Send PCM16 mono to every client but those whose session ids are in `exclude`. Returns
        to how many."""
        return await self._server.broadcast_audio(pcm16, rate_hz, exclude=exclude)

    async def until_ready(self) -> None:
        """Wait until the engines can talk."""
        while not self.status()["ready"]:  # noqa: ASYNC110 (a lane tells nobody)
            await trio.sleep(READY_POLL_S)

    @asynccontextmanager
    async def connect(
        self, path: str = "/ws", *, settings: Settings | None = None
    ) -> AsyncIterator[InMemoryClient]:
        """A client in memory, in the dialect of `path`, which may have a query with the dialect's
        options (`/stream?events=document`); `settings` for this session alone (see
        `Server.converse`). Leaving the block hangs up. Raises ValueError for a path that nothing
        is served at, or an option's value that does not exist."""
        dialect = _dialect_at(path)
        server_end, client_end = memory_pair(MEMORY_FRAMES)
        client = InMemoryClient(client_end)
        over = trio.Event()

        async def converse() -> None:
            try:
                await self._server.converse(server_end, dialect, settings=settings)
            finally:
                over.set()

        self._nursery.start_soon(converse)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.read)
            try:
                yield client
            finally:
                client_end.abort()
        await over.wait()


@asynccontextmanager
async def open_server(
    settings: Settings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    own: OwnEngines = NO_OWN_ENGINES,
    watchers: Sequence[Watcher] = (),
) -> AsyncIterator[RunningServer]:
    """A running server. Raises PortInUse, and EngineUnavailable for engines that cannot work.

    `port` None: no socket, clients `connect` in memory; 0: a free one. `own` are your engines in
    the place of the configured ones; `watchers` are told what happens.
    Leaving the block stops it gracefully: replies finish within STREAM_DRAIN_S.
    """
    settings = settings or Settings.defaults()
    listeners = [] if port is None else await open_listeners(host, port)
    bound = listeners[0].socket.getsockname()[1] if listeners else 0
    async with open_engine_room(settings, own) as room, trio.open_nursery() as nursery:
        server = Server(settings, room, watchers=watchers)
        await nursery.start(server.run, listeners)
        yield RunningServer(host=host, port=bound, _server=server, _nursery=nursery)
        server.stop()


def _dialect_at(path: str) -> Dialect:
    bare, _, query = path.partition("?")
    for dialect in DIALECTS:
        if bare in dialect.paths:
            return dialect.with_choices(dict(parse_qsl(query)))
    known = ", ".join(path for dialect in DIALECTS for path in dialect.paths)
    raise ValueError(f"nothing is served at {path!r}; known: {known}")
