"""How much CPU time a computation took. The one clock of the measurements that is not Trio's: what
it is asked about computes and does not wait, so Trio's clock would count what other processes on
the same core did meanwhile."""

from __future__ import annotations

import time


def cpu_s() -> float:
    """CPU time of this process so far, all threads, in seconds; only differences mean anything."""
    return time.process_time()
