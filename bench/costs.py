"""`parley bench costs`: what each part of a call costs on this machine, for `parley plan --from`.

Loads of a few kinds: silent sessions and conversations, frames of two lengths, long lines, long
replies; capacity/fitting.py makes the cost of each part of them. Then what is here of the rest:
detectors and voices by themselves, recognizers as they are served, HAProxy, Valkey or Redis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..capacity.costs import Costs
from ..capacity.fitting import fitted, scaled
from ..capacity.server_load import Engines, cores_of
from ..capacity.told import amount
from ..wallclock import utc_now
from .beside_costs import store
from .cost_loads import QUIET_ENGINES, RECOGNIZERS, TONGUE_OF, Loads, traffic_of
from .engine_costs import VOICES, Measured, detectors, voices
from .result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class CostsPlan:
    dialects: Sequence[str] = (*TONGUE_OF, "telephone")
    seconds: float = 12.0
    """For which each load is measured."""
    sessions: int = 60
    """In a load of moderate size."""
    recognizers: Sequence[str] = ("moonshine",)
    voices: Sequence[str] = ("joe", "espeak")
    talkers: int = 4
    beside: bool = True
    """Also HAProxy and Valkey or Redis, where they are installed."""
    recordings: Path = Path("examples/audio")


async def bench_costs(plan: CostsPlan, console: Console) -> Result:
    """Raises ServerFailed, NotAWav, EngineFailure, OSError, and ValueError for loads that were not
    carried."""
    _checked(plan)
    found: list[Measured] = []
    with Progress(console=console) as progress:
        loads = Loads(plan.seconds, plan.recordings, progress)
        try:
            base = await loads.idle()
            found.append(Measured("server.base", base, "an idle server"))
            found += await _of_dialects(plan, loads, base)
            found += detectors(("silero", "webrtc", "energy"), plan.recordings)
            found += await voices(plan.voices)
            found += await _of_recognizers(plan, loads, found)
            if plan.beside:
                found += await loads.through_a_proxy(plan.sessions // 2) + await store()
        finally:
            loads.close()
    return Result(
        bench="costs",
        when=utc_now(),
        parameters={"seconds": plan.seconds, "sessions": plan.sessions, "loads": loads.rows},
        rows=[one.row() for one in found],
    )


def _checked(plan: CostsPlan) -> None:
    """Raises ValueError before anything is started."""
    for what, names, known in (
        ("dialect", plan.dialects, (*TONGUE_OF, "telephone")),
        ("recognizer", plan.recognizers, tuple(RECOGNIZERS)),
        ("voice", plan.voices, tuple(VOICES)),
    ):
        for name in names:
            if name not in known:
                raise ValueError(f"no {what} {name!r}; known: {', '.join(known)}")


async def _of_dialects(plan: CostsPlan, loads: Loads, base: float) -> list[Measured]:
    few, some = max(2, plan.sessions // 2), plan.sessions
    silent, _ = await loads.sessions("ws", 2 * some, talking=0)
    short, row = await loads.sessions("ws", 2 * some // 3, talking=0, frame_ms=20)
    talk, busy = await loads.sessions("ws", some)
    more = [
        await loads.sessions("ws", max(2, some // 8), talking=0),
        await loads.sessions("ws", max(2, some // 5)),
        await loads.sessions("ws", few, frame_ms=20),
        await loads.sessions("ws", some, line_ms=8000),
        await loads.sessions("ws", some, reply_times=4),
    ]
    fit = fitted([silent, short, talk, *(seen for seen, _ in more)], base)
    found = _dialect("ws", fit.costs, row, busy)
    by = f"{len(more) + 3} loads, which the sum meets within {fit.off:.1%}"
    found += [
        Measured("server.mb", busy["server_mb_empty"], "an idle server"),
        Measured("server.wake", fit.wake_s, by),
        Measured("server.cools", fit.cools_s, by),
    ]
    for dialect in plan.dialects:
        if dialect == "telephone":
            still, row = await loads.calls(few, silent=True)
            call, busy = await loads.calls(max(2, some // 3))
            found += _dialect(dialect, scaled(still, call, base, fit), row, busy)
        elif dialect != "ws":
            still, row = await loads.sessions(dialect, some, talking=0)
            call, busy = await loads.sessions(dialect, some)
            found += _dialect(dialect, scaled(still, call, base, fit), row, busy)
    return found


def _dialect(
    dialect: str, costs: dict[str, float], silent: dict[str, Any], busy: dict[str, Any]
) -> list[Measured]:
    """`silent` and `busy` are rows of loads; what they say of bytes is per frame of 20 ms."""
    by = f"{silent['sessions']} silent, {busy['sessions']} in conversation"
    frame_bytes = silent["sent_bytes_per_s"] / silent["sessions"] / 50
    replying = busy["replying"]
    if not replying:
        raise ValueError(
            f"nobody was answered on {dialect}; is this machine busy with other things?"
        )
    memory = busy.get("mb_per_session", busy.get("mb_per_call", 0.0))
    return [
        *(Measured(f"{dialect}.{part}", cost, by) for part, cost in costs.items()),
        Measured(f"{dialect}.mb", max(memory, 0.0), by),
        Measured(f"{dialect}.frame_bytes", frame_bytes, by),
        Measured(f"{dialect}.reply_bytes", busy["heard_bytes_per_s"] / replying, by),
        Measured(f"{dialect}.reply_messages", busy["heard_messages_per_s"] / replying, by),
    ]


async def _of_recognizers(
    plan: CostsPlan, loads: Loads, found: Sequence[Measured]
) -> list[Measured]:
    known = Costs({one.name: one.figure() for one in found}, "here")
    more: dict[str, Measured] = {}
    for name in plan.recognizers:
        _, row = await loads.sessions(
            "ws",
            plan.talkers,
            environ=QUIET_ENGINES | RECOGNIZERS[name],
            engines="real",
            frame_ms=20,
            seconds=2 * plan.seconds,
        )
        talking = row["talking"]
        if not talking:
            raise ValueError(f"nobody was heard by {name}")
        rest = cores_of(traffic_of("ws", row), Engines(detector="webrtc"), known).server
        by = f"{row['sessions']} who talk to {name}"
        for figure, value in (
            (f"recognizer.{name}", row["worker_cores"] / talking),
            (f"recognizer.{name}.mb", row["largest_worker_mb"]),
            ("server.hearing", max(row["server_cores"] - rest, 0.0) / talking),
            ("server.series", row["series"]),
            ("log.turn", row["log_bytes_per_turn"]),
            ("log.call", row["log_bytes_per_call"]),
        ):
            more.setdefault(figure, Measured(figure, value, by))
    return list(more.values())


def table_of(result: Result) -> Table:
    """A line per figure."""
    table = Table(title="what calls cost on this machine", box=None, pad_edge=False)
    for name in ("figure", "value", "unit", "measured with"):
        table.add_column(name, overflow="fold")
    for row in result.rows:
        by = row["by"].partition(": ")[2]
        table.add_row(row["figure"], amount(row["value"]), row["unit"], by)
    return table
