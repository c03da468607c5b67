"""`parley config`: the settings in force, and where each came from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..config import SettingsError, load_settings

USAGE = 2


def config(
    file: Annotated[
        Path | None, typer.Option("--config", help="A TOML file with settings.", metavar="FILE")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that have their default, with what they are.")
    ] = False,
) -> None:
    """Show the settings in force and where each came from: environment, .env, file or default.

    Keys are never shown. What is printed can be copied into a .env file, but for keys.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ..config.explain import DEFAULT, in_force

    try:
        settings = load_settings(toml_file=file)
    except SettingsError as error:
        for line in (*error.problems, *error.warnings):
            print(f"parley: {line}", file=sys.stderr)
        raise typer.Exit(USAGE) from None
    for warning in settings.warnings:
        print(f"parley: {warning}", file=sys.stderr)
    table = Table(box=None, pad_edge=False)
    table.add_column("setting", overflow="fold")
    table.add_column("from", overflow="fold")
    if everything:
        table.add_column("what it is", overflow="fold")
    for one in in_force(settings):
        if everything or one.origin != DEFAULT:
            cells = [f"{one.name}={one.value}", one.origin, *([one.about] if everything else [])]
            table.add_row(*map(escape, cells))
    console = Console()
    if not table.row_count:
        console.print("Everything has its default; --all shows it. docs/CONFIGURATION.md explains.")
        return
    console.print(table)
    if not everything:
        console.print("All other settings have their default; --all shows them.")
