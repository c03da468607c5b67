"""The wheel: the whole package, and nothing else."""

from __future__ import annotations

import ast
import importlib.util
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent

NOT_PACKAGED = ("tests", "scripts", "docs", "examples", "build", "dist")


def files() -> list[Path]:
    """Every file of the package, as it lies here."""
    return sorted(
        path
        for path in ROOT.rglob("*.py")
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        and path.relative_to(ROOT).parts[0] not in NOT_PACKAGED
    )


ROOMS = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in files()} - {
    "__init__",
    "__main__",
}
"""What has a name at the top level of the package."""


def bare_rooms(paths: Iterable[Path]) -> list[str]:
    """Imports that name a room of ours as if it were at the top level."""
    found = []
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names=aliases):
                    names = [alias.name for alias in aliases]
                case ast.ImportFrom(module=str(name), level=0):
                    names = [name]
                case _:
                    continue
            tops = (name.split(".")[0] for name in names)
            found += [f"{path}:{node.lineno}: {top}" for top in tops if top in ROOMS]
    return found


@pytest.fixture(scope="module")
def check_wheel() -> ModuleType:
    """scripts/check_wheel.py, which is no part of any package."""
    path = ROOT / "scripts" / "check_wheel.py"
    spec = importlib.util.spec_from_file_location("check_wheel", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def names(check_wheel: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[str]]:
    """The names of the files in a wheel that was built from here."""
    wheel = check_wheel.build(tmp_path_factory.mktemp("wheel"))
    with zipfile.ZipFile(wheel) as archive:
        yield set(archive.namelist())


def packages() -> list[str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed: list[str] = config["tool"]["setuptools"]["packages"]
    return listed


def test_the_wheel_holds_what_it_should(check_wheel: ModuleType, names: set[str]) -> None:
    assert check_wheel.problems(names) == []
    assert {"parley/commands/app.py", "parley/actors/vad.py", "parley/py.typed"} <= names
    assert not [name for name in names if "/test_" in name or "conftest" in name]


def test_the_wheel_installs_one_top_level_name(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"parley"}


@pytest.mark.parametrize(
    "stray",
    [
        "tests/test_session.py",
        "parley/tests/test_session.py",
        "actors/vad.py",
        "parley/notes.txt",
        "parley/actors/.coverage",
    ],
)
def test_a_stray_file_is_found(check_wheel: ModuleType, names: set[str], stray: str) -> None:
    assert check_wheel.problems(names | {stray}) == [f"stray: {stray}"]


@pytest.mark.parametrize(
    "lost",
    [
        "parley/session/turn.py",
        "parley/engines/asr/interface.py",
        "parley/recording/show/web/page.css",
    ],
)
def test_a_missing_module_is_found(check_wheel: ModuleType, names: set[str], lost: str) -> None:
    assert check_wheel.problems(names - {lost}) == [f"missing: {lost}"]


def test_a_wheel_without_its_type_marker_is_found(check_wheel: ModuleType, names: set[str]) -> None:
    assert check_wheel.problems(names - {"parley/py.typed"}) == ["missing: parley/py.typed"]


def test_what_is_wrong_is_told_all_at_once(check_wheel: ModuleType) -> None:
    wrong = check_wheel.problems({"b.py", "a.py", "parley_voice-1.dist-info/RECORD"})
    assert wrong[-2:] == ["stray: a.py", "stray: b.py"]
    assert all(line.startswith("missing: parley/") for line in wrong[:-2])


def test_every_folder_with_code_is_listed_as_a_package() -> None:
    folders = {(Path("parley") / path.relative_to(ROOT)).parent for path in files()}
    assert {".".join(folder.parts) for folder in folders} == set(packages())


def test_every_package_has_its_init() -> None:
    for package in packages():
        folder = ROOT.joinpath(*package.split(".")[1:])
        assert (folder / "__init__.py").is_file(), package


def test_nothing_is_imported_by_the_bare_name_of_a_room() -> None:
    """It would work in this folder, and nowhere that the package is installed."""
    assert {"actors", "config", "engines", "protocol", "session", "turnstile"} <= ROOMS
    assert bare_rooms(files()) == []


@pytest.mark.parametrize(
    "source",
    ["import actors", "import actors.vad as v", "from config import Settings", "import session"],
)
def test_a_bare_import_would_be_found(source: str, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(f"def f():\n    {source}\n")
    (found,) = bare_rooms([tmp_path / "m.py"])
    assert found.endswith(f"m.py:2: {source.split()[1].split('.')[0]}")
