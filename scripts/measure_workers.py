"""What a session costs with several workers, against one process, in one run:

    python scripts/measure_workers.py [--each 40] [--workers 1 2] [--rounds 2] [--seconds 20]

Instant engines, so that the framework is measured; `--each` sessions per worker, all of which talk,
so one process has so many and two workers twice as many. The rounds take turns, and nobody is bound
to a core. Printed per load: cores per session (parent and workers together), what the same is of
one process's, turns that were answered, gaps, and the lag of frames.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import trio
from rich.console import Console

from parley.bench.sessions import Plan, bench_sessions


async def load(workers: int, each: int, seconds: float) -> dict[str, Any]:
    os.environ["PARLEY_WORKERS"] = str(workers)
    os.environ["STREAM_MAX_LOOP_LAG_MS"] = "0"  # everybody is let in: the cost is asked for
    count = workers * each
    plan = Plan(sessions=(count,), seconds=seconds, pinned=False)
    result = await bench_sessions(plan, Console(stderr=True, quiet=True))
    row: dict[str, Any] = result.rows[0]
    row["cores_each"] = (row["core_per_session"] * count + row["worker_cores"]) / count
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=40)
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    costs: dict[int, list[float]] = {}
    for _ in range(arguments.rounds):
        for workers in arguments.workers:
            row = trio.run(load, workers, arguments.each, arguments.seconds)
            costs.setdefault(workers, []).append(row["cores_each"])
            lag = row["frame_lag_ms"]
            print(
                f"{workers} workers, {row['sessions']} sessions: "
                f"{row['cores_each']:.5f} core each, "
                f"{row['complete']}/{row['lines']} turns, {row['gaps']} gaps, "
                f"{row['failures']} failures, frame lag {lag.median} / {lag.p95} ms",
                flush=True,
            )
    mean = {workers: sum(found) / len(found) for workers, found in costs.items()}
    for workers, cost in mean.items():
        if 1 in mean:
            print(f"{workers} workers: capacity per core {mean[1] / cost:.0%} of one process's")
    return 0


if __name__ == "__main__":
    sys.exit(main())
