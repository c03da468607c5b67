"""One session's recording, as the session runs: a tape that never waits and never raises.

    Tap -> Recorder.write -> queue -> a thread, every FLUSH_S -> the file

The queue is bounded. Where the disk is too slow for it, entries are left out and counted: a gap.
Where the disk fails, the recording ends with one warning in the log. The session knows of neither.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import structlog
import trio

from ..telemetry import Telemetry
from .mcap_writer import McapWriter
from .privacy import Privacy
from .tape import Entry, Header

FLUSH_S = 0.5
"""How much of the session's end a killed server loses, at most about twice this."""

QUEUE_BYTES = 4 * 1024 * 1024
"""Of one recording: about a minute of a conversation. A disk that stands still for longer will not
be saved by more memory."""

BUDGET_BYTES = 64 * 1024 * 1024
"""Of all recordings of a server together: when the disk hangs, it hangs for all of them at once."""

ENTRY_BYTES = 600
"""What an entry weighs beside its audio and its text: objects, names, numbers."""

CLOSE_S = 5.0
"""How long the end of a recording may take when its session is over."""

CANCELLED_S = 1.0
"""And when the server ends at once."""


class FolderGone(OSError):
    """The file is not where it was made any more, so nobody will ever find what is written."""


@dataclass(slots=True)
class Budget:
    """Bytes that may wait in the queues of all recordings together."""

    most: int = BUDGET_BYTES
    used: int = 0


@dataclass(frozen=True, slots=True)
class _Gap:
    entries: int


class Recorder:
    """`run` is a task's body, and ends some time after `close`. `max_bytes` ends a recording that
    grows beyond it."""

    def __init__(
        self,
        path: Path,
        header: Header,
        *,
        telemetry: Telemetry,
        privacy: Privacy = Privacy(),  # noqa: B008 (frozen)
        budget: Budget | None = None,
        max_bytes: float = math.inf,
        queue_bytes: int = QUEUE_BYTES,
        open_file: Callable[[Path], IO[bytes]] | None = None,
    ) -> None:
        self.path = path
        self._header = header
        self._telemetry = telemetry
        self._privacy = privacy
        self._budget = budget or Budget()
        self._max_bytes = max_bytes
        self._queue_bytes = queue_bytes
        self._open_file = open_file or _create
        self._log = structlog.get_logger().bind(session_id=header.session_id)
        self._queue: deque[tuple[Entry | _Gap, int]] = deque()
        self._waiting_bytes = 0
        self._missed = 0
        self._closed = False
        self._failed = False
        self._over = False
        self._wake = trio.Event()
        self._scope = trio.CancelScope()
        self._limiter = trio.CapacityLimiter(1)  # one thread at a time has the file
        self._file: IO[bytes] | None = None
        self._writer: McapWriter | None = None

    @property
    def recording(self) -> bool:
        return not (self._closed or self._failed or self._over)

    @property
    def failed(self) -> bool:
        return self._failed

    # The session's side

    def write(self, entry: Entry) -> None:
        """Never waits, never raises."""
        if not self.recording:
            return
        try:
            entry = self._privacy.stripped(entry)
            weight = ENTRY_BYTES + _weight(entry.data) + len(entry.audio or b"")
        except Exception as error:
            self._fail(error)
            return
        if not self._has_room(weight):
            self._missed += 1
            self._telemetry.count("recording_gaps")
            return
        self._note_gap()
        self._put(entry, weight)

    def close(self) -> None:
        """The session is over; so is the recording, when what waits is written."""
        self._closed = True
        self._scope.deadline = trio.current_time() + CLOSE_S
        self._wake.set()

    def _has_room(self, weight: int) -> bool:
        budget = self._budget
        return (
            self._waiting_bytes + weight <= self._queue_bytes
            and budget.used + weight <= budget.most
        )

    def _note_gap(self) -> None:
        if self._missed:
            self._put(_Gap(self._missed), 0)
            self._missed = 0

    def _put(self, item: Entry | _Gap, weight: int) -> None:
        self._queue.append((item, weight))
        self._waiting_bytes += weight
        self._budget.used += weight

    # The disk's side

    async def run(self) -> None:
        try:
            with self._scope:
                await self._in_thread(self._begin)
                while not self._closed and not self._failed:
                    with trio.move_on_after(FLUSH_S):
                        await self._wake.wait()
                    await self._write_queue()
                await self._end()
            if self._scope.cancelled_caught:
                self._fail(TimeoutError(f"the disk took more than {CLOSE_S:.0f} s at the end"))
        finally:
            if not (self._closed or self._failed):  # cancelled: the server ends at once
                self._scope = trio.CancelScope(shield=True)
                self._scope.deadline = trio.current_time() + CANCELLED_S
                with self._scope:
                    await self._write_queue()
                    await self._in_thread(self._release)
            self._over = True
            self._forget_queue()

    async def _end(self) -> None:
        self._note_gap()
        await self._write_queue()
        await self._in_thread(self._finish)
        await self._in_thread(self._release)

    async def _write_queue(self) -> None:
        batch = list(self._queue)
        self._queue.clear()
        if not batch:
            return
        await self._in_thread(self._write_batch, [item for item, _ in batch])
        self._let_go(sum(weight for _, weight in batch))

    async def _in_thread(self, work: Callable[..., None], *arguments: object) -> None:
        """Whatever it raises ends the recording, and nothing else."""
        if self._failed and work != self._release:
            return
        try:
            await trio.to_thread.run_sync(
                work, *arguments, limiter=self._limiter, abandon_on_cancel=True
            )
        except Exception as error:
            self._fail(error)
            if work != self._release:
                await self._in_thread(self._release)

    def _fail(self, error: Exception) -> None:
        if self._failed:
            return
        self._failed = True
        self._telemetry.count("recordings_failed")
        self._log.warning("recording_failed", path=str(self.path), error=_words(error))
        self._forget_queue()
        self._wake.set()

    def _forget_queue(self) -> None:
        self._queue.clear()
        self._let_go(self._waiting_bytes)

    def _let_go(self, weight: int) -> None:
        weight = min(weight, self._waiting_bytes)
        self._waiting_bytes -= weight
        self._budget.used -= weight

    # In the thread

    def _begin(self) -> None:
        self._file = self._open_file(self.path)
        self._writer = McapWriter(self._file, self._header)

    def _write_batch(self, batch: list[Entry | _Gap]) -> None:
        writer, file = self._writer, self._file
        if writer is None or file is None:
            return
        for item in batch:
            if isinstance(item, _Gap):
                writer.gap(item.entries)
            else:
                writer.write(item)
        writer.flush()
        if writer.size > self._max_bytes:
            raise OSError(f"it grew to {writer.size:,} bytes, which is more than may be kept")
        try:
            there = os.path.samestat(os.stat(self.path), os.fstat(file.fileno()))
        except FileNotFoundError:
            there = False
        if not there:
            raise FolderGone("the file was removed")

    def _finish(self) -> None:
        if self._writer is not None:
            self._writer.finish()

    def _release(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # it was said already
                self._file.close()


def _create(path: Path) -> IO[bytes]:
    return path.open("xb")


def _weight(value: Any) -> int:
    """Characters and a bit: what a value takes in memory, about."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(16 + _weight(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return sum(16 + _weight(inner) for inner in value)
    return 8


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
