"""Pulling a model from a hub on loopback: whole, cut, refused, interrupted, and all over again."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

from parley.engines.asr import model_pull
from parley.engines.asr.model_store import (
    ModelProblem,
    Pulled,
    check_model,
    find_model,
    installed,
    pull,
    ready_model,
)
from support.hub import OTHER_COMMIT, Hub, open_hub
from support.whisper_folder import model_bin, model_files, write_model

SMALL = "Systran/faster-whisper-small"
FILES = model_files(weights=(300_000, 100_000)) | {"README.md": b"# not wanted"}
BIN_BYTES = len(FILES["model.bin"])
WANTED_BYTES = sum(len(content) for name, content in FILES.items() if name != "README.md")
MODEL_PATH = f"/cdn/{SMALL}/model.bin"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """The only hub that can be reached: every address that is not loopback is refused."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1"):
            raise AssertionError(f"a test wanted to reach {address}")
        connect(self, address)

    resolve = socket.getaddrinfo

    def resolved(host: Any, *arguments: Any, **named: Any) -> Any:
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test asked where {host!r} is")
        return resolve(host, *arguments, **named)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    huggingface_hub.close_session()
    with open_hub({SMALL: FILES}) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        yield hub
        huggingface_hub.close_session()


def problem(name: str, models_dir: Path) -> str:
    with pytest.raises(ModelProblem) as caught:
        pull(name, models_dir)
    message = str(caught.value)
    assert "\n" not in message
    assert not caught.value.retryable
    return message


def model_requests(hub: Hub) -> list[str]:
    return [asked for asked in hub.asked if asked.startswith(MODEL_PATH)]


# What goes well


def test_a_pull_brings_what_is_wanted_and_nothing_else(hub: Hub, tmp_path: Path) -> None:
    folder = pull("small-int8", tmp_path / "models")
    assert folder == tmp_path / "models" / "small"
    names = {path.name for path in folder.iterdir() if path.name[0] != "."}
    assert names == set(FILES) - {"README.md"}
    assert (folder / "model.bin").read_bytes() == FILES["model.bin"]
    check_model(folder)
    assert find_model("small", tmp_path / "models") == folder
    assert [model.name for model in installed(tmp_path / "models")] == ["small"]


def test_the_progress_tells_all_bytes_of_all_files(hub: Hub, tmp_path: Path) -> None:
    told: list[Pulled] = []
    pull("small", tmp_path, told.append)
    assert {pulled.total_bytes for pulled in told} == {WANTED_BYTES}
    done = [pulled.done_bytes for pulled in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, WANTED_BYTES)
    assert told[-1].file == "model.bin", "the largest comes last"


def test_what_is_there_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    folder = pull("small", tmp_path)
    hub.asked.clear()
    assert pull("small-float32", tmp_path) == folder
    assert ready_model("small", tmp_path, may_download=True) == folder
    assert hub.asked == []


def test_two_names_of_one_repository_are_one_folder(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["mobiuslabsgmbh/faster-whisper-large-v3-turbo"] = FILES
    folder = pull("turbo", tmp_path)
    assert folder.name == "large-v3-turbo"
    assert pull("large-v3-turbo", tmp_path) == folder


def test_a_repository_of_anybodys_gets_a_folder_of_its_name(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["me/my-whisper"] = FILES
    assert pull("me/my-whisper", tmp_path) == tmp_path / "me--my-whisper"
    assert find_model("me/my-whisper", tmp_path) == tmp_path / "me--my-whisper"
    assert [model.name for model in installed(tmp_path)] == ["me/my-whisper"]


def test_a_broken_folder_is_replaced_when_the_new_one_is_whole(hub: Hub, tmp_path: Path) -> None:
    write_model(tmp_path / "small", model_bin=model_bin()[:-5])
    (tmp_path / "small" / "stray").write_text("x")
    folder = pull("small", tmp_path)
    check_model(folder)
    assert not (folder / "stray").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"small", ".small.lock", "hub-cache"}


def test_a_server_that_may_download_does(hub: Hub, tmp_path: Path) -> None:
    check_model(ready_model("small", tmp_path, may_download=True))


def test_a_server_that_may_not_download_asks_nobody(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ModelProblem, match="not on disk; `parley models pull small-int8`"):
        ready_model("small-int8", tmp_path)
    assert hub.asked == []


# Connections that break


def test_a_connection_that_is_cut_is_taken_up_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = {"model.bin": [100_000, 50_000]}
    told: list[Pulled] = []
    check_model(pull("small", tmp_path, told.append))
    first, second, third = model_requests(hub)
    assert first == MODEL_PATH
    assert second == f"{MODEL_PATH} bytes=100000-"
    assert third == f"{MODEL_PATH} bytes=150000-"
    assert told[-1].done_bytes == WANTED_BYTES


def test_a_connection_that_brings_nothing_is_given_up(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = {"model.bin": [100_000, 0, 0, 0]}
    message = problem("small", tmp_path)
    assert "broke" in message and message.endswith("it goes on where it stopped")
    assert find_model("small", tmp_path) is None
    assert installed(tmp_path) == []
    hub.asked.clear()
    check_model(pull("small", tmp_path))
    assert model_requests(hub) == [f"{MODEL_PATH} bytes=100000-"]
    assert not [asked for asked in hub.asked if "tokenizer.json" in asked]


def test_a_hub_that_falls_silent_is_given_up(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    hub.stalls = {"model.bin": 1000}
    hub.cuts = {}
    message = problem("small", tmp_path)
    assert message == "127.0.0.1 sends nothing any more; pull again, it goes on where it stopped"


def test_a_hub_without_ranges_begins_anew_and_is_counted_so(hub: Hub, tmp_path: Path) -> None:
    hub.cuts, hub.no_ranges = {"model.bin": [100_000]}, True
    told: list[Pulled] = []
    check_model(pull("small", tmp_path, told.append))
    assert told[-1].done_bytes == WANTED_BYTES
    assert max(pulled.done_bytes for pulled in told) == WANTED_BYTES


def test_a_hub_that_cannot_be_reached(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    assert problem("small", tmp_path).startswith("127.0.0.1 cannot be reached (")


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp://127.0.0.1", "http://127.0.0.1:port"])
def test_an_address_that_is_none(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    assert "HF_ENDPOINT" in problem("small", tmp_path)


def test_offline_means_offline(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert problem("small", tmp_path).startswith("HF_HUB_OFFLINE is set")
    assert hub.asked == []


# Refusals


def test_a_repository_that_is_not_there(hub: Hub, tmp_path: Path) -> None:
    assert "no repository nobody/nothing" in problem("nobody/nothing", tmp_path)
    assert installed(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "GatedRepo", "set HF_TOKEN"),
        (500, "", "the hub answered 500; pull again later"),
        (429, "", "the hub answered 429; pull again later"),
        (418, "", f"the hub answered 418 for {SMALL}"),
    ],
)
@pytest.mark.parametrize("where", ["/api/", "/cdn/"])
def test_a_refusal_is_told_in_a_line(
    hub: Hub, tmp_path: Path, status: int, code: str, words: str, where: str
) -> None:
    hub.status = {where: (status, code)}
    assert words in problem("small", tmp_path)
    assert find_model("small", tmp_path) is None
    hub.status.clear()
    check_model(pull("small", tmp_path))


def test_a_file_that_is_not_there(hub: Hub, tmp_path: Path) -> None:
    hub.status = {"/cdn/": (404, "EntryNotFound")}
    assert problem("small", tmp_path) == f"the hub answered 404 for {SMALL}"


def test_a_login_page_is_no_hub(hub: Hub, tmp_path: Path) -> None:
    hub.html = True
    assert problem("small", tmp_path).startswith("what answered is no hub")


@pytest.mark.parametrize("missing", ["model.bin", "tokenizer.json", "config.json"])
def test_a_repository_of_another_kind_is_not_fetched(
    hub: Hub, tmp_path: Path, missing: str
) -> None:
    hub.repositories[SMALL] = {name: data for name, data in FILES.items() if name != missing}
    assert problem("small", tmp_path).startswith(f"{SMALL} has no {missing}: ")
    assert len(hub.asked) == 1


def test_a_repository_whose_files_are_no_model_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.repositories[SMALL] = FILES | {"model.bin": model_bin(spec="TransformerSpec")}
    assert problem("small", tmp_path).startswith(f"what {SMALL} holds cannot be used: ")
    assert not list(tmp_path.glob(".small.partial*"))


def test_a_damaged_file_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    hub.wrong_digest = True
    assert problem("small", tmp_path).startswith("model.bin arrived damaged")
    hub.wrong_digest = False
    check_model(pull("small", tmp_path))


def test_a_partial_file_of_another_commit_is_not_gone_on_with(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = {"model.bin": [100_000, 0, 0, 0]}
    problem("small", tmp_path)
    hub.commit = OTHER_COMMIT
    hub.asked.clear()
    check_model(pull("small", tmp_path))
    assert model_requests(hub) == [MODEL_PATH]


# This machine


class Interrupting:
    """A progress at which Ctrl-C is pressed after so many bytes."""

    def __init__(self, after_bytes: int) -> None:
        self.after_bytes = after_bytes

    def __call__(self, pulled: Pulled) -> None:
        if pulled.done_bytes > self.after_bytes:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after_bytes", [-1, 10, 1000, 200_000])
def test_an_interrupted_pull_leaves_no_model_and_a_second_one_finishes(
    hub: Hub, tmp_path: Path, after_bytes: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        pull("small", tmp_path, Interrupting(after_bytes))
    assert find_model("small", tmp_path) is None
    assert installed(tmp_path) == []
    check_model(pull("small", tmp_path))


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    message = problem("small", tmp_path)
    assert message.startswith(f"the disk of {tmp_path} is full (0 MB are needed, 0 MB are free)")
    assert len(hub.asked) == 1


def test_a_disk_that_fills_up_on_the_way(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream(*arguments: object) -> Iterator[int]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(model_pull, "_stream", stream)
    assert "is full (No space left on device); make room" in problem("small", tmp_path)


def test_a_folder_that_cannot_be_written(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    message = problem("small", tmp_path / "file" / "models")
    assert "cannot be written: Not a directory" in message and "PARLEY_MODELS_DIR" in message


def test_two_pulls_of_the_same_model_do_not_meet(hub: Hub, tmp_path: Path) -> None:
    with (tmp_path / ".small.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert problem("small", tmp_path).startswith("another pull of this model is running")
    check_model(pull("small", tmp_path))


@pytest.mark.parametrize("name", ["/srv/whisper", "enormous"])
def test_what_has_no_repository_cannot_be_pulled(hub: Hub, tmp_path: Path, name: str) -> None:
    problem(name, tmp_path)
    assert hub.asked == []
