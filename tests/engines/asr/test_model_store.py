"""Names of models, where they are looked for, and what lies in the models' folder."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import faster_whisper.utils
import pytest
from huggingface_hub import constants

from parley.engines.asr import model_store
from parley.engines.asr.model_store import (
    COMPUTE_TYPES,
    WHISPER_REPOSITORIES,
    ModelName,
    ModelProblem,
    find_model,
    installed,
    parse_name,
    ready_model,
)
from parley.engines.models.folder import models_folder
from support.whisper_folder import model_bin, write_model


@pytest.fixture(autouse=True)
def hub_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache of the hub's, a home of its own, and no network whatsoever."""

    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("looking for a model asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    cache = tmp_path / "hub-cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return cache


def snapshot(hub_cache: Path, repository: str, commit: str = "a" * 40) -> Path:
    """A model in the hub's cache, as huggingface_hub lays it out."""
    home = hub_cache / f"models--{repository.replace('/', '--')}"
    (home / "refs").mkdir(parents=True, exist_ok=True)
    (home / "refs" / "main").write_text(commit)
    return write_model(home / "snapshots" / commit)


# Names


def test_the_sizes_are_those_that_the_recognizer_knows() -> None:
    assert faster_whisper.utils._MODELS == WHISPER_REPOSITORIES


@pytest.mark.parametrize("size", WHISPER_REPOSITORIES)
def test_a_size_is_understood_with_every_compute_type(size: str) -> None:
    assert parse_name(size) == ModelName(size_or_repo=size)
    for compute_type in COMPUTE_TYPES:
        expected = ModelName(size_or_repo=size, compute_type=compute_type)
        assert parse_name(f"{size}-{compute_type}") == expected
        assert parse_name(f" {size}-{compute_type} ".upper()) == expected


def test_a_repository_is_taken_as_it_stands() -> None:
    model = parse_name("Me/Whisper-int8")
    assert model == ModelName(size_or_repo="Me/Whisper-int8")
    assert (model.repository, model.folder_names) == ("Me/Whisper-int8", ("Me--Whisper-int8",))


def test_the_repository_of_a_size_is_that_size() -> None:
    assert parse_name("Systran/faster-whisper-small").folder_names == ("small",)
    assert parse_name("turbo").folder_names == ("large-v3-turbo", "turbo")


@pytest.mark.parametrize("name", ["/srv/whisper", "./whisper", "../whisper", ".", "~/whisper"])
def test_a_path_is_a_folder_whether_it_is_there_or_not(name: str) -> None:
    model = parse_name(name)
    assert model.folder == Path(name).expanduser()
    assert (model.size_or_repo, model.repository, model.folder_names) == (None, None, ())


def test_a_folder_that_is_there_goes_before_a_repository_and_after_a_size(tmp_path: Path) -> None:
    for name in ("me/whisper", "mine", "base"):
        (tmp_path / name).mkdir(parents=True)
    assert parse_name("me/whisper").folder == Path("me/whisper")
    assert parse_name("mine").folder == Path("mine")
    assert parse_name("base").folder is None
    assert parse_name("./base").folder == Path("base")


@pytest.mark.parametrize(("name", "only"), [("small.en-int8", True), ("small", False)])
def test_a_name_may_say_that_a_model_knows_english_alone(name: str, only: bool) -> None:
    assert parse_name(name).english_only is only


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "enormous", "small-int4", "-int8", "smal", "a/b/c", "a//b"),
        *("a/..", "x y", "a/b\nc", "\0", "ü/ö", "-a/b", "x" * 5000, "~nobody-here/x"),
    ],
)
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"is no (Whisper model|folder)") as caught:
        parse_name(name)
    if not name.startswith("~"):
        assert "known are tiny, tiny.en, base" in str(caught.value)
    with pytest.raises(ModelProblem):
        ready_model(name, Path())


def test_what_was_probably_meant_is_named() -> None:
    with pytest.raises(ValueError, match="did you mean small"):
        parse_name("smal-int8")


# Where they lie


@pytest.mark.parametrize("given", [None, ""])
def test_the_folder_of_models_is_in_the_users_cache(
    given: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert models_folder(given) == tmp_path / "home/.cache/parley/models"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert models_folder(given) == tmp_path / "home/.cache/parley/models"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert models_folder(given) == tmp_path / "home/Library/Caches/parley/models"
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert models_folder(given) == Path("/elsewhere/parley/models")
    assert models_folder("~/here") == tmp_path / "home/here"
    assert models_folder("here") == Path("here")


def test_a_folder_is_found_by_its_path(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "whisper")
    assert find_model(str(folder), tmp_path / "models") == folder
    assert ready_model("./whisper", tmp_path / "models") == Path("whisper")
    assert find_model("/nowhere/at/all", tmp_path) is None
    with pytest.raises(ModelProblem, match="there is no such folder"):
        ready_model("/nowhere/at/all", tmp_path, may_download=True)


def test_a_size_is_found_in_the_models_folder_then_in_the_hubs_cache(
    tmp_path: Path, hub_cache: Path
) -> None:
    models = tmp_path / "models"
    assert find_model("small-int8", models) is None
    cached = snapshot(hub_cache, "Systran/faster-whisper-small")
    assert find_model("small-int8", models) == cached
    own = write_model(models / "small")
    assert find_model("small-int8", models) == own
    assert find_model("base", models) is None


def test_a_model_that_was_laid_there_under_its_other_name_is_found(tmp_path: Path) -> None:
    assert find_model("turbo", tmp_path) is None
    folder = write_model(tmp_path / "turbo")
    assert find_model("turbo", tmp_path) == find_model("large-v3-turbo", tmp_path) == folder


def test_a_usable_model_goes_before_a_broken_one(tmp_path: Path, hub_cache: Path) -> None:
    broken = write_model(tmp_path / "small", tokenizer_json=None)
    assert find_model("small", tmp_path) == broken
    with pytest.raises(ModelProblem, match=r"tokenizer\.json is missing"):
        ready_model("small", tmp_path)
    cached = snapshot(hub_cache, "Systran/faster-whisper-small")
    assert find_model("small", tmp_path) == ready_model("small", tmp_path) == cached


@pytest.mark.parametrize("commit", ["", "   ", "gone"])
def test_a_cache_without_the_snapshot_has_nothing(hub_cache: Path, commit: str) -> None:
    home = hub_cache / "models--Systran--faster-whisper-small"
    snapshot(hub_cache, "Systran/faster-whisper-small")
    (home / "refs" / "main").write_text(commit)
    assert find_model("small", hub_cache) is None
    (home / "refs" / "main").write_bytes(b"\xff\0")
    assert find_model("small", hub_cache) is None


def test_what_is_not_here_is_told_with_the_command_that_gets_it(tmp_path: Path) -> None:
    with pytest.raises(ModelProblem) as caught:
        ready_model("base-int8", tmp_path)
    assert str(caught.value) == (
        "the Whisper model base-int8 is not on disk; `parley models pull base-int8`"
    )


# What lies there


def test_nothing_is_installed_where_there_is_no_folder(tmp_path: Path) -> None:
    assert installed(tmp_path / "models") == []


def test_what_is_installed_is_told_with_its_size_and_what_is_wrong(tmp_path: Path) -> None:
    small = write_model(tmp_path / "small")
    write_model(tmp_path / "me--mine", model_bin=model_bin()[:50])
    write_model(tmp_path / ".base.partial")
    (tmp_path / "readme.txt").write_text("not a folder")
    mine, found = installed(tmp_path)
    assert (found.name, found.folder, found.problem) == ("small", small, None)
    assert found.size_bytes == sum(path.stat().st_size for path in small.iterdir())
    assert mine.name == "me/mine" and mine.problem is not None and "cut off" in mine.problem


def test_a_link_that_leads_nowhere_has_no_size(tmp_path: Path) -> None:
    small = write_model(tmp_path / "small")
    (small / "extra").symlink_to(small / "extra")  # a circle: asking for its size is an error
    (found,) = installed(tmp_path)
    assert (found.name, found.problem) == ("small", None)


def test_a_models_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    with pytest.raises(ModelProblem, match="cannot be read: Not a directory; set PARLEY_MODELS"):
        installed(tmp_path / "models")


def test_the_module_is_light() -> None:
    code = (
        "import sys, parley.engines.asr.model_store as store; from pathlib import Path;"
        "store.find_model('small', Path('nowhere'));"
        "heavy = {'faster_whisper', 'ctranslate2', 'numpy', 'httpx2', 'trio', 'pydantic'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert set(model_store.__all__) <= set(vars(model_store))
