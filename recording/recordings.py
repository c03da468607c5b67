"""The recordings of a server: which sessions, into which files, kept for how long.

    recordings            supervised by the server, between the lanes and the connections
    ├─ retention          removes what is too old or too much, at the start and every hour
    └─ recording-<id>     temporary: one session's recorder

Off unless there is a folder. What fails here is told to the log and harms no conversation.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog
import trio

from .. import __version__
from ..config import Recording as Rule
from ..config import Settings
from ..protocol.dialect import Dialect
from ..supervision import Observer
from ..supervisor import Child, Restart, Supervisor, SupervisorStopped
from ..telemetry import Telemetry
from ..wallclock import unix_ms
from .privacy import Privacy
from .recorder import CLOSE_S, Recorder
from .retention import prune
from .tape import Header
from .waiting import Budget

RETENTION_S = 3600.0
"""How often a server looks for old recordings while none ends."""


class Recordings:
    """One per server. `run` lives as long as the server."""

    def __init__(
        self,
        settings: Settings,
        engines: Mapping[str, str],
        telemetry: Telemetry,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._rule: Rule = settings.recording
        self._folder = None if self._rule.folder is None else Path(self._rule.folder)
        self._public = settings.public()
        self._engines = dict(engines)
        self._telemetry = telemetry
        self._budget = Budget()
        self._live: dict[str, Recorder] = {}
        self._limiter = trio.CapacityLimiter(1)
        self._log = structlog.get_logger()
        self._drain_s = settings.serving.drain_s
        self._supervisor = Supervisor(
            "recordings", (Child("retention", run=self._retain, ready=True),), observers=observers
        )

    def children(self) -> tuple[Child, ...]:
        """For the server's tree; none where nothing is recorded."""
        if self._folder is None:
            return ()
        supervisor = self._supervisor
        return (
            Child(
                "recordings",
                run=supervisor.run,
                ready=True,
                stop=supervisor.stop,
                shutdown_s=self._drain_s + CLOSE_S + 1,
            ),
        )

    def takes(self, session_id: str) -> bool:
        """The admission rule: the same for a session whenever it is asked."""
        digest = hashlib.sha256(session_id.encode()).digest()
        place = int.from_bytes(digest[:6], "big") / 2**48
        return self._folder is not None and place < self._rule.share

    def start(
        self, session_id: str, dialect: Dialect, *, opened_ms: int, frame_samples: int
    ) -> Recorder | None:
        """Begin to record a session. None where the server is stopping. The caller closes it."""
        if self._folder is None:
            return None
        header = Header(
            session_id=session_id,
            dialect=dialect.profile.name,
            opened_ms=opened_ms,
            settings=self._public,
            detector_frame_samples=frame_samples,
            engines=self._engines,
            parley=__version__,
            has_audio=self._rule.audio,
            has_text=self._rule.text,
        )
        recorder = Recorder(
            self._folder / file_name(session_id, opened_ms),
            header,
            telemetry=self._telemetry,
            privacy=Privacy(audio=self._rule.audio, text=self._rule.text),
            budget=self._budget,
            max_bytes=self._rule.keep_mb * 1e6 or float("inf"),
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
        self._telemetry.count("recordings")
        return recorder

    def records(self, session_id: str) -> bool:
        """Whether a session is being recorded at this moment."""
        recorder = self._live.get(session_id)
        return recorder is not None and recorder.recording

    async def _run(self, session_id: str, recorder: Recorder) -> None:
        try:
            await recorder.run()
        finally:
            self._live.pop(session_id, None)
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
        busy = {recorder.path for recorder in self._live.values()}
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
            keep_days=rule.keep_days,
            keep_mb=rule.keep_mb,
            busy=busy,
        )


def file_name(session_id: str, opened_ms: int) -> str:
    """Sorts by time; `retention` knows it again."""
    return f"{datetime.fromtimestamp(opened_ms / 1000, UTC):%Y%m%d-%H%M%S}-{session_id}.mcap"
