"""Getting a Whisper model from a hub, so that there is never half a model.

Files arrive in a hidden folder beside the model's place (`.small.partial`) and are checked there
by size and, where the hub tells it, SHA-256; the folder is renamed at the very end. What an
interrupted pull has got stays in the hidden folder, and the next pull of the same commit goes on
from there. huggingface_hub brings the address, the user's token, its proxies and its names for
errors; its own downloads begin each file anew, and wait for their threads on Ctrl-C.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, BinaryIO, TypeAlias

import msgspec

from ... import __version__
from ..failures import ModelProblem
from .hub_errors import in_one_line
from .model_check import MODEL_FILES, PREPROCESSOR, VOCABULARIES, check_model
from .model_names import parse_name

WANTED = frozenset({*MODEL_FILES, *VOCABULARIES, PREPROCESSOR})
"""All flat names: what a hub may write here is not the hub's choice."""
FRUITLESS_TRIES = 3
"""Tries in a row that bring no byte before a file is given up; a cut connection that brought
something is taken up again at once, where it stopped."""
METADATA_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """How far a pull is. `file` is the one being fetched; the bytes are of all files."""

    file: str
    done_bytes: int
    total_bytes: int


Progress: TypeAlias = Callable[[Pulled], None]


class _Lfs(msgspec.Struct, frozen=True):
    sha256: str


class _File(msgspec.Struct, frozen=True):
    """A file as the hub's API describes it; only large ones have a digest."""

    rfilename: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    lfs: _Lfs | None = None


class _Info(msgspec.Struct, frozen=True):
    """What is needed of `/api/models/<repository>?blobs=true`."""

    sha: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40,64}$")]
    siblings: list[_File]


def pull(name: str, models_dir: Path, progress: Progress | None = None) -> Path:
    """Download a model into `models_dir` and return its folder; at once if it is there already.

    A folder that is there and broken is replaced, after the new one is whole. Raises ModelProblem
    with one line for whatever goes wrong. KeyboardInterrupt passes through and leaves no model.
    """
    try:
        model = parse_name(name)
    except ValueError as error:
        raise ModelProblem(str(error)) from None
    repository = model.repository
    if repository is None:
        raise ModelProblem(f"{model.folder} is a folder; only names can be pulled")
    for present in (models_dir / known for known in model.folder_names):
        if _is_whole(present):
            return present
    place = models_dir / model.folder_names[0]
    partial = models_dir / f".{place.name}.partial"
    with in_one_line(repository, models_dir):
        models_dir.mkdir(parents=True, exist_ok=True)
        with _alone(models_dir / f".{place.name}.lock"):
            if not _is_whole(place):  # another pull may have just finished
                _fetch(repository, partial, progress or (lambda pulled: None))
                _put(partial, place, repository)
    return place


def _is_whole(place: Path) -> bool:
    try:
        check_model(place)
    except ModelProblem:
        return False
    return True


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Two pulls of the same model would write into the same files: the second is refused."""
    import fcntl

    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelProblem("another pull of this model is running; wait for it") from None
        yield  # the lock ends with the file, also when the process is killed


def _put(partial: Path, place: Path, repository: str) -> None:
    """Let the checked folder take its place, in one step, or throw it away if it is useless."""
    try:
        check_model(partial)
    except ModelProblem as problem:
        shutil.rmtree(partial)
        raise ModelProblem(f"what {repository} holds cannot be used: {problem}") from None
    old = place.with_name(f".{place.name}.old")
    _remove(old)
    if os.path.lexists(place):
        place.rename(old)
    partial.rename(place)
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# The hub


def _fetch(repository: str, partial: Path, progress: Progress) -> None:
    """Bring all files of the newest commit into the hidden folder."""
    from huggingface_hub import constants

    home = f"{constants.ENDPOINT}/{repository}"
    info = _ask(f"{constants.ENDPOINT}/api/models/{repository}?blobs=true")
    files = [file for file in info.siblings if file.rfilename in WANTED]
    missing = set(MODEL_FILES) - {file.rfilename for file in files}
    if missing:
        raise ModelProblem(
            f"{repository} has no {' and no '.join(sorted(missing))}: that is no whole CTranslate2 "
            "Whisper model; take another, or convert it with ct2-transformers-converter"
        )
    _begin(partial, info.sha)
    total = sum(file.size for file in files)
    done = sum(_present(partial, file) for file in files)
    free = shutil.disk_usage(partial).free
    if total - done > free:
        need = f"{(total - done) / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free"
        raise OSError(errno.ENOSPC, need)
    for file in sorted(files, key=lambda file: file.size):  # what is odd is found out early

        def arrived(count: int, file: _File = file) -> None:
            nonlocal done
            done += count
            progress(Pulled(file=file.rfilename, done_bytes=done, total_bytes=total))

        arrived(0)
        _fetch_file(f"{home}/resolve/{info.sha}/{file.rfilename}", partial, file, arrived)


def _ask(url: str) -> _Info:
    from huggingface_hub import get_session, hf_raise_for_status

    response = get_session().get(url, headers=_headers(), timeout=METADATA_TIMEOUT_S)
    hf_raise_for_status(response)
    return msgspec.json.decode(response.content, type=_Info)


def _headers() -> dict[str, str]:
    """The user's token if there is one. Not huggingface_hub's own headers: to make them it asks
    the hub for names of programs to look for in the environment, and tells what it finds."""
    from huggingface_hub import get_token

    token = get_token()
    # Nothing packed: a range of something packed is of no use.
    own = {"User-Agent": f"parley/{__version__}", "Accept-Encoding": "identity"}
    return own | ({"Authorization": f"Bearer {token}"} if token else {})


def _begin(partial: Path, commit: str) -> None:
    """Make the hidden folder; what it holds of another commit goes."""
    mark = partial / ".commit"
    try:
        same = mark.read_text() == commit
    except (OSError, ValueError):
        same = False
    if not same:
        _remove(partial)
        partial.mkdir()
        mark.write_text(commit)


def _present(partial: Path, file: _File) -> int:
    """Bytes of the file that an earlier pull has left, whole or in part."""
    for path in (partial / file.rfilename, partial / f"{file.rfilename}.part"):
        if path.exists():
            return min(path.stat().st_size, file.size)
    return 0


def _fetch_file(url: str, partial: Path, file: _File, arrived: Callable[[int], None]) -> None:
    """Bring one file, going on where an earlier pull stopped. `arrived` may be told less than
    nothing: a hub that knows no ranges begins anew."""
    from httpx2 import TransportError

    whole, part = partial / file.rfilename, partial / f"{file.rfilename}.part"
    if whole.exists():
        return
    fruitless = 0
    with part.open("ab") as out:
        while out.tell() < file.size and fruitless < FRUITLESS_TRIES:
            before = out.tell()
            try:
                for count in _stream(url, out):
                    arrived(count)
                    if out.tell() > file.size:
                        break
            except TransportError:
                if out.tell() <= before and fruitless == FRUITLESS_TRIES - 1:
                    raise
            fruitless = 0 if out.tell() > before else fruitless + 1
    if part.stat().st_size != file.size or (file.lfs and _sha256(part) != file.lfs.sha256):
        part.unlink()
        raise ModelProblem(f"{file.rfilename} arrived damaged and was thrown away; pull again")
    part.rename(whole)


def _stream(url: str, out: BinaryIO) -> Iterator[int]:
    """Append what comes, and tell how much; a negative number where the file begins anew."""
    from huggingface_hub import get_session, hf_raise_for_status
    from huggingface_hub.constants import HF_HUB_DOWNLOAD_TIMEOUT

    have = out.tell()
    headers = _headers()
    if have:
        headers["Range"] = f"bytes={have}-"
    session, timeout_s = get_session(), HF_HUB_DOWNLOAD_TIMEOUT
    with session.stream("GET", url, headers=headers, timeout=timeout_s) as response:
        hf_raise_for_status(response)
        if have and response.status_code != HTTPStatus.PARTIAL_CONTENT:
            out.seek(0)
            out.truncate()
            yield -have
        for chunk in response.iter_bytes():
            out.write(chunk)
            yield len(chunk)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
