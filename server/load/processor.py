"""How much of the processor is taken: by everybody, and by this server with its lanes.

The share of the machine is of the cores that this process may use; in a container with a limit of
CPU time it is of that limit. Read from the kernel's counters, twice a second at most.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from ...cores import QUOTA, share_of, usable

STAT = QUOTA.with_name("cpu.stat")


@dataclass(frozen=True, slots=True)
class Taken:
    """Shares from 0 to 1 since the look before."""

    machine: float
    """Of what there is, by everybody."""
    own: float
    """Of this process' part of it, by this server alone; it can be more where it takes others'."""
    loop: float
    """Of one core, by this process: its event loop has no more."""


class Processor:
    """`look` tells what was taken since it was asked last."""

    def __init__(
        self,
        pids: Callable[[], Iterable[int]] = tuple,
        *,
        quota: Path = QUOTA,
        stat: Path = STAT,
    ) -> None:
        """`pids` are those of the server's other processes."""
        self._pids = pids
        self._cores = usable(quota)
        self._part = share_of(self._cores)
        self._limited = _is_limited(quota)
        self._stat = stat
        self._before: tuple[float, float, float, dict[int, float]] | None = None

    def look(self, now_s: float) -> Taken | None:
        """None at first, and where the system does not tell."""
        try:
            idle_s, busy_s = self._machine()
        except (OSError, ValueError, LookupError, AttributeError, NotImplementedError):
            return None
        own = {pid: _used_s(pid) for pid in (os.getpid(), *self._pids())}
        before, self._before = self._before, (now_s, idle_s, busy_s, own)
        if before is None:
            return None
        at_s, was_idle_s, was_busy_s, was_own = before
        passed_s = now_s - at_s
        if passed_s <= 0:
            return None
        # A process that came meanwhile counts from its next look on.
        used_s = sum(used - was_own[pid] for pid, used in own.items() if pid in was_own)
        if self._limited:
            machine = (busy_s - was_busy_s) / (passed_s * self._cores)
        else:
            idle, busy = idle_s - was_idle_s, busy_s - was_busy_s
            machine = busy / (idle + busy) if idle + busy > 0 else 0.0
        here = os.getpid()
        return Taken(
            machine=max(0.0, machine),
            own=max(0.0, used_s) / (passed_s * self._part),
            loop=(own[here] - was_own[here]) / passed_s,
        )

    def _machine(self) -> tuple[float, float]:
        """Idle and busy seconds so far. Raises OSError and ValueError."""
        if self._limited:
            fields = dict(line.split() for line in self._stat.read_text().splitlines())
            return 0.0, int(fields["usage_usec"]) / 1e6
        idle_s = busy_s = 0.0
        all_of_them = psutil.cpu_times(percpu=True)
        ours = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
        for number, times in enumerate(all_of_them):
            if ours is None or number in ours:
                resting = times.idle + getattr(times, "iowait", 0.0)
                idle_s += resting
                # What a guest used is in `user` too.
                guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
                busy_s += sum(times) - resting - guests
        return idle_s, busy_s


def _used_s(pid: int) -> float:
    """CPU time of a process so far; 0 of one that is gone."""
    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    return 0.0


def _is_limited(quota: Path) -> bool:
    try:
        return not quota.read_text().startswith("max")
    except OSError:
        return False
