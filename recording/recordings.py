"""The recordings of a server: which sessions, into which files, kept for how long.

    recordings            supervised by the server, between the lanes and the connections
    ├─ retention          removes what is too old or too much, at the start and every hour
    ├─ uploader           puts whole recordings into the archive, where there is one
    └─ recording-<id>     temporary: one session's recorder

Off unless there is a folder, or a client asks for its own session and may: it gives a token, a
secret of its own, by which it can fetch the file. Where there is no folder these files lie in a
temporary one for an hour. What fails here is told to the log and harms no conversation.
"""

from __future__ import annotations

import functools
import hashlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog
import trio

from .. import __version__
from ..childspec import Observer
from ..config import Recording as Rule
from ..config import Settings
from ..protocol.dialect import Dialect
from ..supervisor import Child, Restart, Supervisor, SupervisorStopped
from ..telemetry import Telemetry
from ..wallclock import unix_ms
from .archive import Archive, ArchiveFailed, BadArchive
from .privacy import Privacy
from .recorder import CLOSE_S, Recorder
from .retention import NAME, prune
from .tape import Header
from .uploader import LAST_S, Uploader
from .waiting import Budget

RETENTION_S = 3600.0
"""How often a server looks for old recordings while none ends."""


TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
"""What a client asks by: long enough that nobody guesses another's."""
REQUESTS = 1000
"""So many tokens are known, the newest."""
REQUEST_MAX_BYTES = 100e6
"""Of one file that was asked for: three quarters of an hour of talk."""
TEMPORARY_DAYS = 1 / 24
TEMPORARY_MB = 500


class Names(Protocol):
    """Which file a token is for, known to several servers; see cluster.recording_names."""

    def keep(self, token: str, name: str) -> None: ...

    async def name_of(self, token: str) -> str | None: ...


class Recordings:
    """One per server. `run` lives as long as the server."""

    def __init__(
        self,
        settings: Settings,
        engines: Mapping[str, str],
        telemetry: Telemetry,
        observers: Sequence[Observer] = (),
        names: Names | None = None,
    ) -> None:
        """`names` are shared with other servers, None: nobody else gives out these files. An
        archive that cannot be used as it is set is left out; see start_checks."""
        self._names = names
        self._rule: Rule = settings.recording
        self._folder = None if self._rule.folder is None else Path(self._rule.folder)
        self._public = settings.public()
        self._engines = dict(engines)
        self._telemetry = telemetry
        self.on_request = self._rule.on_request
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._requested: dict[str, Path] = {}
        self._budget = Budget()
        self._live: dict[str, Recorder] = {}
        self._limiter = trio.CapacityLimiter(1)
        self._log = structlog.get_logger()
        self._drain_s = settings.serving.drain_s
        self._archive = archive_of(self._rule.archive)
        retention = Child("retention", run=self._retain, ready=True)
        self._supervisor = Supervisor(
            "recordings", (retention, *self._uploading()), observers=observers
        )

    def _uploading(self) -> tuple[Child, ...]:
        self._uploader = None
        if self._archive is None:
            return ()
        self._uploader = Uploader(
            self._archive, self._telemetry, folder=lambda: self._folder, busy=self._busy
        )
        uploader = self._uploader
        return (Child("uploader", run=uploader.run, stop=uploader.stop, shutdown_s=LAST_S + 1),)

    def _busy(self) -> set[Path]:
        return {recorder.path for recorder in self._live.values()}

    def children(self) -> tuple[Child, ...]:
        """For the server's tree; none where nothing is recorded."""
        if self._folder is None and not self.on_request:
            return ()
        supervisor = self._supervisor
        return (
            Child(
                "recordings",
                run=self._run_all,
                ready=True,
                stop=supervisor.stop,
                shutdown_s=self._drain_s + CLOSE_S + 1 + (LAST_S + 1 if self._uploader else 0),
            ),
        )

    async def _run_all(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        try:
            await self._supervisor.run(task_status=task_status)
        finally:
            if self._temporary is not None:
                self._temporary.cleanup()

    def grants(self, token: str | None) -> bool:
        """Whether a client that gives this token gets its session recorded."""
        return self.on_request and token is not None and TOKEN.fullmatch(token) is not None

    async def fetch(self, token: str) -> bytes | None:
        """The file of the session that was asked for by this token, as far as it is written; None
        where there is none."""
        path = self._requested.get(token)
        if path is not None:
            return await trio.to_thread.run_sync(self._read, path, abandon_on_cancel=True)
        name = None if self._names is None else await self._names.name_of(token)
        if name is None or NAME.fullmatch(name) is None:
            return None
        path = (self._folder or Path()) / name
        return await trio.to_thread.run_sync(self._read, path, abandon_on_cancel=True)

    def _read(self, path: Path) -> bytes | None:
        """From the folder, or from the archive. Blocking."""
        if self._folder is not None:
            try:
                return path.read_bytes()
            except OSError:
                pass  # it is in the archive, was too old, or the disk failed
        if self._archive is None:
            return None
        try:
            return self._archive.get(path.name, REQUEST_MAX_BYTES)
        except ArchiveFailed as problem:
            self._log.warning("recording_not_fetched", why=str(problem))
            return None

    def takes(self, session_id: str) -> bool:
        """The admission rule: the same for a session whenever it is asked."""
        digest = hashlib.sha256(session_id.encode()).digest()
        place = int.from_bytes(digest[:6], "big") / 2**48
        return self._rule.folder is not None and place < self._rule.share

    def start(
        self,
        session_id: str,
        dialect: Dialect,
        *,
        opened_ms: int,
        frame_samples: int,
        settings: Settings | None = None,
        turn_end: str = "",
        token: str | None = None,
    ) -> Recorder | None:
        """Begin to record a session; `token` where its client asked for that, `settings` where it
        has some of its own. None where the server is stopping. The caller closes it."""
        folder = self._place(token)
        if folder is None:
            return None
        header = Header(
            session_id=session_id,
            dialect=dialect.profile.name,
            choices=dict(dialect.chosen),
            opened_ms=opened_ms,
            settings=self._public if settings is None else settings.public(),
            detector_frame_samples=frame_samples,
            engines=self._engines,
            parley=__version__,
            turn_end=turn_end,
            has_audio=self._rule.audio,
            has_text=self._rule.text,
        )
        recorder = Recorder(
            folder / file_name(session_id, opened_ms),
            header,
            telemetry=self._telemetry,
            privacy=Privacy(audio=self._rule.audio, text=self._rule.text),
            budget=self._budget,
            max_bytes=self._most_bytes(token),
        )
        child = Child(
            f"recording-{session_id}",
            run=functools.partial(self._run, session_id, recorder),
            restart=Restart.TEMPORARY,
            stop=lambda: None,  # its session closes it; it is stopping too
            shutdown_s=self._drain_s + CLOSE_S,
        )
        try:
            self._supervisor.spawn_child(child)
        except SupervisorStopped:
            return None
        self._live[session_id] = recorder
        if token is not None:
            self._requested[token] = recorder.path
            if self._names is not None:
                self._names.keep(token, recorder.path.name)
            while len(self._requested) > REQUESTS:
                del self._requested[next(iter(self._requested))]
        self._telemetry.count("recordings")
        return recorder

    def _place(self, token: str | None) -> Path | None:
        """The folder; a temporary one is made for the first client that asks."""
        if self._folder is None and token is not None:
            try:
                self._temporary = tempfile.TemporaryDirectory(
                    prefix="parley-", ignore_cleanup_errors=True
                )
            except OSError as error:
                self._log.warning("recordings_folder", error=error.strerror or str(error))
                return None
            self._folder = Path(self._temporary.name)
        return self._folder

    def _most_bytes(self, token: str | None) -> float:
        most = self._rule.keep_mb * 1e6 or float("inf")
        return most if token is None else min(most, REQUEST_MAX_BYTES)

    def records(self, session_id: str) -> bool:
        """Whether a session is being recorded at this moment."""
        recorder = self._live.get(session_id)
        return recorder is not None and recorder.recording

    async def _run(self, session_id: str, recorder: Recorder) -> None:
        try:
            await recorder.run()
        finally:
            self._live.pop(session_id, None)
        if self._uploader is not None:
            self._uploader.ended()
        if not recorder.failed:  # one warning is enough
            with trio.move_on_after(CLOSE_S):
                await self._prune()

    async def _retain(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with trio.move_on_after(CLOSE_S):  # a disk that hangs does not keep the server from serving
            await self._prune(make_folder=True)
        task_status.started()
        while True:
            await trio.sleep(RETENTION_S)
            await self._prune()

    async def _prune(self, *, make_folder: bool = False) -> None:
        busy = self._busy()
        try:
            removed = await trio.to_thread.run_sync(
                functools.partial(self._prune_now, busy, make_folder),
                limiter=self._limiter,
                abandon_on_cancel=True,
            )
        except OSError as error:
            self._log.warning(
                "recordings_folder", path=str(self._folder), error=error.strerror or str(error)
            )
            return
        if removed:
            self._log.info("recordings_removed", files=[path.name for path in removed])

    def _prune_now(self, busy: set[Path], make_folder: bool) -> list[Path]:
        if self._folder is None:
            return []
        if make_folder:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        rule = self._rule
        return prune(
            self._folder,
            now_s=unix_ms() / 1000,
            keep_days=TEMPORARY_DAYS if self._temporary else rule.keep_days,
            keep_mb=TEMPORARY_MB if self._temporary else rule.keep_mb,
            busy=busy,
        )


def archive_of(url: str | None) -> Archive | None:
    """None where none is set, or it cannot be used."""
    if url is None:
        return None
    try:
        return Archive(url)
    except BadArchive:
        return None


def file_name(session_id: str, opened_ms: int) -> str:
    """Sorts by time; `retention` knows it again."""
    return f"{datetime.fromtimestamp(opened_ms / 1000, UTC):%Y%m%d-%H%M%S}-{session_id}.mcap"
