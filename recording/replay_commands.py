"""`parley replay`: run recorded sessions again, exactly or with today's engines and settings.

Exit codes: 0 it is the same, 1 it differs, 2 the question was wrong or the file is.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import trio
import trio.testing
import typer

from ..config import Settings, SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from .compare import Summary
    from .tape import Entry, Recording

SAME, DIFFERS, USAGE = 0, 1, 2


def _fail(message: str, code: int = USAGE) -> NoReturn:
    print(f"parley: {message}", file=sys.stderr)
    raise typer.Exit(code)


def replay(
    files: Annotated[
        list[Path], typer.Argument(help="Recordings, or folders of them.", metavar="FILE...")
    ],
    live: Annotated[
        bool, typer.Option("--live", help="Today's engines and settings on the recorded input.")
    ] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE: another setting; implies --live.", metavar="N=V"),
    ] = None,
    speed: Annotated[
        float, typer.Option(help="Times real time, with --live.", min=0.1, max=20)
    ] = 1.0,
) -> None:
    """Run recorded sessions again: exactly, in virtual time, or --live to see what would change."""
    from rich.console import Console
    from rich.progress import Progress

    paths = _paths(files)
    console = Console()
    rows: list[tuple[str, Summary, Summary]] = []
    different = 0
    with Progress(console=console, disable=len(paths) < 2 and not live) as progress:
        for path in progress.track(paths, description="replaying"):
            recording = _read(path)
            settings = _settings(recording, changes or [])
            if live or changes:
                rows.append((path.name, *_relived(recording, settings, speed)))
            else:
                different += not _exact(path, recording, settings, console)
    if rows:
        from .relive_report import table_of

        console.print(table_of(rows))
        different = sum(before.finals != now.finals for _, before, now in rows)
    raise typer.Exit(DIFFERS if different else SAME)


def _paths(files: Sequence[Path]) -> list[Path]:
    paths = [
        path
        for file in files
        for path in (sorted(file.glob("*.mcap")) if file.is_dir() else [file])
    ]
    if not paths:
        _fail(f"there are no recordings (*.mcap) in {', '.join(map(str, files))}")
    return paths


def _read(path: Path) -> Recording:
    from .mcap_file import RecordingError, read_recording

    try:
        return read_recording(path)
    except (RecordingError, OSError) as problem:
        _fail(f"{path}: {problem}")


def _settings(recording: Recording, changes: Sequence[str]) -> Settings:
    """The recorded ones, as far as this version knows them, with changes."""
    known = Settings.model_fields
    given: dict[str, Any] = {
        name: value for name, value in recording.header.settings.items() if name in known
    }
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or name.lower() not in known:
            _fail(f"{change!r} is no NAME=VALUE of a setting")
        given[name.lower()] = value
    try:
        return Settings.defaults(**given)
    except (SettingsError, ValueError) as problem:
        _fail(str(problem))


def _dialect(recording: Recording) -> Any:
    from ..protocol.dialects import DIALECTS

    for dialect in DIALECTS:
        if dialect.profile.name == recording.header.dialect:
            return dialect
    _fail(f"this version does not speak {recording.header.dialect!r}")


def _exact(path: Path, recording: Recording, settings: Settings, console: Console) -> bool:
    from .compare import first_difference
    from .replay import replay as run_again

    header = recording.header
    if not (header.has_audio and header.has_text):
        _fail(f"{path}: audio or text was left out of it, so it can only be shown")
    if recording.gaps:
        _fail(f"{path}: {recording.gaps} entries are missing, so it cannot be replayed exactly")
    run = functools.partial(
        run_again,
        recording.entries,
        dialect=_dialect(recording),
        settings=settings,
        session_id=header.session_id,
        opened_ms=header.opened_ms,
        frame_samples=header.detector_frame_samples,
    )
    quiet()
    replayed = trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    length_s = recording.entries[-1].at_s if recording.entries else 0.0
    difference = replayed.diverged or first_difference(recording.entries, replayed.out)
    cut = ", up to where it was cut" if recording.cut else ""
    if difference is None:
        console.print(f"{path}: the same, {length_s:.1f} s{cut}", markup=False, soft_wrap=True)
        return True
    console.print(f"{path}: differs\n{difference}", style="red", markup=False, soft_wrap=True)
    return False


def _relived(recording: Recording, settings: Settings, speed: float) -> tuple[Summary, Summary]:
    from .compare import summary_of

    quiet()
    entries = trio.run(_relive, recording, settings, speed)
    return summary_of(recording.entries), summary_of(entries)


async def _relive(recording: Recording, settings: Settings, speed: float) -> Sequence[Entry]:
    from ..engines.room import open_engine_room
    from .relive import relive

    async with open_engine_room(settings) as room, trio.open_nursery() as nursery:
        await nursery.start(room.supervisor().run)
        while room.not_ready():  # noqa: ASYNC110 (a lane tells nobody)
            await trio.sleep(0.05)
        entries = await relive(
            recording.entries,
            dialect=_dialect(recording),
            settings=settings,
            engines=room.engines,
            session_id=recording.header.session_id,
            opened_ms=recording.header.opened_ms,
            speed=speed,
        )
        nursery.cancel_scope.cancel()
    return entries


def quiet() -> None:
    """The log of a replayed session is no news."""
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
