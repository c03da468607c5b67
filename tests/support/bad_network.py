"""A TCP proxy on loopback that behaves as a bad network does: between a client and a live server.

A direction delays what comes by `delay_s` and a random `jitter_s`, lets `bytes_per_s` through,
stalls `stall_s` with the chance `stall_chance` before a piece, and loses a piece with the chance
`loss`. TCP loses nothing, so a lost piece is one that comes late by a retransmission's timeout, and
all behind it with it. Order is kept, as TCP keeps it.
"""

from __future__ import annotations

import math
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import trio

PIECE_BYTES = 1400
"""As much as a packet holds."""
RTO_S = 0.2
"""Linux' shortest retransmission timeout; a second loss of the same piece doubles it."""
IN_FLIGHT = 256
"""Pieces on their way in one direction: what the buffers of a path hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    stall_chance: float = 0.0
    stall_s: float = 0.0
    bytes_per_s: float = math.inf


GOOD = Conditions()

LOST = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)
"""What is raised where an end is gone."""


@dataclass(eq=False)
class Connection:
    """One connection through the network."""

    client: trio.SocketStream
    server: trio.SocketStream
    hole: trio.Event = field(default_factory=trio.Event)
    """Set: nothing comes through any more, in either direction, and nobody is told."""

    def reset(self) -> None:
        """Both ends get an RST."""
        for stream in (self.client, self.server):
            reset = struct.pack("ii", 1, 0)
            with suppress(OSError):
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            stream.socket.close()

    async def half_close(self) -> None:
        """The client's direction ends; the server's stays open."""
        with suppress(*LOST):
            await self.server.send_eof()

    def vanish(self) -> None:
        self.hole.set()


@dataclass(eq=False)
class BadNetwork:
    port: int
    to_server: Conditions
    to_client: Conditions
    rng: random.Random
    connections: list[Connection] = field(default_factory=list)
    late_pieces: int = 0
    """How many were lost and came later."""

    async def serve(self, client: trio.SocketStream, server_port: int) -> None:
        server = await trio.open_tcp_stream("127.0.0.1", server_port)
        connection = Connection(client, server)
        self.connections.append(connection)
        try:
            await self._carry_both(connection)
        finally:
            for stream in (client, server):
                stream.socket.close()

    async def _carry_both(self, connection: Connection) -> None:
        client, server = connection.client, connection.server
        async with trio.open_nursery() as nursery:

            async def carry(
                source: trio.SocketStream, sink: trio.SocketStream, how: Conditions
            ) -> None:
                await self._carry(source, sink, how, connection)
                if sink is server or connection.hole.is_set():
                    return  # the server closes behind its last word
                nursery.cancel_scope.cancel()

            nursery.start_soon(carry, client, server, self.to_server)
            nursery.start_soon(carry, server, client, self.to_client)

    async def _carry(
        self,
        source: trio.SocketStream,
        sink: trio.SocketStream,
        how: Conditions,
        connection: Connection,
    ) -> None:
        tell, hear = trio.open_memory_channel[tuple[float, bytes]](IN_FLIGHT)

        async def read() -> None:
            due_s = 0.0
            with tell, suppress(*LOST):
                while data := await source.receive_some(PIECE_BYTES):
                    now_s = trio.current_time()
                    late_s = how.delay_s + self.rng.uniform(0, how.jitter_s)
                    timeout_s = RTO_S
                    while self.rng.random() < how.loss:
                        self.late_pieces += 1
                        late_s, timeout_s = late_s + timeout_s, timeout_s * 2
                    if self.rng.random() < how.stall_chance:
                        late_s += how.stall_s
                    due_s = max(due_s, now_s + late_s) + len(data) / how.bytes_per_s
                    await tell.send((due_s, data))  # broken where nobody takes it any more

        async def write() -> None:
            with hear, suppress(*LOST):
                async for due_s, data in hear:
                    await trio.sleep_until(due_s)
                    if connection.hole.is_set():
                        await trio.sleep_forever()
                    await sink.send_all(data)
                await sink.send_eof()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            nursery.start_soon(write)


@asynccontextmanager
async def bad_network(
    server_port: int,
    *,
    to_server: Conditions = GOOD,
    to_client: Conditions | None = None,
    seed: int = 1,
) -> AsyncIterator[BadNetwork]:
    """A network in front of a server; its `port` is where clients connect. `to_client` None: it is
    as bad in both directions."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    network = BadNetwork(
        listener.socket.getsockname()[1],
        to_server,
        to_server if to_client is None else to_client,
        random.Random(seed),
    )

    async def handle(stream: trio.SocketStream) -> None:
        with suppress(*LOST):
            await network.serve(stream, server_port)

    async with listener, trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handle, [listener])
        yield network
        nursery.cancel_scope.cancel()


async def until(holds: Callable[[], bool], within_s: float) -> float:
    """How long it took until something held; inf: it did not in time."""
    began_s = trio.current_time()
    while not holds():
        if trio.current_time() - began_s > within_s:
            return math.inf
        await trio.sleep(0.01)
    return trio.current_time() - began_s
