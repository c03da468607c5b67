"""`parley show FILE`: a recording as a page for the browser, or as text in the terminal."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from ..recording.show.timeline import Timeline

USAGE = 2


def _fail(message: str, code: int = USAGE) -> NoReturn:
    print(f"parley: {message}", file=sys.stderr)
    raise typer.Exit(code)


def show(
    file: Annotated[Path, typer.Argument(help="A recording.", metavar="FILE")],
    out: Annotated[
        Path | None, typer.Option(help="File for the page; the default is beside the recording.")
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Print it in the terminal instead.")] = False,
    errors: Annotated[bool, typer.Option("--errors", help="Print only what went wrong.")] = False,
    open_it: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Show a recorded session as a page: sound, words, latencies, what was heard, on one axis."""
    if (text or errors) and (out is not None or open_it):
        _fail("--text and --errors write no page: leave out --out and --open")
    timeline = _timeline(file)
    if text or errors:
        _tell(timeline, errors=errors)
        return
    from ..recording.show.page import page

    target = out or file.with_suffix(".html")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page(timeline), encoding="utf-8")
    except OSError as error:
        _fail(f"{target}: cannot be written ({error.strerror})")
    print(target)
    if open_it and not webbrowser.open(target.resolve().as_uri()):
        _fail("there is no browser to open it in", 1)


def _timeline(file: Path) -> Timeline:
    from ..recording.mcap_file import (  # type: ignore[import-not-found,unused-ignore]
        RecordingError,
        read_recording,
    )
    from ..recording.show.reading import UnknownDialect, timeline_of

    try:
        return timeline_of(read_recording(file))
    except RecordingError as error:
        _fail(str(error))
    except UnknownDialect as error:
        _fail(f"{file}: {error}")


def _tell(timeline: Timeline, *, errors: bool) -> None:
    """In color on a terminal, plain elsewhere, one thing a line."""
    from rich.console import Console
    from rich.text import Text

    from ..recording.show.text import STYLES, head, lines

    console = Console(highlight=False)
    for line in head(timeline):
        console.print(Text(line, style="bold"), soft_wrap=True)
    told = lines(timeline, errors=errors)
    for found in told:
        console.print(Text(str(found), style=STYLES[found.who]), soft_wrap=True)
    if errors and not told:
        console.print("nothing went wrong")
