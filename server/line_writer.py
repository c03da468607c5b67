"""Lines that a thread writes: a pipe that nobody reads blocks whoever writes to it, and no
conversation waits for a log.

The queue is bounded: what finds it full is dropped and counted, and what cannot be written (the
reader is gone, the disk is full) is lost and counted too. Nothing here ever raises for it.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable

WAITING_MAX_BYTES = 1 << 20
"""Some five thousand lines: a reader that pauses for a minute misses nothing of a quiet server."""

FLUSH_S = 1.0
"""At the end of the process, for what still waits."""

Notice = Callable[[int], str]


def _nobody(lines: int) -> None:
    pass


class LineWriter:
    """Writes to file descriptors by a thread of its own, in the order in which it was given.

    `put` may be called by any thread, and by a finalizer that runs in the middle of another `put`;
    it never waits for the reader.
    """

    def __init__(self, name: str) -> None:
        self.dropped = 0
        """Lines that were not written, so far."""
        self.notice: Notice | None = None
        """Makes the line that says how many lines are missing."""
        self._on_dropped: Callable[[int], None] = _nobody
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._waiting_bytes = 0
        self._untold: dict[int, int] = {}  # by descriptor: how many lines are missing there
        self._torn: set[int] = set()  # descriptors where a line was written in part
        self._broken: set[int] = set()  # descriptors where the last line could not be written
        self._writing = False
        self._changed = threading.Condition(threading.RLock())
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def put(self, fd: int, data: bytes) -> None:
        """Have whole lines (or a piece of one) written to `fd`."""
        with self._changed:
            if self._waiting_bytes + len(data) > WAITING_MAX_BYTES:
                self._lost(fd, data)
                return
            if fd in self._untold and fd not in self._broken and self.notice is not None:
                self._add(fd, self._missing(fd, self.notice))
            self._add(fd, data)
            self._changed.notify_all()

    def count_dropped_by(self, on_dropped: Callable[[int], None]) -> None:
        """Tell `on_dropped` how many lines were lost, now and whenever some are."""
        with self._changed:
            self._on_dropped = on_dropped
            if self.dropped:
                on_dropped(self.dropped)

    def flush(self, within_s: float = FLUSH_S) -> bool:
        """Wait until everything is written, and say whether it is."""
        with self._changed:
            return self._changed.wait_for(self._is_idle, within_s)

    def _is_idle(self) -> bool:
        return not self._waiting and not self._writing

    def _add(self, fd: int, data: bytes) -> None:
        self._waiting.append((fd, data))
        self._waiting_bytes += len(data)

    def _lost(self, fd: int, data: bytes) -> None:
        lines = max(data.count(b"\n"), 1)
        self.dropped += lines
        self._untold[fd] = self._untold.get(fd, 0) + lines
        self._on_dropped(lines)

    def _missing(self, fd: int, notice: Notice) -> bytes:
        """What says how many lines are missing, once."""
        return notice(self._untold.pop(fd)).encode("utf-8", "replace")

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                fd, data = self._waiting.popleft()
                self._waiting_bytes -= len(data)
                self._writing = True
            written = self._write(fd, data)
            with self._changed:
                if not written:
                    self._broken.add(fd)
                    self._lost(fd, data)
                    continue
                behind = fd in self._broken or not self._waiting
                self._broken.discard(fd)
                if behind and fd in self._untold and self.notice is not None:
                    notice = self._missing(fd, self.notice)
                    self._waiting.appendleft((fd, notice))
                    self._waiting_bytes += len(notice)

    def _write(self, fd: int, data: bytes) -> bool:
        """Write all of it, however long that takes. False where it cannot be written."""
        if fd in self._torn:
            data = b"\n" + data
        left = memoryview(data)
        try:
            while left:
                try:
                    left = left[os.write(fd, left) :]
                except BlockingIOError:  # whoever gave it to us has made it so
                    select.select([], [fd], [])
        except (OSError, ValueError):
            if len(left) < len(data):
                self._torn.add(fd)
            return False
        self._torn.discard(fd)
        return True
