"""Where Whisper models lie on this machine, and which of them can be used.

Plain and synchronous, for whoever loads a model and for the command line. Nothing here touches a
network: the hub's cache is read as the folders that it is. Only `ready_model` may download, where
it is told to, and `pull` (model_pull.py), which is a download.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...conversation.languages import check_language
from ..failures import ModelProblem
from .model_check import check_model
from .model_names import COMPUTE_TYPES, WHISPER_REPOSITORIES, ModelName, parse_name
from .model_pull import Progress, Pulled, pull

__all__ = [
    "COMPUTE_TYPES",
    "WHISPER_REPOSITORIES",
    "InstalledModel",
    "ModelName",
    "ModelProblem",
    "Progress",
    "Pulled",
    "check_language",
    "check_model",
    "find_model",
    "installed",
    "parse_name",
    "pull",
    "ready_model",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledModel:
    """A model's folder. `problem` says in one line why it cannot be used; None where it can."""

    name: str
    folder: Path
    size_bytes: int
    problem: str | None


def find_model(name: str, models_dir: Path) -> Path | None:
    """The folder of a model: itself where the name is a folder, else in `models_dir`, else in the
    hub's cache on this machine. None where there is none.

    A usable folder goes before a broken one; a broken one is returned where there is no other, so
    that check_model can say what is wrong with it. Raises ValueError for a name that is none.
    """
    found = [folder for folder in _places(parse_name(name), models_dir) if _exists(folder)]
    return next((folder for folder in found if _usable(folder)), found[0] if found else None)


def ready_model(
    name: str, models_dir: Path, *, may_download: bool = False, progress: Progress | None = None
) -> Path:
    """The folder of a model that check_model has passed, for whoever is about to load it.

    Downloads only if `may_download` and it is not on disk. Raises ModelProblem, also for a name
    that is none, whose one line holds the command that gets the model.
    """
    try:
        model = parse_name(name)
        folder = find_model(name, models_dir)
    except ValueError as error:
        raise ModelProblem(str(error)) from None
    if folder is None and model.folder is None:
        if may_download:
            return pull(name, models_dir, progress)
        raise ModelProblem(f"the Whisper model {name} is not on disk; `parley models pull {name}`")
    folder = folder or model.folder or models_dir
    check_model(folder)
    return folder


def installed(models_dir: Path) -> list[InstalledModel]:
    """Every folder in `models_dir`, by name, with what is wrong with it. Half downloads are not
    among them. Raises ModelProblem where the folder itself cannot be read."""
    try:
        folders = sorted(
            path for path in models_dir.iterdir() if path.is_dir() and path.name[0] != "."
        )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ModelProblem(
            f"{models_dir} cannot be read: {error.strerror}; set PARLEY_MODELS_DIR"
        ) from None
    return [inspect(folder.name.replace("--", "/"), folder) for folder in folders]


def inspect(name: str, folder: Path) -> InstalledModel:
    """Look at one folder: its size on disk, and whether it is usable."""
    problem = None
    try:
        check_model(folder)
    except ModelProblem as error:
        problem = str(error)
    return InstalledModel(name=name, folder=folder, size_bytes=_size_bytes(folder), problem=problem)


def _places(model: ModelName, models_dir: Path) -> list[Path]:
    if model.folder is not None:
        return [model.folder]
    places = [models_dir / name for name in model.folder_names]
    cached = None if model.repository is None else _in_hub_cache(model.repository)
    return places if cached is None else [*places, cached]


def _in_hub_cache(repository: str) -> Path | None:
    """The snapshot of `main` in huggingface_hub's cache, found by its documented layout.

    Read by hand, and not with `local_files_only=True`: where no code can reach a network, no
    setting is needed to keep it from doing so, and the import is light.
    """
    from huggingface_hub.constants import HF_HUB_CACHE

    home = Path(HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    try:
        commit = (home / "refs" / "main").read_text().strip()
    except (OSError, ValueError):
        return None
    snapshot = home / "snapshots" / commit
    return snapshot if commit and _exists(snapshot) else None


def _exists(folder: Path) -> bool:
    try:
        return folder.exists()
    except (OSError, ValueError):  # not even to be asked about: no right, a NUL in the name
        return False


def _usable(folder: Path) -> bool:
    try:
        check_model(folder)
    except ModelProblem:
        return False
    return True


def _size_bytes(folder: Path) -> int:
    """Of the files that it holds or links to, as far as they can be seen."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
