"""How many cores there are for this process, and which part of them it may take.

Of several workers on one machine each takes its part: who starts threads by the number of cores
asks `share_of`. The part is handed on in the environment, since a lane's process asks too.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

SHARE = "_PARLEY_CORES"
"""In the environment: how many cores this process and those that it starts may take."""

QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Where a container's limit stands: microseconds of CPU time in so many microseconds, or `max`."""


def usable(quota: Path = QUOTA) -> int:
    """Cores that this process may use: those that it is bound to, within a container's limit."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    with suppress(OSError, ValueError):
        allowed, _, period = quota.read_text().partition(" ")
        cores = min(cores, round(int(allowed) / int(period)))  # `max` is no number
    return max(1, cores)


def share_of(cores: int | None) -> int:
    """This process' part of so many cores: all of them, unless it is one of several workers."""
    cores = cores or 1
    with suppress(ValueError):
        return max(1, min(cores, int(os.environ.get(SHARE, cores))))
    return cores


def take_share(cores: int) -> None:
    """From now on this process, and what it starts, takes so many."""
    os.environ[SHARE] = str(max(1, cores))
