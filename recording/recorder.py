"""One session's recording, as the session runs: a tape that never waits and never raises.

    Tap -> Recorder.write -> queue -> a thread, every FLUSH_S -> the file

The queue is bounded. Where the disk is too slow for it, entries are left out and counted: a gap.
Where the disk fails, the recording ends with one warning in the log. The session knows of neither.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

import structlog
import trio

from ..telemetry import Telemetry
from .held import hold
from .mcap_writer import McapWriter
from .privacy import Privacy
from .tape import Entry, Header
from .waiting import QUEUE_BYTES, Budget, Gap, Waiting

FLUSH_S = 1.0
"""How much of the session's end a killed server loses, at most about twice this."""

CLOSE_S = 5.0
"""How long the end of a recording may take when its session is over."""

CANCELLED_S = 1.0
"""And when the server ends at once."""


class FolderGone(OSError):
    """The file is not where it was made any more, so nobody will ever find what is written."""


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
        self._waiting = Waiting(budget or Budget(), queue_bytes)
        self._max_bytes = max_bytes
        self._open_file = open_file or _create
        self._log = structlog.get_logger().bind(session_id=header.session_id)
        self._closed = False
        self._failed = False
        self._over = False
        self._released = False
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
            if not self._waiting.put(self._privacy.stripped(entry)):
                self._telemetry.count("recording_gaps")
        except Exception as error:
            self._fail(error)

    def close(self) -> None:
        """The session is over; so is the recording, when what waits is written."""
        self._closed = True
        self._scope.deadline = trio.current_time() + CLOSE_S
        self._wake.set()

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
            if not (self._released or self._failed):  # cancelled: the server ends at once
                with trio.CancelScope(deadline=trio.current_time() + CANCELLED_S, shield=True):
                    await self._end()
            self._over = True
            self._waiting.forget()

    async def _end(self) -> None:
        self._waiting.note_gap()
        await self._write_queue()
        if self._closed:
            await self._in_thread(self._finish)
        await self._in_thread(self._release)

    async def _write_queue(self) -> None:
        if self._waiting:
            await self._in_thread(self._write_waiting)
            self._waiting.settle()

    async def _in_thread(self, work: Callable[[], None]) -> None:
        """Whatever it raises ends the recording, and nothing else."""
        if self._failed and work != self._release:
            return
        try:
            await trio.to_thread.run_sync(work, limiter=self._limiter, abandon_on_cancel=True)
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
        self._waiting.forget()
        self._wake.set()

    # In the thread

    def _begin(self) -> None:
        self._file = self._open_file(self.path)
        self._writer = McapWriter(self._file, self._header)

    def _write_waiting(self) -> None:
        writer, file = self._writer, self._file
        if writer is None or file is None:
            return
        for item in self._waiting.take():
            if isinstance(item, Gap):
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
        self._released = True
        if self._file is not None:
            with contextlib.suppress(OSError):  # it was said already
                self._file.close()


def _create(path: Path) -> IO[bytes]:
    """For the server's own user alone: somebody's voice is in it."""
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    hold(file)
    return file


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
