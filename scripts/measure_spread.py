"""How evenly connections spread over several processes that serve one port, by three ways:

    python scripts/measure_spread.py [--workers 2 4] [--connections 200] [--work-ms 2]

    reuseport   a listener each (SO_REUSEPORT): the kernel chooses by a hash of the connection
    one queue   one listener for all, and whoever wakes first accepts
    turns       one listener for all, and who has least to do accepts (server/workers/turns.py)

Each process works for `--work-ms` for each connection that it accepts, as a handshake does, and
keeps it. Connections come one after the other, 5 ms apart, and then all at once. Printed per way:
how many each process has, and how far the fullest is above the mean.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import trio

from parley.server.accepting import accept_for_ever
from parley.server.workers.board import Board
from parley.server.workers.handed import Handed
from parley.server.workers.link import BOARD, Link, Worker

HOST = "127.0.0.1"
WAYS = ("reuseport", "one queue", "turns")
SETTLE_S = 0.5
POLL_S = 0.05


def listening(port: int, *, shared: bool) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((HOST, port))
    made.listen(1024)
    made.setblocking(False)
    return made


def busy(milliseconds: float) -> None:
    """Keeps the processor for so long, as a handshake does."""
    until_s = time.process_time() + milliseconds / 1000
    while time.process_time() < until_s:
        pass


async def work(
    way: str, listener: socket.socket, number: int, folder: Path, work_ms: float
) -> None:
    kept: list[trio.SocketStream] = []
    wrapped = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
    link = _link(number, folder)
    link.worker = Worker(sessions=lambda: len(kept), is_open=lambda: True, is_ready=lambda: True)

    def take(stream: trio.SocketStream) -> None:
        kept.append(stream)
        if way == "turns":
            busy(work_ms)
            return
        busy(work_ms)
        link.board.write(number, _counted(len(kept)))

    async with trio.open_nursery() as nursery:
        if way == "turns":
            nursery.start_soon(link.beat)
            await link.accept(wrapped, take)
        await accept_for_ever(wrapped, take)


def _counted(connections: int):  # type: ignore[no-untyped-def]
    from parley.server.workers.board import Standing

    return Standing(load=connections, open=True)


def _link(number: int, folder: Path) -> Link:
    handed = Handed(
        worker=number, workers=1, cores=1, folder=str(folder), listeners=[], life=-1, key=b""
    )
    return Link(handed, Board(folder / BOARD))


def child(run: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            run()
        finally:
            os._exit(0)
    return pid


async def connect_all(port: int, count: int, every_s: float, kept: list[trio.SocketStream]) -> None:
    async def one() -> None:
        kept.append(await trio.open_tcp_stream(HOST, port))

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)
            if every_s:
                await trio.sleep(every_s)


def measure(way: str, workers: int, count: int, work_ms: float, every_s: float) -> list[int]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        board = Board(folder / BOARD, make=True)
        first = listening(0, shared=way == "reuseport")
        port = first.getsockname()[1]
        pids = []
        for number in range(1, workers + 1):
            own = first
            if way == "reuseport" and number > 1:
                own = listening(port, shared=True)
            pids.append(
                child(lambda n=number, s=own: trio.run(work, way, s, n, folder, work_ms))  # type: ignore[misc]
            )
            if own is not first:
                own.close()
        first.close()

        async def knock() -> list[int]:
            await trio.sleep(SETTLE_S)
            kept: list[trio.SocketStream] = []
            with trio.fail_after(60):
                await connect_all(port, count, every_s, kept)
                while sum(standing.load for _, standing in board) < count:
                    await trio.sleep(POLL_S)
            return [standing.load for _, standing in board]

        try:
            return trio.run(knock)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", nargs="+", type=int, default=[2, 4])
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--work-ms", type=float, default=2.0)
    arguments = parser.parse_args()
    for workers in arguments.workers:
        for name, every_s in (("5 ms apart", 0.005), ("at once", 0.0)):
            for way in WAYS:
                count = arguments.connections
                found = measure(way, workers, count, arguments.work_ms, every_s)
                over = max(found, default=0) / (count / workers) - 1
                print(f"{workers} processes, {name:10}  {way:9}  {found}  +{over:.0%}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
