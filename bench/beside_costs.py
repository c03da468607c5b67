"""What stands beside Parley costs here: HAProxy per message, Valkey or Redis per operation.

Both are started for this, on loopback and on free ports, and ended. Where they are not installed
nothing is measured.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory

import psutil
import trio

from ..client.server_process import free_port
from .engine_costs import Measured

HAPROXY = """global
    nbthread 1
    maxconn 4000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
frontend in
    bind 127.0.0.1:{port}
    default_backend out
backend out
    server one 127.0.0.1:{server}
"""

OPERATIONS = 60_000
CLIENTS = 50
VALUE_BYTES = 4096
UP_S = 5.0
STORES = (("valkey-server", "valkey-benchmark"), ("redis-server", "redis-benchmark"))


@dataclass(slots=True)
class Watched:
    """A process that was started, and what it used."""

    pid: int
    port: int

    def cpu_s(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def mb(self) -> float:
        return float(psutil.Process(self.pid).memory_info().rss / 2**20)


@asynccontextmanager
async def _running(command: Sequence[str], port: int) -> AsyncIterator[Watched]:
    """The program, once it listens. Raises OSError where it does not within UP_S."""
    process = await trio.lowlevel.open_process(
        list(command), stdin=None, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        with trio.fail_after(UP_S):
            while True:
                try:
                    stream = await trio.open_tcp_stream("127.0.0.1", port)
                except OSError:
                    await trio.sleep(0.05)
                else:
                    await stream.aclose()
                    break
        yield Watched(process.pid, port)
    except trio.TooSlowError:
        raise OSError(f"{command[0]} did not listen within {UP_S:g} s") from None
    finally:
        process.terminate()
        with trio.CancelScope(shield=True), trio.move_on_after(UP_S) as limit:
            await process.wait()
        if limit.cancelled_caught:
            process.kill()


Carried = Callable[[int], Awaitable[dict[str, float]]]
"""Has a load carried through this port; gives its row."""


async def proxy(server_port: int, carry: Carried, counted: tuple[float, float]) -> list[Measured]:
    """HAProxy's CPU time per message in either direction, and its memory per session. `counted`
    says from when to when the load's messages are counted, in seconds from its beginning."""
    if shutil.which("haproxy") is None:
        return []
    with TemporaryDirectory() as folder:
        port, file = free_port(), Path(folder) / "haproxy.cfg"
        file.write_text(HAPROXY.format(port=port, server=server_port), "utf-8")
        async with _running(["haproxy", "-q", "-f", str(file)], port) as program:
            empty_mb, used = program.mb(), [0.0, 0.0]

            async def watch() -> None:
                began_s = trio.current_time()
                for number, at_s in enumerate(counted):
                    await trio.sleep_until(began_s + at_s)
                    used[number] = program.cpu_s()
                used.append(program.mb())

            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch)
                row = await carry(port)
    messages = row["frames_per_s"] + row["heard_messages_per_s"]
    core = (used[1] - used[0]) / (counted[1] - counted[0])
    by = f"{row['sessions']} sessions through HAProxy"
    return [
        Measured("proxy.message", core / messages, by),
        Measured("proxy.mb", max(used[2] - empty_mb, 0.0) / row["sessions"], by),
    ]


async def store() -> list[Measured]:
    """CPU time of one SET and one INCR, with many clients at once."""
    for server, benchmark in STORES:
        if shutil.which(server) and shutil.which(benchmark):
            return await _store(server, benchmark)
    return []


async def _store(server: str, benchmark: str) -> list[Measured]:
    port = free_port()
    with TemporaryDirectory() as folder:
        command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--dir", folder, "--loglevel", "warning"]
        async with _running(command, port) as program:
            found = []
            for name, test in (("store.set", "set"), ("store.operation", "incr")):
                before_s = program.cpu_s()
                ask = [benchmark, "-p", str(port), "-t", test, "-n", str(OPERATIONS), "-q"]
                ask += ["-c", str(CLIENTS), "-d", str(VALUE_BYTES), "-r", "10000"]
                await trio.run_process(ask, capture_stdout=True, capture_stderr=True)
                used_s = program.cpu_s() - before_s
                found.append(Measured(name, used_s / OPERATIONS, f"{benchmark} -t {test}"))
    return found
