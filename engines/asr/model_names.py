"""What STREAM_MODEL_WHISPER may say: a size of Whisper, a repository of a hub, or a folder.

Only words are looked at here, and whether a folder of that name exists. Where models lie, and
whether they are usable, is told by model_store.py and model_check.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

WHISPER_REPOSITORIES: dict[str, str] = {
    "tiny": "Systran/faster-whisper-tiny",
    "tiny.en": "Systran/faster-whisper-tiny.en",
    "base": "Systran/faster-whisper-base",
    "base.en": "Systran/faster-whisper-base.en",
    "small": "Systran/faster-whisper-small",
    "small.en": "Systran/faster-whisper-small.en",
    "medium": "Systran/faster-whisper-medium",
    "medium.en": "Systran/faster-whisper-medium.en",
    "large-v1": "Systran/faster-whisper-large-v1",
    "large-v2": "Systran/faster-whisper-large-v2",
    "large-v3": "Systran/faster-whisper-large-v3",
    "large": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-small.en": "Systran/faster-distil-whisper-small.en",
    "distil-medium.en": "Systran/faster-distil-whisper-medium.en",
    "distil-large-v2": "Systran/faster-distil-whisper-large-v2",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
}
"""Size to repository, as faster-whisper has them (a test compares): importing it for the names
alone would take a quarter of a second. Where two sizes are one repository the first is the folder's
name."""

COMPUTE_TYPES = ("int8_float16", "int8", "float16", "float32")
"""What may follow a size. The weights on disk are the same: CTranslate2 converts when it loads."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """A name that was understood: exactly one of `size_or_repo` and `folder` is set.

    `compute_type` is None where the name does not say: the engine decides.
    """

    size_or_repo: str | None = None
    compute_type: str | None = None
    folder: Path | None = None

    @property
    def repository(self) -> str | None:
        """Where a hub has it; None for a folder."""
        if self.size_or_repo is None:
            return None
        return WHISPER_REPOSITORIES.get(self.size_or_repo, self.size_or_repo)

    @property
    def folder_names(self) -> tuple[str, ...]:
        """What its folder in the models' folder is called; the first is where `pull` puts it."""
        repository = self.repository
        if repository is None:
            return ()
        sizes = [size for size, known in WHISPER_REPOSITORIES.items() if known == repository]
        return tuple(sizes) or (repository.replace("/", "--"),)

    @property
    def english_only(self) -> bool:
        """Whether its name says that it knows English alone. Of a folder a name says nothing."""
        return (self.size_or_repo or "").endswith(".en")


def parse_name(name: str) -> ModelName:
    """Understand a model's name.

    In this order: a path that looks like one (`/…`, `./…`, `../…`, `~…`), a size with or without
    a compute type, a folder that exists, `owner/name` on a hub. So a folder that happens to be
    called `base` does not stand before the size; write `./base`.

    Raises ValueError, whose one line lists what is known.
    """
    name = name.strip()
    if name.startswith(("/", "./", "../", "~")) or name in (".", ".."):
        try:
            return ModelName(folder=Path(name).expanduser())
        except RuntimeError as error:  # a user that does not exist
            raise ValueError(f"{name!r} is no folder: {error}") from None
    size, compute_type = _split(name.lower())
    if size in WHISPER_REPOSITORIES:
        return ModelName(size_or_repo=size, compute_type=compute_type)
    if name and _is_folder(Path(name)):
        return ModelName(folder=Path(name))
    if _REPOSITORY.fullmatch(name) and ".." not in name and "--" not in name:
        return ModelName(size_or_repo=name)
    raise ValueError(_unknown(name, size))


def _split(name: str) -> tuple[str, str | None]:
    for compute_type in COMPUTE_TYPES:
        if name.endswith(f"-{compute_type}"):
            return name.removesuffix(f"-{compute_type}"), compute_type
    return name, None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long for a name, or a NUL in it
        return False


def _unknown(name: str, size: str) -> str:
    near = get_close_matches(size, WHISPER_REPOSITORIES, n=1, cutoff=0.7)
    hint = f"did you mean {near[0]}? " if near else ""
    return (
        f"{name!r} is no Whisper model; {hint}known are {', '.join(WHISPER_REPOSITORIES)} "
        f"(each also with -{', -'.join(COMPUTE_TYPES)}), owner/name on a hub, or a folder"
    )
