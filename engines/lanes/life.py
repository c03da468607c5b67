"""Whether a lane's worker lives while nobody calls it, and that none outlives the process."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
from contextlib import suppress
from types import TracebackType

import trio


class WorkerLife:
    """Notices the end of an idle worker, which trio-parallel would replace by one without engine.

    It waits on a descriptor of its own, for trio-parallel waits on the original.
    """

    def __init__(self, pid: int | None) -> None:
        children = multiprocessing.active_children()
        self._process = next((child for child in children if child.pid == pid), None)
        self._fd = -1

    def __enter__(self) -> WorkerLife:
        if self._process is not None:
            self._fd = os.dup(self._process.sentinel)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    @property
    def ended(self) -> bool:
        return self._process is None or not self._process.is_alive()

    async def wait_for_end(self) -> None:
        await trio.lowlevel.wait_readable(self._fd)


_workers: set[int] = set()


def end_at_exit(pid: int) -> None:
    """Kill this worker at the end of the process if it is there still, which takes a crash of the
    event loop. Workers ignore SIGTERM, by which multiprocessing would end them and then wait."""
    _workers.add(pid)


def ended(pid: int) -> None:
    """It need not be killed any more, and its number may be another process' soon."""
    _workers.discard(pid)


@atexit.register
def _kill_workers() -> None:
    for pid in _workers:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
