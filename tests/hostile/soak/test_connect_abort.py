"""Ten thousand clients that go at some point between half a handshake and the middle of a reply:
nothing of them stays. Instant engines, so that it is the server that is measured."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import psutil
import trio
from structlog.testing import capture_logs

from parley.bench.instant import InstantResponder, instant_engines
from parley.config import Settings
from parley.engines.room import EngineRoom, open_engine_room
from parley.protocol.chat import ChatMessage
from parley.server.tree import Server, open_listeners
from support.figures import Figures
from support.live_server import open_files
from support.memory import give_memory_back
from support.visits import DOORS, POINTS, WAYS, Visit, pay, visits

CYCLES, WARM_UP, SHORT = int(os.environ.get("SOAK_CYCLES", "10000")), 1_000, 144
"""The short form has each door, point and way once."""
AT_ONCE = 12
SETTLE_S = 30.0
MORE_MEMORY_MB = 5.0
THINKS_S = 0.05


class Thinks(InstantResponder):
    """A model that takes a moment before its first word, so that clients go while it thinks."""

    @asynccontextmanager
    async def reply(self, conversation: Sequence[ChatMessage]) -> AsyncIterator[AsyncIterator[str]]:
        await trio.sleep(THINKS_S)
        async with super().reply(conversation) as tokens:
            yield tokens


@dataclass(frozen=True, slots=True)
class Held:
    """What a process has, beside its memory."""

    tasks: int
    files: int
    threads: int
    lanes: tuple[int | None, ...]
    sessions: int
    websockets: int

    @classmethod
    def now(cls, server: Server, room: EngineRoom) -> Held:
        return cls(
            tasks=trio.lowlevel.current_statistics().tasks_living,
            files=open_files(),
            threads=threading.active_count(),
            lanes=tuple(lane.pid for lane in room.lanes),
            sessions=len(server._connections.open),
            websockets=server._front.websockets,
        )


def memory_mb() -> float:
    give_memory_back()
    return float(psutil.Process(os.getpid()).memory_info().rss) / 1e6


async def settled(
    server: Server, room: EngineRoom, expected: Held | None, for_s: float = SETTLE_S
) -> Held:
    """What there is once closing connections have closed; after `for_s` at the latest. Threads that
    wait for work go after ten seconds."""
    found = Held.now(server, room)
    with trio.move_on_after(for_s):
        while expected is None or not _as_little(found, expected):
            await trio.sleep(0.05)
            found = Held.now(server, room)
    return found


def _as_little(found: Held, expected: Held) -> bool:
    same = replace(found, threads=0) == replace(expected, threads=0)
    return same and found.threads <= expected.threads


async def test_clients_that_go_at_any_point_leave_nothing(full: bool, figures: Figures) -> None:
    settings = Settings.defaults(
        ws_max_connections=200,
        ws_ping_interval=300,
        stream_max_cpu_share=0,
        stream_max_loop_lag_ms=0,  # everybody comes in, however busy the machine is
        stream_max_lane_wait_ms=0,
        stream_max_talking_share=0,
    )
    with capture_logs() as lines:
        async with open_engine_room(
            settings, replace(instant_engines(), responder=Thinks())
        ) as room:
            server = Server(settings, room)
            listeners = await open_listeners("127.0.0.1", 0)
            port = listeners[0].socket.getsockname()[1]
            async with trio.open_nursery() as nursery:
                await nursery.start(server.run, listeners)
                nursery.start_soon(forget, lines)
                while room.not_ready() or not room.media_lane.ready:
                    await trio.sleep(0.05)
                await come_and_go(port, visits(WARM_UP if full else SHORT // 2, 1))
                before = await settled(server, room, None, 12.0 if full else 3.0)
                lines.clear()
                memory = memory_mb()
                count = CYCLES if full else SHORT
                began_s = trio.current_time()
                await come_and_go(port, visits(count, 2))
                took_s = trio.current_time() - began_s
                after, more_mb = await settled(server, room, before), memory_mb() - memory
                nursery.cancel_scope.cancel()
    figures.tell(f"{count} connect/abort cycles", f"{took_s:.0f} s", f"{len(DOORS)} doors")
    figures.tell("tasks, descriptors, threads, lanes", f"{after}", f"{before}")
    figures.tell("memory", f"{more_mb:+.1f} MB", f"{MORE_MEMORY_MB:+.0f} MB")
    assert _as_little(after, before), (before, after)
    if full:
        assert more_mb <= MORE_MEMORY_MB


def test_every_door_point_and_way_is_among_them() -> None:
    assert {(v.door, v.point, v.way) for v in visits(SHORT, 2)} == {
        (door, point, way) for door in DOORS for point in POINTS for way in WAYS
    }


async def forget(lines: list[Any]) -> None:
    """The log is not kept: ten thousand sessions say more than all that is measured here."""
    while True:
        lines.clear()
        await trio.sleep(0.2)


async def come_and_go(port: int, plan: Iterator[Visit]) -> None:
    async def one_after_another() -> None:
        for visit in plan:
            await pay(port, visit)

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(one_after_another)
