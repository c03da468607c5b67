"""What the shared store costs: a write behind, a call, and a server with it against one without.

    python scripts/measure_store.py [--sessions 50] [--seconds 30] [--rounds 2]

Starts a redis-server of its own on loopback. A write is measured as it is done in a server: said to
the writer, which writes it; its cost is the CPU time of this process. Then servers with instant
engines are measured one after the other, without the store and with it, as often as `--rounds`
says; the callers run in this process, and the server on a core of its own where there are two.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import fmean
from typing import Any

import trio
from rich.console import Console

from parley.bench.sessions import Plan, bench_sessions
from parley.cluster.behind import WriteBehind
from parley.cluster.redis_store import RedisStore
from parley.cluster.store_address import store_address
from parley.telemetry import Telemetry

WRITES = 4000
SIZES = (200, 4_000, 16_000)
PER_S = 500
"""Writes said in a second: those of some hundred sessions."""


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


async def servers(url: str, sessions: int, seconds: float, rounds: int) -> None:
    found: dict[str, list[dict[str, Any]]] = {"without": [], "with": []}
    for _ in range(rounds):
        for name, rows in found.items():
            os.environ.pop("PARLEY_STORE_URL", None)
            if name == "with":
                os.environ["PARLEY_STORE_URL"] = url
            plan = Plan(sessions=(sessions,), seconds=seconds, dialects=("prompt-voice",))
            result = await bench_sessions(plan, Console(stderr=True))
            rows += result.rows
            print(f"{name} the store: {_told(result.rows)}", flush=True)
    for name, rows in found.items():
        print(f"{name} the store, all rounds: {_told(rows)}")


def _told(rows: list[dict[str, Any]]) -> str:
    cost = fmean(row["core_per_session"] for row in rows)
    median = fmean(row["first_audio_ms"].median or 0 for row in rows)
    late = fmean(row["first_audio_ms"].p95 or 0 for row in rows)
    return (
        f"{cost * 1000:.2f} thousandths of a core a session, "
        f"first audio p50 {median:.0f} ms, p95 {late:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    with redis() as url:
        trio.run(writes, url)
        trio.run(servers, url, args.sessions, args.seconds, args.rounds)


if __name__ == "__main__":
    main()
