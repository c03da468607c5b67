"""`parley models`: what it prints where, and how it ends; a real process, and a hub on loopback."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants
from rich.console import Console
from typer.testing import CliRunner, Result

import parley.commands.models
from parley.commands.app import app
from parley.config.variables import Variables
from parley.engines.asr.model_store import WHISPER_REPOSITORIES, Pulled, check_model
from parley.engines.models.packaged import PACKAGED
from support.hub import Hub, open_hub
from support.whisper_folder import model_files, write_model

Command = Callable[..., Result]
SMALL = "Systran/faster-whisper-small"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command with models in `models`, and no setting but that."""
    for name in (*Variables.model_fields, "parley_config"):
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("PARLEY_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))

    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(app, ["models", *arguments], env=environment)

    return run


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with open_hub({SMALL: model_files(weights=(300_000, 100_000))}) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        huggingface_hub.close_session()
        yield hub
        huggingface_hub.close_session()


def rows(result: Result) -> dict[str, str]:
    """The rows of the list by model."""
    found = {}
    for line in result.stdout.splitlines()[1:-1]:
        words = line.split()
        found[words[1] if words[0] == "*" else words[0]] = " ".join(words)
    return found


# list

OTHERS = {name for name in PACKAGED if name not in WHISPER_REPOSITORIES}


def whisper_rows(result: Result) -> dict[str, str]:
    return {name: row for name, row in rows(result).items() if name not in OTHERS}


def test_the_list_begins_with_the_models_that_come_in_packages(command: Command) -> None:
    found = rows(command("list"))
    assert set(list(found)[: len(OTHERS)]) == OTHERS
    assert found["joe"] == "joe 63.2 MB voice: parley models pull joe"


def test_the_list_has_every_model_once_and_marks_the_one_that_is_set(command: Command) -> None:
    result = command("list")
    assert result.exit_code == 0
    found = whisper_rows(result)
    assert len(found) == len(set(WHISPER_REPOSITORIES.values()))
    assert found["small"] == "* small about 488 MB parley models pull small"
    assert found["large-v3-turbo"].startswith("large-v3-turbo about 1,618 MB")
    assert [name for name, row in found.items() if row.startswith("*")] == ["small"]


def test_the_list_tells_what_is_on_disk_and_what_is_wrong_with_it(
    command: Command, tmp_path: Path
) -> None:
    write_model(tmp_path / "models" / "small", tokenizer_json=None)
    base = write_model(tmp_path / "models" / "base")
    mine = write_model(tmp_path / "models" / "me--mine")
    found = rows(command("list", STREAM_MODEL_WHISPER="base-int8"))
    assert found["base"] == f"* base 0.0 MB {base}"
    assert "unusable: " in found["small"] and "tokenizer.json is missing" in found["small"]
    assert found["me/mine"].endswith(str(mine))


@pytest.mark.parametrize("name", ["./whisper", "me/whisper"])
def test_the_list_begins_with_what_is_set_if_it_is_no_size(
    command: Command, tmp_path: Path, name: str
) -> None:
    absent = whisper_rows(command("list", STREAM_MODEL_WHISPER=name))
    assert next(iter(absent)) == name
    write_model(tmp_path / ("whisper" if name[0] == "." else "models/me--whisper"))
    present = rows(command("list", STREAM_MODEL_WHISPER=name))
    assert "whisper" in present[name].removeprefix(f"* {name}") and "MB" in present[name]
    assert list(present).count(name) == 1


def test_a_setting_that_is_no_model_is_a_mistake_of_the_user(command: Command) -> None:
    for arguments in (["list"], ["path"]):
        result = command(*arguments, STREAM_MODEL_WHISPER="enormous")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("parley: 'enormous' is no Whisper model; known are tiny")


def test_settings_that_cannot_be_read_are_a_mistake_of_the_user(command: Command) -> None:
    result = command("list", STREAM_LANGUAGE="english")
    assert result.exit_code == 2 and "STREAM_LANGUAGE" in result.stderr


def test_a_models_folder_that_is_a_file_is_a_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    result = command("list")
    assert result.exit_code == 1 and "cannot be read" in result.stderr


def test_warnings_about_settings_are_shown(command: Command) -> None:
    assert "STREAM_MODELL: no such setting" in command("list", STREAM_MODELL="x").stderr


# path


def test_the_path_is_all_that_is_printed(command: Command, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "models" / "small")
    for arguments in (["path"], ["path", "small-float32"], ["path", SMALL]):
        result = command(*arguments)
        assert (result.exit_code, result.stdout, result.stderr) == (0, f"{folder}\n", "")


def test_what_is_not_here_is_one_line_on_stderr(command: Command, tmp_path: Path) -> None:
    result = command("path")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "parley: the Whisper model small-int8 is not on disk; `parley models pull small-int8`\n"
    )
    write_model(tmp_path / "models" / "small", config_json=b"{")
    assert "is no valid JSON" in command("path").stderr


# pull


def test_a_pull_prints_the_folder_and_tells_how_far_it_is(
    command: Command, hub: Hub, tmp_path: Path
) -> None:
    result = command("pull", "small-int8")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path}/models/small\n")
    lines = result.stderr.splitlines()
    assert lines[0] == "parley: small-int8: 0 % of 0.4 MB"
    assert lines[-1] == "parley: small-int8: 100 % of 0.4 MB"
    assert len(lines) <= 11
    hub.asked.clear()
    again = command("pull", "small")
    assert (again.exit_code, again.stdout) == (0, result.stdout)
    assert again.stderr == "parley: small is here already\n"
    assert hub.asked == []


def test_on_a_terminal_there_is_a_bar_with_rate_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(record=True, force_terminal=True, width=120, file=io.StringIO())
    monkeypatch.setattr("rich.console.Console", lambda **named: console)
    with parley.commands.models._shown("small") as progress:
        progress(Pulled(file="model.bin", done_bytes=3_000_000, total_bytes=4_000_000))
        progress(Pulled(file="model.bin", done_bytes=4_000_000, total_bytes=4_000_000))
    text = console.export_text()
    assert "small model.bin" in text and "4.0/4.0 MB" in text and "0:00:00" in text


def test_a_broken_model_is_fetched_anew(command: Command, hub: Hub, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "models" / "small", tokenizer_json=b"")
    result = command("pull", "small")
    assert result.exit_code == 0
    assert "fetching it anew: " in result.stderr
    check_model(folder)


def test_a_failed_pull_is_a_line_and_no_model(command: Command, hub: Hub, tmp_path: Path) -> None:
    hub.status = {"/cdn/": (500, "")}
    result = command("pull", "small")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1].startswith("parley: the hub answered 500; pull again")
    assert command("path", "small").exit_code == 1


@pytest.mark.parametrize("name", ["enormous", "./whisper"])
def test_what_has_no_repository_is_a_mistake_of_the_user(
    command: Command, hub: Hub, name: str
) -> None:
    result = command("pull", name)
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert hub.asked == []


@pytest.mark.slow
def test_a_pull_that_is_interrupted_leaves_no_model_and_a_second_one_goes_on(
    hub: Hub, tmp_path: Path
) -> None:
    """A process of its own, a real Ctrl-C, in the middle of the large file."""
    hub.stalls = {"model.bin": 200_000}
    models = tmp_path / "models"
    environment = {
        **{name: value for name, value in os.environ.items() if "PROXY" not in name.upper()},
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "0",
        "PARLEY_MODELS_DIR": str(models),
    }
    pull = [sys.executable, "-m", "parley", "models", "pull", "small"]
    process = subprocess.Popen(
        pull,
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A suite that a shell has put into the background would have its children ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    part = models / ".small.partial" / "model.bin.part"
    deadline = time.monotonic() + 30
    while not part.exists() or part.stat().st_size < 100_000:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert errors.splitlines()[-1] == (
        "parley: interrupted; `parley models pull small` goes on where it stopped"
    )
    assert "Traceback" not in errors
    assert not (models / "small").exists()
    kept = part.stat().st_size
    assert 100_000 <= kept <= 200_000

    hub.stalls.clear()
    done = subprocess.run(pull, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{models}/small\n")
    check_model(models / "small")
    assert hub.asked[-1] == f"/cdn/{SMALL}/model.bin bytes={kept}-"


def test_a_size_that_comes_in_a_package_and_lies_here_already_is_left_alone(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a hub it has other bytes than the packaged one, and is as good."""
    fetched: list[object] = []
    monkeypatch.setattr("parley.commands.models._pull_packaged", lambda *what: fetched.append(what))
    folder = write_model(tmp_path / "models" / "tiny")
    assert command("pull", "tiny-int8").stdout.strip() == str(folder)
    assert command("path", "tiny").stdout.strip() == str(folder)
    assert fetched == []
    command("pull", "base-int8")
    assert len(fetched) == 1


def test_the_path_of_a_packaged_model_that_is_not_here_says_how_to_get_it(
    command: Command,
) -> None:
    result = command("path", "joe")
    assert result.exit_code == 1
    assert "parley models pull joe" in result.stderr
