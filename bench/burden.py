"""What a process costs: CPU time and memory, of itself and of its worker processes."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
import trio


@dataclass(frozen=True, slots=True, kw_only=True)
class Burden:
    """At one moment; differences of two are what was used between."""

    at_s: float
    cpu_s: float
    workers_cpu_s: float
    rss_mb: float
    workers_rss_mb: float


def burden_of(pid: int) -> Burden:
    """Raises psutil.NoSuchProcess."""
    process = psutil.Process(pid)
    workers_cpu_s = workers_rss_mb = 0.0
    for worker in process.children(recursive=True):
        try:
            workers_cpu_s += _cpu_s(worker)
            workers_rss_mb += worker.memory_info().rss / 2**20
        except psutil.NoSuchProcess:
            continue
    return Burden(
        at_s=trio.current_time(),
        cpu_s=_cpu_s(process),
        workers_cpu_s=workers_cpu_s,
        rss_mb=process.memory_info().rss / 2**20,
        workers_rss_mb=workers_rss_mb,
    )


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def pin(pid: int, core: int) -> bool:
    """Keep a process on one core, where the system can do that."""
    process = psutil.Process(pid)
    if not hasattr(process, "cpu_affinity") or (psutil.cpu_count() or 1) <= core:
        return False
    process.cpu_affinity([core])
    return True
