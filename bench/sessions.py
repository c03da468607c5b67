"""`parley bench sessions`: how many conversations one server holds, and what each costs.

A server of its own, real sockets, callers that talk, wait for the reply, play it and talk again.
With instant engines what is measured is the framework; with real ones, the whole product. Where
there is a second core, the server gets the first one and the callers the second.
"""

from __future__ import annotations

import functools
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..client.recording import load_folder
from ..client.report import normalized_words
from ..client.server_process import ServerProcess, parley_serve, server_process
from ..client.wire import open_wire
from ..config import Settings
from ..protocol.dialects import DIALECTS
from ..wallclock import utc_now
from .burden import Burden, burden_of, pin
from .caller import Caller, Line, Notes
from .lines import frame_of_partial, numbered_line, recorded_lines
from .result import Result, Spread, spread
from .shares import shares_of
from .tongues import TONGUES

ROOT = Path(__file__).resolve().parent.parent

CANCEL = '{"type":"cancel"}'
CONNECT_EVERY_S = 0.05
LINE_FRAMES_MS = 2000
LAST_ANSWERS_S = 30.0
"""Longer than a line and its reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure. `talking` limits how many talk at the same time; None: everyone does."""

    sessions: Sequence[int] = (100,)
    seconds: float = 60.0
    settle_s: float = 8.0
    """From the last connection until counting begins: a line and its reply."""
    dialects: Sequence[str] = tuple(TONGUES)
    engines: str = "instant"
    frame_ms: int = 100
    talking: int | None = None
    """0: all of them are silent."""
    line_ms: int = LINE_FRAMES_MS
    """How long a line is; with instant engines only."""
    reply_times: int = 1
    """How many times three seconds a reply lasts; with instant engines only."""
    talk_on: bool = False
    """Cancel each reply and talk on: everybody talks nearly all of the time. Dialect A only."""
    recordings: Path = Path("examples/audio")
    pinned: bool = True
    seed: int = 1
    profiled: bool = False
    admit_all: bool = False
    """Nobody is refused for load; with instant engines only."""
    costs_only: bool = False
    """Only what the server uses counts: no call is made before the load, and the last answers are
    not waited for."""


async def bench_sessions(plan: Plan, console: Console) -> Result:
    """Raises ServerFailed, NotAWav, and ValueError for a dialect that is none."""
    if plan.profiled and plan.engines == "real":
        raise ValueError("only a server with instant engines can be profiled")
    if plan.talk_on and list(plan.dialects) != ["prompt-voice"]:
        raise ValueError("only callers of prompt-voice can talk on")
    for name in plan.dialects:
        if name not in TONGUES:
            raise ValueError(f"no dialect {name!r}; known: {', '.join(TONGUES)}")
    rows = []
    with TemporaryDirectory() as folder, Progress(console=console) as progress:
        for count in plan.sessions:
            log = Path(folder) / f"server-{count}.log"
            profile = Path(folder) / f"{count}.pstats" if plan.profiled else None
            async with server_process(log, _command(plan, profile)) as server:
                row = await _one_load(plan, count, server, progress)
            if profile is not None:
                row["time_shares"] = shares_of(profile, ROOT)
            rows.append(row)
    return Result(
        bench="sessions",
        when=utc_now(),
        parameters={
            "engines": plan.engines,
            "dialects": list(plan.dialects),
            "frame_ms": plan.frame_ms,
            "seconds": plan.seconds,
            "talking_at_once": plan.talking,
            "talk_on": plan.talk_on,
            "pinned": plan.pinned,
            "seed": plan.seed,
        },
        rows=rows,
    )


def _command(plan: Plan, profile: Path | None) -> Callable[[int], list[str]]:
    if plan.engines == "real":
        return parley_serve

    def instant(port: int) -> list[str]:
        more = [str(profile)] if profile else []
        more += ["--reply-times", str(plan.reply_times)]
        more += ["--admit-all"] if plan.admit_all else []
        return [sys.executable, "-m", "parley.bench.instant_server", str(port), *more]

    return instant


async def _one_load(
    plan: Plan, count: int, server: ServerProcess, progress: Progress
) -> dict[str, Any]:
    with _cores(server.pid, plan.pinned and plan.engines == "instant"):
        callers = _callers(plan, count, server.port)
        if plan.costs_only:
            empty = burden_of(server.pid)
        else:
            empty = await _after_one_call(plan, server)
        bar = progress.add_task(f"{count} sessions", total=plan.seconds)
        async with trio.open_nursery() as nursery:
            for caller in callers:
                nursery.start_soon(caller.run)
                await trio.sleep(CONNECT_EVERY_S)
            await trio.sleep(plan.settle_s)
            before = burden_of(server.pid)
            for caller in callers:
                caller.counting = True
            for _ in range(int(plan.seconds)):
                await trio.sleep(1)
                progress.advance(bar)
            after = burden_of(server.pid)
            for caller in callers:
                caller.counting = False
                caller.may_talk = lambda: False
            with trio.move_on_after(
                0 if plan.costs_only else LAST_ANSWERS_S
            ):  # lines that were begun are answered
                while not all(caller.between_lines for caller in callers):  # noqa: ASYNC110
                    await trio.sleep(0.1)
            nursery.cancel_scope.cancel()
    notes = Notes()
    for caller in callers:
        notes.add(caller.notes)
    return _row(count, notes, empty, before, after)


async def _after_one_call(plan: Plan, server: ServerProcess) -> Burden:
    """The server's burden without callers, once what is made at the first call is made."""
    async with trio.open_nursery() as nursery:
        for caller in _callers(plan, len(plan.dialects), server.port):
            nursery.start_soon(caller.run)
        await trio.sleep(plan.settle_s)
        nursery.cancel_scope.cancel()
    await trio.sleep(1.0)
    return burden_of(server.pid)


def _callers(plan: Plan, count: int, port: int) -> list[Caller]:
    profiles = {d.profile.name: d.profile for d in DIALECTS}
    default_lead_ms = Settings.defaults().speaking.reply_lead_ms
    floor = _Floor(count if plan.talking is None else plan.talking)
    recordings = load_folder(plan.recordings) if plan.engines == "real" else []
    callers = []
    for number, dialect in enumerate(islice(cycle(plan.dialects), count)):
        tongue = TONGUES[dialect]()
        rng = random.Random(plan.seed * 100_003 + number)
        caller = Caller(
            connect=functools.partial(open_wire, f"ws://127.0.0.1:{port}{tongue.path}"),
            tongue=tongue,
            frame_ms=plan.frame_ms,
            lead_s=(profiles[dialect].reply_lead_ms or default_lead_ms) / 1000,
            next_line=_lines(plan, number, tongue.rate_hz, rng, recordings),
            rng=rng,
            may_talk=floor.take,
            talked=floor.leave,
            hush=CANCEL if plan.talk_on else None,
        )
        if plan.engines == "instant":
            caller.frame_of_partial = frame_of_partial
        callers.append(caller)
    return callers


def _lines(
    plan: Plan, number: int, rate_hz: int, rng: random.Random, recordings: Sequence[Any]
) -> Callable[[], Line]:
    if plan.engines == "real":
        pick = recorded_lines(recordings, rate_hz=rate_hz, frame_ms=plan.frame_ms)
        return lambda: pick(rng)
    line = numbered_line(
        number % 200, plan.line_ms // plan.frame_ms, rate_hz=rate_hz, frame_ms=plan.frame_ms
    )
    return lambda: line


class _Floor:
    """So many may talk at once; the others listen."""

    def __init__(self, places: int) -> None:
        self._free = places

    def take(self) -> bool:
        if not self._free:
            return False
        self._free -= 1
        return True

    def leave(self) -> None:
        self._free += 1


@contextmanager
def _cores(server: int, wanted: bool) -> Iterator[None]:
    """The server on the first core, this process on the second; back afterwards."""
    pinned = wanted and pin(server, 0) and pin(os.getpid(), 1)
    try:
        yield
    finally:
        if pinned:
            os.sched_setaffinity(0, range(os.cpu_count() or 1))


def _row(count: int, notes: Notes, empty: Burden, before: Burden, after: Burden) -> dict[str, Any]:
    wall_s = after.at_s - before.at_s
    wrong = [said for said in notes.wrong if not _same_words(said)]
    return {
        "sessions": count,
        "lines": notes.lines,
        "complete": notes.complete,
        "wrong_finals": len(wrong),
        "wrong_examples": wrong[:10],
        "failures": len(notes.failures),
        "failure_examples": sorted(set(notes.failures))[:10],
        "gaps": len(notes.gaps_s),
        "core_per_session": round((after.cpu_s - before.cpu_s) / wall_s / count, 5),
        "server_cores": round((after.cpu_s - before.cpu_s) / wall_s, 4),
        "worker_cores": round((after.workers_cpu_s - before.workers_cpu_s) / wall_s, 3),
        "mb_per_session": round((after.rss_mb - empty.rss_mb) / count, 3),
        "server_mb": round(after.rss_mb, 1),
        "workers_mb": round(after.workers_rss_mb, 1),
        "server_mb_empty": round(empty.rss_mb, 1),
        "frames_per_s": round(notes.frames / wall_s, 1),
        "talking": round(count * notes.speech_frames / max(1, notes.frames), 3),
        "replying": round(notes.reply_s / wall_s, 3),
        "turns_per_s": round(notes.lines / wall_s, 3),
        "sent_bytes_per_s": round(notes.sent_bytes / wall_s),
        "heard_bytes_per_s": round(notes.heard_bytes / wall_s),
        "heard_messages_per_s": round(notes.heard_messages / wall_s, 1),
        "ready_ms": spread(notes.ready_s, 1000),
        "frame_lag_ms": spread(notes.frame_lag_s, 1000),
        "audio_late_ms": spread(notes.audio_late_s, 1000),
        "final_ms": spread(notes.final_s, 1000),
        "first_audio_ms": spread(notes.first_audio_s, 1000),
        "gap_ms": spread(notes.gaps_s, 1000),
        "caller_late_ms": spread(notes.pacing_s, 1000),
    }


def _same_words(said: str) -> bool:
    spoken, _, heard = said.partition(" | ")
    return normalized_words(spoken) == normalized_words(heard)


FIGURES: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("turns complete, of begun", lambda row: f"{row['complete']}/{row['lines']}"),
    ("gaps in reply audio", lambda row: str(row["gaps"])),
    ("wrong finals", lambda row: str(row["wrong_finals"])),
    ("failures", lambda row: str(row["failures"])),
    ("cores, per session", lambda row: f"{row['core_per_session']:.4f}"),
    ("cores of all workers", lambda row: f"{row['worker_cores']:.2f}"),
    ("MB, per session", lambda row: f"{row['mb_per_session']:.2f}"),
)

SPREADS = (
    ("connect to greeting", "ready_ms"),
    ("frame lag", "frame_lag_ms"),
    ("final", "final_ms"),
    ("first reply audio", "first_audio_ms"),
    ("reply audio late", "audio_late_ms"),
    ("the caller itself late", "caller_late_ms"),
)


def table_of(result: Result) -> Table:
    """A column per load; times as median / p95 / p99."""
    table = Table(title=f"sessions at once, {result.parameters['engines']} engines")
    table.add_column("")
    for row in result.rows:
        table.add_column(str(row["sessions"]), justify="right")
    for name, figure in FIGURES:
        table.add_row(name, *(figure(row) for row in result.rows))
    for name, key in SPREADS:
        table.add_row(f"{name}, ms", *(_three(row[key]) for row in result.rows))
    for name in list(result.rows[-1].get("time_shares", {}))[:8]:
        shares = (row["time_shares"].get(name, 0.0) for row in result.rows)
        table.add_row(f"time in {name}", *(f"{share:.0%}" for share in shares))
    table.caption = (
        "Times are median / p95 / p99. Frame lag: a frame leaves the caller until a partial that "
        "covers it comes. Final, first reply audio: from the last frame of the recording. Late: "
        "after the moment that the pace asks for."
    )
    return table


def _three(found: Spread) -> str:
    if not found.count:
        return "-"
    return f"{found.median:.0f} / {found.p95:.0f} / {found.p99:.0f}"
