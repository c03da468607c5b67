"""What the shared store costs: a write behind, a call, and a server with it against one without.

    python scripts/measure_store.py [--sessions 50] [--seconds 60] [--resume]

Starts a redis-server of its own on loopback. A write is measured as it is done in a server: said to
the writer, which writes it; its cost is the CPU time of this process. Then two servers with instant
engines run side by side, one with the store and one without, each with as many callers as
`--sessions` says, so that whatever else the machine does slows both alike. With `--resume` those of
the server with the store ask to be able to go on, so that what is said and heard is written too.
"""

from __future__ import annotations

import argparse
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import trio

from parley.bench.burden import burden_of
from parley.bench.caller import Caller, Line
from parley.bench.lines import numbered_line
from parley.bench.result import spread
from parley.bench.tongues import PromptVoice
from parley.client.server_process import server_process
from parley.client.wire import open_wire
from parley.cluster.behind import WriteBehind
from parley.cluster.redis_store import RedisStore
from parley.cluster.store_address import store_address
from parley.telemetry import Telemetry

WRITES = 4000
SIZES = (200, 4_000, 16_000)
PER_S = 500
"""Writes said in a second: those of some hundred sessions."""
FRAME_MS = 100
SETTLE_S = 10.0
COME_IN = {"STREAM_MAX_LOOP_LAG_MS": "0"}


@contextmanager
def redis() -> Iterator[str]:
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        sys.exit("neither valkey-server nor redis-server is installed")
    with socket.socket() as probe, tempfile.TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        words = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        process = subprocess.Popen([*words, "--save", ""], stdout=subprocess.DEVNULL)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()
            process.wait()


async def writes(url: str) -> None:
    store = RedisStore(store_address(url, None), Telemetry())
    behind = WriteBehind(store, Telemetry())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        nursery.start_soon(behind.run)
        while store.why_away is not None:
            await trio.sleep(0.05)
        await _calls(store)
        for size in SIZES:
            value = b"x" * size
            began_s = time.process_time()
            for number in range(WRITES):
                behind.keep(f"parley:item:{number}", value, ttl_s=60)
                if number % (PER_S // 50) == 0:
                    await trio.sleep(0.02)
            while len(behind):
                await trio.sleep(0.01)
            cost_us = (time.process_time() - began_s) / WRITES * 1e6
            print(f"a write of {size} bytes: {cost_us:.0f} us of CPU")
        nursery.cancel_scope.cancel()


async def _calls(store: RedisStore) -> None:
    took_ms = []
    for _ in range(1000):
        began_s = trio.current_time()
        await store.get("parley:item:0")
        took_ms.append((trio.current_time() - began_s) * 1000)
    took_ms.sort()
    print(f"a call: p50 {took_ms[500]:.2f} ms, p99 {took_ms[990]:.2f} ms")


async def servers(url: str, sessions: int, seconds: float, resume: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            server_process(Path(folder) / "off.log", _instant, COME_IN) as off,
            server_process(
                Path(folder) / "on.log", _instant, {**COME_IN, "PARLEY_STORE_URL": url}
            ) as on,
            trio.open_nursery() as nursery,
        ):
            named = {"without": off, "with": on}
            query = {"with": "?resume=new" if resume else ""}
            callers = {
                name: _callers(server.port, sessions, query.get(name, ""))
                for name, server in named.items()
            }
            for pair in zip(*callers.values(), strict=True):
                for one in pair:
                    nursery.start_soon(one.run)
                await trio.sleep(0.1)
            await trio.sleep(SETTLE_S)
            before = {name: burden_of(server.pid) for name, server in named.items()}
            for one in (one for some in callers.values() for one in some):
                one.counting = True
            await trio.sleep(seconds)
            after = {name: burden_of(server.pid) for name, server in named.items()}
            for name in named:
                used_s = after[name].cpu_s - before[name].cpu_s
                wall_s = after[name].at_s - before[name].at_s
                heard = [x for one in callers[name] for x in one.notes.first_audio_s]
                lost = [why for one in callers[name] for why in one.notes.failures]
                audio = spread(heard, 1000)
                print(
                    f"{name} the store: {used_s / wall_s / sessions * 1000:.2f} thousandths of a "
                    f"core a session; {len(heard)} replies, first audio p50 "
                    f"{audio.median or 0:.0f} ms, p95 {audio.p95 or 0:.0f} ms; "
                    f"{len(lost)} failures {sorted(set(lost))[:2]}"
                )
            nursery.cancel_scope.cancel()


def _instant(port: int) -> list[str]:
    return [sys.executable, "-m", "parley.bench.instant_server", str(port)]


def _callers(port: int, count: int, query: str) -> list[Caller]:
    found = []
    for number in range(count):
        tongue = PromptVoice()
        line = numbered_line(number, 20, rate_hz=tongue.rate_hz, frame_ms=FRAME_MS)
        found.append(
            Caller(
                connect=partial(open_wire, f"ws://127.0.0.1:{port}{tongue.path}{query}"),
                tongue=tongue,
                frame_ms=FRAME_MS,
                lead_s=1.0,
                next_line=partial(_same, line),
                rng=random.Random(number),
            )
        )
    return found


def _same(line: Line) -> Line:
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--resume", action="store_true", help="all ask to be able to go on")
    args = parser.parse_args()
    with redis() as url:
        trio.run(writes, url)
        trio.run(servers, url, args.sessions, args.seconds, args.resume)


if __name__ == "__main__":
    main()
