"""Whether a lane's worker is still alive, while nobody calls it."""

from __future__ import annotations

import multiprocessing
import os
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
