"""`parley bench calls`: how many telephone calls one server holds, and what each costs.

Frames of 20 ms both ways, instant engines, a server of its own on the first core and the callers
on the second. A gap is a silence within a reply at the carrier's, who plays what comes at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..client.server_process import ServerProcess, server_process
from ..nurseries import plain_nursery
from ..wallclock import utc_now
from .burden import burden_of
from .phone_line import FRAME_MS, PhoneLine
from .result import Result, spread
from .sessions import ROOT, _cores
from .shares import shares_of

CONNECT_EVERY_S = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsPlan:
    calls: Sequence[int] = (100,)
    seconds: float = 30.0
    settle_s: float = 8.0
    pinned: bool = True
    profiled: bool = False
    silent: bool = False
    """Nobody speaks: what an open line costs."""


async def bench_calls(plan: CallsPlan, console: Console) -> Result:
    """Raises ServerFailed, and OSError where a call cannot be made."""
    rows = []
    with TemporaryDirectory() as folder, Progress(console=console) as progress:
        for count in plan.calls:
            log = Path(folder) / f"server-{count}.log"
            profile = Path(folder) / f"{count}.pstats" if plan.profiled else None
            more = [str(profile)] if profile else []

            def command(port: int, more: Sequence[str] = more) -> list[str]:
                return [sys.executable, "-m", "parley.bench.instant_server", str(port), *more]

            async with server_process(log, command) as server:
                row = await _one_load(plan, count, server, progress)
            if profile is not None:
                row["time_shares"] = shares_of(profile, ROOT)
            rows.append(row)
    return Result(
        bench="calls",
        when=utc_now(),
        parameters={"frame_ms": 20, "seconds": plan.seconds, "pinned": plan.pinned},
        rows=rows,
    )


async def _one_load(
    plan: CallsPlan, count: int, server: ServerProcess, progress: Progress
) -> dict[str, Any]:
    with _cores(server.pid, plan.pinned):
        bar = progress.add_task(f"{count} calls", total=plan.seconds)
        empty = burden_of(server.pid)
        lines: list[PhoneLine] = []
        async with AsyncExitStack() as stack, plain_nursery() as nursery:
            for number in range(count):
                stream = await trio.open_tcp_stream("127.0.0.1", server.port)
                await stack.enter_async_context(stream)
                line = PhoneLine(stream, number, silent=plan.silent)
                await line.open(f"127.0.0.1:{server.port}", "/telephone/twilio")
                nursery.start_soon(line.speak)
                nursery.start_soon(line.listen)
                lines.append(line)
                await trio.sleep(CONNECT_EVERY_S)
            await trio.sleep(plan.settle_s)
            before = burden_of(server.pid)
            for line in lines:
                line.counting = True
            for _ in range(int(plan.seconds)):
                await trio.sleep(1)
                progress.advance(bar)
            after = burden_of(server.pid)
            nursery.cancel_scope.cancel()
    wall_s = after.at_s - before.at_s
    gaps = [gap for line in lines for gap in line.gaps_s]
    return {
        "calls": count,
        "said": sum(line.said for line in lines),
        "replies": sum(line.replies for line in lines),
        "frames_in_per_s": round(sum(line.frames_in for line in lines) / wall_s),
        "gaps": len(gaps),
        "core_per_call": round((after.cpu_s - before.cpu_s) / wall_s / count, 5),
        "server_cores": round((after.cpu_s - before.cpu_s) / wall_s, 4),
        "server_mb_empty": round(empty.rss_mb, 1),
        "frames_per_s": round(sum(len(line.late_s) for line in lines) / wall_s, 1),
        "talking": round(sum(line.speech_frames for line in lines) * FRAME_MS / 1000 / wall_s, 3),
        "replying": round(sum(line.reply_s for line in lines) / wall_s, 3),
        "turns_per_s": round(sum(line.said for line in lines) / wall_s, 3),
        "sent_bytes_per_s": round(sum(line.sent_bytes for line in lines) / wall_s),
        "heard_bytes_per_s": round(sum(line.heard_bytes for line in lines) / wall_s),
        "heard_messages_per_s": round(sum(line.heard_messages for line in lines) / wall_s, 1),
        "mb_per_call": round((after.rss_mb - empty.rss_mb) / count, 3),
        "first_audio_ms": spread([s for line in lines for s in line.first_audio_s], 1000),
        "gap_ms": spread(gaps, 1000),
        "caller_late_ms": spread([s for line in lines for s in line.late_s], 1000),
    }


def table_of(result: Result) -> Table:
    """A column per load; times as median / p95 / p99."""
    table = Table(title="telephone calls at once, instant engines, 20 ms frames both ways")
    table.add_column("")
    for row in result.rows:
        table.add_column(str(row["calls"]), justify="right")
    for name, key in (
        ("replies, of lines said", "replies"),
        ("gaps in replies", "gaps"),
        ("cores, per call", "core_per_call"),
        ("MB, per call", "mb_per_call"),
        ("frames of replies a second", "frames_in_per_s"),
    ):
        table.add_row(
            name,
            *(f"{r[key]}/{r['said']}" if key == "replies" else str(r[key]) for r in result.rows),
        )
    for name, key in (("first reply audio", "first_audio_ms"), ("caller late", "caller_late_ms")):
        told = (f"{r[key].median:.0f} / {r[key].p95:.0f} / {r[key].p99:.0f}" for r in result.rows)
        table.add_row(f"{name}, ms", *told)
    for name in list(result.rows[-1].get("time_shares", {}))[:14]:
        shares = (row["time_shares"].get(name, 0.0) for row in result.rows)
        table.add_row(f"time in {name}", *(f"{share:.0%}" for share in shares))
    return table
