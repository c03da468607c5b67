"""`parley replay`: run recorded sessions again, exactly or with today's engines and settings.

Exit codes: 0 it is the same, 1 it differs, 2 the question was wrong or the file is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import trio
import trio.testing
import typer

from ..config import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from rich.console import Console

    from ..recording.compare import Summary
    from ..recording.tape import Entry, Recording

SAME, DIFFERS, USAGE = 0, 1, 2


def _fail(message: str, code: int = USAGE) -> NoReturn:
    print(f"parley: {message}", file=sys.stderr)
    raise typer.Exit(code)


def replay(
    files: Annotated[
        list[Path], typer.Argument(help="Recordings, or folders of them.", metavar="FILE...")
    ],
    live: Annotated[
        bool,
        typer.Option("--live", help="Send the recorded input to today's engines and settings."),
    ] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting, NAME=VALUE; implies --live.", metavar="N=V"),
    ] = None,
    speed: Annotated[
        float, typer.Option(help="How many times real time, with --live.", min=0.1, max=20)
    ] = 1.0,
) -> None:
    """Run recorded sessions again: exactly, in virtual time, or with today's engines (--live)."""
    from rich.console import Console
    from rich.progress import Progress

    paths = _paths(files)
    console = Console()
    rows: list[tuple[str, Summary, Summary]] = []
    different = 0
    with Progress(console=console, disable=len(paths) < 2 and not live) as progress:
        for path in progress.track(paths, description="replaying"):
            recording = _read(path)
            if live or changes:
                settings = _changed(path, recording, changes or [])
                rows.append((path.name, *_relived(path, recording, settings, speed)))
            else:
                different += not _exact(path, recording, console)
    if rows:
        from ..recording.relive_report import table_of

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
    from ..recording.mcap_file import RecordingError, read_recording

    try:
        return read_recording(path)
    except (RecordingError, OSError) as problem:
        _fail(f"{path}: {problem}")


def _changed(path: Path, recording: Recording, changes: Sequence[str]) -> Settings:
    """The recorded settings, as far as this version knows them, with changes."""
    from ..recording.mcap_file import RecordingError
    from ..recording.recorded import settings_of

    values: dict[str, str] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or name.lower() not in Settings.model_fields:
            _fail(f"{change!r} is no NAME=VALUE of a setting")
        values[name.lower()] = value
    try:
        load_settings(values, environ={}, env_file=None)  # it says what is wrong, in words
        settings = settings_of(recording.header)
        return Settings.defaults(**(settings.model_dump(exclude_unset=True) | values))
    except (RecordingError, SettingsError) as problem:
        _fail(f"{path}: {problem}")


def _exact(path: Path, recording: Recording, console: Console) -> bool:
    from ..recording.compare import first_difference
    from ..recording.mcap_file import RecordingError
    from ..recording.recorded import replay_recording

    clock = trio.testing.MockClock(autojump_threshold=0)
    try:
        with quiet():
            replayed = trio.run(replay_recording, recording, clock=clock)
    except RecordingError as problem:
        _fail(f"{path}: {problem}")
    length_s = recording.entries[-1].at_s if recording.entries else 0.0
    difference = replayed.diverged or first_difference(recording.entries, replayed.out)
    cut = ", up to where it was cut" if recording.cut else ""
    if difference is None:
        console.print(f"{path}: the same, {length_s:.1f} s{cut}", markup=False, soft_wrap=True)
        return True
    console.print(f"{path}: differs\n{difference}", style="red", markup=False, soft_wrap=True)
    return False


def _relived(
    path: Path, recording: Recording, settings: Settings, speed: float
) -> tuple[Summary, Summary]:
    from ..engines.failures import EngineFailure
    from ..recording.compare import summary_of
    from ..recording.mcap_file import RecordingError

    try:
        with quiet():
            entries = trio.run(_relive, recording, settings, speed)
    except* (RecordingError, EngineFailure) as problems:
        _fail(f"{path}: {problems.exceptions[0]}")
    return summary_of(recording.entries), summary_of(entries)


async def _relive(recording: Recording, settings: Settings, speed: float) -> Sequence[Entry]:
    from ..engines.room import open_engine_room
    from ..recording.recorded import dialect_of
    from ..recording.relive import relive

    dialect = dialect_of(recording.header)
    async with open_engine_room(settings) as room, trio.open_nursery() as nursery:
        await nursery.start(room.supervisor().run)
        while room.not_ready():  # noqa: ASYNC110 (a lane tells nobody)
            await trio.sleep(0.05)
        entries = await relive(
            recording.entries,
            dialect=dialect,
            settings=settings,
            engines=room.engines,
            session_id=recording.header.session_id,
            opened_ms=recording.header.opened_ms,
            speed=speed,
        )
        nursery.cancel_scope.cancel()
    return entries


@contextmanager
def quiet() -> Iterator[None]:
    """The log of a replayed session is no news."""
    import structlog

    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        yield
    finally:
        structlog.configure(**before)
