"""How far `parley plan`'s model of CPU time is from what servers really use on this machine.

    python scripts/validate_plan.py [--seconds 15] [--costs costs.json] [--out validation.json]

First the costs are measured, as `parley bench costs` does (or read from --costs). Then come other
loads than those: other numbers of sessions, other lengths of lines, replies and frames, recognizers
with other numbers of talkers. For each, what the model says is compared with the CPU time of the
server's process and of its workers (psutil). What the model is told of a load is how many sessions
there were, how many frames, and for how much of the time people talked and were spoken to.

Before each load a fixed computation is timed, in CPU seconds: where that changes between the costs
and a load, the machine did.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
from rich.console import Console
from rich.progress import Progress

from parley.bench.cost_loads import QUIET_ENGINES, Loads, small, traffic_of
from parley.bench.costs import CostsPlan, bench_costs
from parley.bench.cpu import cpu_s
from parley.capacity.costs import Costs, costs_in, our_costs
from parley.capacity.server_load import Engines, cores_of

REAL = QUIET_ENGINES | {"STREAM_ASR_ENGINE": "moonshine", "STREAM_TTS_ENGINE": "piper"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    dialect: str
    sessions: int
    plan: dict[str, Any] = field(default_factory=dict)
    engines: Engines = field(default_factory=Engines)
    environ: dict[str, str] = field(default_factory=dict)


def cases() -> list[Case]:
    """Two shares of people in conversation for each number of sessions; none of these is a load
    from which the costs are taken."""
    framework = [
        Case(
            name=f"{sessions} sessions, {'all' if share == 1 else f'{share:.0%}'} in conversation",
            dialect="ws",
            sessions=sessions,
            plan={"talking": round(sessions * share), "line_ms": 3000, "reply_times": 2},
        )
        for sessions, shares in ((20, (1, 0.3)), (50, (1, 0.3)), (100, (1, 0.3)), (200, (0.4, 0.1)))
        for share in shares
    ]
    moonshine = [
        Case(
            name=f"{talkers} who talk to Moonshine, Piper answers",
            dialect="ws",
            sessions=talkers,
            plan={"engines": "real", "frame_ms": 20},
            engines=Engines(detector="webrtc", recognizer="moonshine", model="local", voice="joe"),
            environ=REAL,
        )
        for talkers in (2, 5, 8)
    ]
    return [
        *framework,
        *moonshine,
        Case(name="50 Realtime sessions", dialect="realtime", sessions=50, plan={"talking": 25}),
        Case(name="40 telephone calls", dialect="telephone", sessions=40),
    ]


async def carry(case: Case, seconds: float, loads: Loads) -> dict[str, Any]:
    if case.dialect == "telephone":
        return (await loads.calls(case.sessions))[1]
    plan = {"seconds": 2 * seconds} | case.plan if case.environ else case.plan
    _, row = await loads.sessions(case.dialect, case.sessions, environ=case.environ, **plan)
    return row


def compared(case: Case, row: dict[str, Any], costs: Costs, speed_ms: float) -> dict[str, Any]:
    traffic = traffic_of(case.dialect, row)
    said = cores_of(traffic, case.engines, costs)
    used = row["server_cores"] + row.get("worker_cores", 0.0)
    predicted = said.server + said.workers
    return {
        "case": case.name,
        "predicted_server": round(said.server, 4),
        "measured_server": row["server_cores"],
        "predicted_workers": round(said.workers, 4),
        "measured_workers": row.get("worker_cores", 0.0),
        "predicted": round(predicted, 4),
        "measured": round(used, 4),
        "off": round(predicted / used - 1, 4),
        "speed_ms": round(speed_ms, 1),
        "row": small(row),
    }


def speed_ms() -> float:
    """CPU time of a fixed computation."""
    began_s = cpu_s()
    total = 0
    for number in range(1_000_000):
        total += number * number % 7
    return 1000 * (cpu_s() - began_s)


async def validate(arguments: argparse.Namespace, console: Console) -> list[dict[str, Any]]:
    out: dict[str, Any] = {"speed_before_ms": round(speed_ms(), 1)}
    if arguments.costs:
        costs = costs_in(arguments.costs.read_text("utf-8"), str(arguments.costs)).over(our_costs())
    else:
        plan = CostsPlan(seconds=arguments.seconds)
        result = await bench_costs(plan, console)
        result.write(arguments.out.with_suffix(".costs.json"))
        text = json.dumps(result.as_json())
        costs = costs_in(text, "costs").over(our_costs())
    parts = arguments.only.split(";")
    chosen = [case for part in parts for case in cases() if part in case.name]
    rows = []
    with Progress(console=console) as progress:
        loads = Loads(arguments.seconds, Path("examples/audio"), progress)
        for case in chosen:
            speed = speed_ms()
            try:
                row = await carry(case, arguments.seconds, loads)
            except ValueError as problem:
                print(f"{case.name}: {problem}", flush=True)
                continue
            rows.append(compared(case, row, costs, speed))
            show(rows[-1])
            out["rows"] = rows
            arguments.out.write_text(json.dumps(out, indent=1) + "\n", "utf-8")
        loads.close()
    return rows


def show(one: dict[str, Any]) -> None:
    print(
        f"{one['case']:45} predicted {one['predicted']:.3f}, measured {one['measured']:.3f}: "
        f"{one['off']:+.1%} (server {one['predicted_server']:.3f}, {one['measured_server']:.3f}); "
        f"a fixed loop {one['speed_ms']:.0f} ms",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--costs", type=Path)
    parser.add_argument(
        "--only",
        default="",
        help="cases whose names hold one of these, separated by semicolons, in their order",
    )
    parser.add_argument("--out", type=Path, default=Path("bench-out/validation.json"))
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        rows = trio.run(functools.partial(validate, arguments, Console()))
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 1
    off = [one for one in rows if abs(one["off"]) > 0.15]
    print(f"{len(rows) - len(off)} of {len(rows)} within 15 %")
    return 1 if off or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
