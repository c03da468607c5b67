"""People who talk with a server in another process, for as long as somebody else does it harm.

They are the callers of `parley bench sessions`, with its instant engines: a partial tells which
frame it has got to, so that its lag is known.
"""

from __future__ import annotations

import functools
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from parley.bench.caller import Caller, Line, Notes
from parley.bench.lines import frame_of_partial, numbered_line
from parley.bench.result import spread
from parley.bench.tongues import TONGUES
from parley.client.server_process import ServerProcess, server_process
from parley.client.wire import open_wire

FRAME_MS = 100
LINE_FRAMES = 20
HOSTILE = Path(__file__).with_name("hostile_peers.py")


@asynccontextmanager
async def instant_server(
    folder: Path, most: int = 2000, **variables: str
) -> AsyncIterator[ServerProcess]:
    """A server with instant engines, as a process of its own."""

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "parley.bench.instant_server", str(port)]

    log = folder / "server.log"
    environment = {"WS_MAX_CONNECTIONS": str(most), **variables}
    async with server_process(log, command, environment) as server:
        yield server


def talkers(port: int, count: int, dialects: Sequence[str] = ("prompt-voice",)) -> list[Caller]:
    found = []
    for number in range(count):
        tongue = TONGUES[dialects[number % len(dialects)]]()
        line = numbered_line(number, LINE_FRAMES, rate_hz=tongue.rate_hz, frame_ms=FRAME_MS)
        caller = Caller(
            connect=functools.partial(open_wire, f"ws://127.0.0.1:{port}{tongue.path}"),
            tongue=tongue,
            frame_ms=FRAME_MS,
            lead_s=1.0,
            next_line=functools.partial(_same, line),
            rng=random.Random(number),
            frame_of_partial=frame_of_partial,
        )
        found.append(caller)
    return found


def _same(line: Line) -> Line:
    return line


@asynccontextmanager
async def talking(callers: Sequence[Caller]) -> AsyncIterator[None]:
    """They talk while the block runs; the machine is given a moment to settle."""
    async with trio.open_nursery() as nursery:
        for caller in callers:
            nursery.start_soon(caller.run)
        for caller in callers:
            await caller.greeted.wait()
        yield
        nursery.cancel_scope.cancel()


async def counted(callers: Sequence[Caller], seconds: float) -> Notes:
    """What they see in these seconds."""
    for caller in callers:
        caller.notes, caller.counting = Notes(), True
    await trio.sleep(seconds)
    return notes_of(callers)


def notes_of(callers: Sequence[Caller]) -> Notes:
    notes = Notes()
    for caller in callers:
        caller.counting = False
        notes.add(caller.notes)
    return notes


def p95_ms(values: Sequence[float]) -> float:
    return spread(values, 1000).p95 or 0.0


async def attacked(port: int, kind: str, count: int, seconds: float, path: str = "/ws") -> Any:
    """What the peers of hostile_peers.py found."""
    words = [sys.executable, str(HOSTILE), str(port), kind, str(count), str(seconds), path]
    done = await trio.run_process(words, capture_stdout=True, stdin=subprocess.DEVNULL)
    return json.loads(done.stdout)
