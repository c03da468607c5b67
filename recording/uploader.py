"""Puts finished recordings into the archive, and removes them here once they are there.

The folder is the queue: what lies in it and nobody writes is to be put, the oldest first, also
what an earlier server left behind. So nothing is forgotten when the archive is away, or the server
is killed; and a recording that two processes put is put twice, which is once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import structlog
import trio

from ..backoff import Attempts, Backoff
from ..telemetry import Telemetry
from .archive import Archive, ArchiveFailed
from .held import is_held
from .retention import recordings_in

LOOK_S = 60.0
"""How often the folder is looked at while no recording ends."""
PAUSES = Backoff(first_s=1.0, most_s=60.0, jitter=0.5)
"""After failures."""
LAST_S = 10.0
"""What a server that stops has for those that are left; the next one puts the others."""


class Uploader:
    """One per server that has an archive. `run` is a child of the recordings' supervisor."""

    def __init__(
        self,
        archive: Archive,
        telemetry: Telemetry,
        *,
        folder: Callable[[], Path | None],
        busy: Callable[[], Collection[Path]],
    ) -> None:
        """`folder` gives where recordings are made, None: nowhere yet; `busy` those that are being
        made by this process."""
        self._archive = archive
        self._busy = busy
        self._folder = folder
        self._telemetry = telemetry
        self._limiter = trio.CapacityLimiter(1)
        self._log = structlog.get_logger(__name__)
        self._ended = trio.Event()
        self._stopping = False
        self._scope = trio.CancelScope()
        self._why_away: str | None = None
        self._waiting = 0
        telemetry.gauge(
            "recordings_waiting", "Recordings that wait for the archive", lambda: self._waiting
        )

    def ended(self) -> None:
        """A recording is whole."""
        self._ended.set()

    def stop(self) -> None:
        """Put what is left, and end."""
        self._stopping = True
        self._scope.deadline = trio.current_time() + LAST_S
        self._ended.set()

    async def run(self) -> None:
        attempts = Attempts(PAUSES)
        with self._scope:
            while True:
                last = self._stopping
                if await self._put_all():
                    attempts.begin_again()
                    if last:
                        return
                    with trio.move_on_after(LOOK_S):
                        await self._ended.wait()
                elif last:
                    break
                else:
                    with trio.move_on_after(attempts.next_s()):
                        await self._ended.wait()
                if not self._stopping:
                    self._ended = trio.Event()
        if self._waiting:
            self._log.warning("recordings_left", count=self._waiting, folder=str(self._folder()))

    async def _put_all(self) -> bool:
        """Whether the archive took whatever there was."""
        while True:
            try:
                path = await trio.to_thread.run_sync(
                    self._put_next, self._busy(), limiter=self._limiter, abandon_on_cancel=True
                )
            except (ArchiveFailed, OSError) as problem:
                self._telemetry.count("recordings_not_archived")
                self._away(str(problem) if isinstance(problem, ArchiveFailed) else problem.strerror)
                return False
            if path is None:
                return True
            self._telemetry.count("recordings_archived")
            self._away(None)

    def _away(self, why: str | None) -> None:
        """One line when it begins, and one when it is over."""
        if why is not None and self._why_away is None:
            self._log.warning("archive_away", why=why, waiting=self._waiting)
        elif why is None and self._why_away is not None:
            self._log.info("archive_back", waiting=self._waiting)
        self._why_away = why

    # In a thread

    def _put_next(self, busy: Collection[Path]) -> Path | None:
        """What was put; None where nothing waits. Raises ArchiveFailed and OSError."""
        folder = self._folder()
        found = [] if folder is None or not folder.is_dir() else recordings_in(folder)
        # An empty one was made in this very moment, by somebody who does not hold it yet.
        paths = [kept.path for kept in found if kept.bytes and kept.path not in busy]
        paths = [path for path in paths if not _is_held(path)]
        self._waiting = len(paths)
        for path in paths:
            try:
                self._archive.put(path)
                path.unlink(missing_ok=True)
            except FileNotFoundError:
                continue  # another process of this server was faster
            self._waiting -= 1
            return path
        return None


def _is_held(path: Path) -> bool:
    try:
        return is_held(path)
    except FileNotFoundError:
        return True
