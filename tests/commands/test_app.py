"""The command line: what it asks of the rest, and how it says no."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import parley.client.demo
import parley.client.talk
import parley.commands.doctor
import parley.server.process
import parley.testing.carrier.demo
from parley import __version__
from parley.__main__ import main
from parley.client.demo import EXAMPLES
from parley.commands.app import app
from parley.commands.doctor import Check
from parley.config import Settings
from parley.config.variables import Variables
from parley.server.process import CannotListen

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command in an empty folder, with no setting in the environment."""
    for name in (*Variables.model_fields, "parley_config"):
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env=environment)

    return run


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings with which a server would have been started."""
    found: list[Settings] = []

    def serve(settings: Settings, *, agents: Sequence[object] = ()) -> int:
        found.append(settings)
        return 0

    monkeypatch.setattr(parley.server.process, "serve_until_signalled", serve)
    return found


# The whole


def test_it_says_its_version(command: Command) -> None:
    result = command("--version")
    assert (result.exit_code, result.stdout) == (0, f"parley {__version__}\n")


def test_its_help_names_every_command(command: Command) -> None:
    result = command("--help")
    assert result.exit_code == 0
    for name in ("serve", "talk", "demo", "doctor"):
        assert name in result.stdout


@pytest.mark.parametrize("name", ["serve", "talk", "demo", "doctor"])
def test_every_command_has_help(command: Command, name: str) -> None:
    result = command(name, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


@pytest.mark.parametrize("arguments", [["sing"], ["serve", "--port", "many"], ["serve", "extra"]])
def test_what_it_does_not_understand_is_a_mistake_of_the_user(
    command: Command, arguments: list[str]
) -> None:
    assert command(*arguments).exit_code == 2


def test_without_a_command_it_shows_its_help(command: Command) -> None:
    result = command()
    assert "Usage" in result.output
    assert result.exit_code in (0, 2), "it depends on typer's version"


def test_the_console_script_runs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["parley", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"parley {__version__}\n"


def test_what_a_command_does_not_need_is_not_imported() -> None:
    code = (
        "import sys, parley.commands.app;"
        "heavy = {'openai', 'numpy', 'pocketsphinx', 'soxr'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# serve


def test_serve_takes_its_settings_from_options_environment_and_file(
    command: Command, served: list[Settings], tmp_path: Path
) -> None:
    (tmp_path / "p.toml").write_text("stream_vad_silence_ms = 900\nparley_port = 1\n")
    result = command(
        *("serve", "--port", "4321", "--config", "p.toml"), PARLEY_HOST="0.0.0.0", PARLEY_PORT="2"
    )
    assert result.exit_code == 0
    (settings,) = served
    assert (settings.serving.host, settings.serving.port) == ("0.0.0.0", 4321)
    assert settings.hearing.silence_ms == 900


def test_serve_tells_every_bad_setting_at_once(command: Command, served: list[Settings]) -> None:
    result = command("serve", "--port", "70000", STREAM_VAD_SILENCE_MS="1", WS_PING_TIMEOUT="soon")
    assert result.exit_code == 2
    assert result.stdout == ""
    for name in ("PARLEY_PORT", "STREAM_VAD_SILENCE_MS", "WS_PING_TIMEOUT"):
        assert name in result.stderr
    assert "Traceback" not in result.stderr
    assert served == []


def test_a_settings_file_that_is_not_there_is_a_mistake_of_the_user(
    command: Command, served: list[Settings]
) -> None:
    result = command("serve", "--config", "none.toml")
    assert result.exit_code == 2
    assert "none.toml" in result.stderr
    assert served == []


def test_a_setting_that_does_not_exist_is_a_warning(
    command: Command, served: list[Settings]
) -> None:
    result = command("serve", STREAM_VAD_SILENCE="900")
    assert result.exit_code == 0
    assert result.stderr.startswith("parley: STREAM_VAD_SILENCE: no such setting")
    assert len(served) == 1


def test_an_address_that_cannot_be_had_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve(settings: Settings, *, agents: Sequence[object] = ()) -> int:
        raise CannotListen("port 8084 is in use")

    monkeypatch.setattr(parley.server.process, "serve_until_signalled", serve)
    result = command("serve")
    assert (result.exit_code, result.stderr) == (1, "parley: port 8084 is in use\n")


def test_a_server_that_was_forced_to_end_says_so_by_its_exit_code(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        parley.server.process, "serve_until_signalled", lambda settings, agents: 130
    )
    assert command("serve").exit_code == 130


# talk


@pytest.mark.parametrize("arguments", [[], ["a.wav", "--mic"]])
def test_talk_wants_recordings_or_a_microphone(command: Command, arguments: list[str]) -> None:
    result = command("talk", *arguments)
    assert result.exit_code == 2
    assert result.stderr == "parley: say what to talk with: one or more WAV files, or --mic\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["a.wav", "b.wav", "--speed", "6", "--out", "folder"],
            {
                "files": [Path("a.wav"), Path("b.wav")],
                "mic": False,
                "realtime": False,
                "token": "",
                "ca": None,
                "out": Path("folder"),
                "aloud": True,
                "speed": 6.0,
                "chunk_ms": 100,
            },
        ),
        (
            ["--mic", "--chunk-ms", "20", "--quiet", "--realtime"],
            {
                "files": [],
                "mic": True,
                "realtime": True,
                "token": "",
                "ca": None,
                "out": None,
                "aloud": False,
                "speed": 1.0,
                "chunk_ms": 20,
            },
        ),
    ],
)
def test_talk_hands_on_what_it_was_given(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    expected: dict[str, object],
) -> None:
    calls: list[dict[str, object]] = []

    async def talk(url: str, files: list[Path], **options: Any) -> SimpleNamespace:
        calls.append({"url": url, "files": files} | options)
        return SimpleNamespace(exit_code=1)

    monkeypatch.setattr(parley.client.talk, "talk", talk)
    result = command("talk", *arguments, "--url", "ws://there/ws")
    assert result.exit_code == 1
    assert calls == [{"url": "ws://there/ws"} | expected]


@pytest.mark.parametrize(
    ("option", "address"),
    [([], "ws://127.0.0.1:8084/ws"), (["--realtime"], "ws://127.0.0.1:8084/v1/realtime")],
)
def test_talk_finds_a_server_on_this_machine(
    command: Command, monkeypatch: pytest.MonkeyPatch, option: list[str], address: str
) -> None:
    urls: list[str] = []

    async def talk(url: str, files: list[Path], **options: Any) -> SimpleNamespace:
        urls.append(url)
        return SimpleNamespace(exit_code=0)

    monkeypatch.setattr(parley.client.talk, "talk", talk)
    assert command("talk", "a.wav", *option).exit_code == 0
    assert urls == [address]


@pytest.mark.parametrize("option", [["--speed", "0"], ["--chunk-ms", "5"]])
def test_talk_refuses_a_pace_that_nobody_speaks_at(command: Command, option: list[str]) -> None:
    assert command("talk", "a.wav", *option).exit_code == 2


# demo


def test_demo_hands_on_its_folders(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Path, Path]] = []

    async def demo(folder: Path, out: Path) -> int:
        calls.append((folder, out))
        return len(calls) - 1

    monkeypatch.setattr(parley.client.demo, "demo", demo)
    assert command("demo").exit_code == 0
    assert command("demo", "mine", "--out", "there").exit_code == 1
    assert calls == [(EXAMPLES, Path("demo-out")), (Path("mine"), Path("there"))]
    assert (EXAMPLES / "words.txt").is_file()


def test_a_telephone_demo_is_of_a_service_that_is_simulated(command: Command) -> None:
    began_s = time.monotonic()
    result = command("demo", "--telephone", "--service", "pigeon")
    assert result.exit_code == 2
    assert "there is no simulated 'pigeon'; there are twilio, " in result.stdout
    assert not Path("demo-out").exists(), "no server was started for it"
    assert time.monotonic() - began_s < 5
    assert command("demo", "--service", "twilio").exit_code == 2


@pytest.mark.parametrize(("given", "called"), [(None, "twilio"), (" Plivo", "plivo")])
def test_a_telephone_demo_is_told_the_service(
    command: Command, monkeypatch: pytest.MonkeyPatch, given: str | None, called: str
) -> None:
    calls: list[object] = []

    async def demo(folder: Path, out: Path, service: str) -> int:
        calls.append((folder, out, service))
        return 0

    monkeypatch.setattr(parley.testing.carrier.demo, "demo_telephone", demo)
    assert command("demo", "--telephone", *(["--service", given] if given else [])).exit_code == 0
    assert calls == [(EXAMPLES, Path("demo-out"), called)]


def test_in_a_silent_recording_nobody_speaks() -> None:
    from parley.client.recording import Recording
    from parley.testing.carrier.demo import _sounds

    assert _sounds(Recording(name="silence", pcm16=bytes(640 * 10))) == (0, 10)
    assert _sounds(Recording(name="nothing", pcm16=b"")) == (0, 0)


# doctor


@pytest.mark.parametrize(
    ("ok", "needed", "code"), [(True, True, 0), (False, False, 0), (False, True, 1)]
)
def test_doctor_fails_where_something_is_missing_that_is_needed(
    command: Command, monkeypatch: pytest.MonkeyPatch, ok: bool, needed: bool, code: int
) -> None:
    check = Check(name="asr", ok=ok, detail="somehow", advice="mend it", needed=needed)
    monkeypatch.setattr(parley.commands.doctor, "examine", lambda settings: [check])
    result = command("doctor")
    assert result.exit_code == code
    assert "somehow" in result.stdout
    assert ("mend it" in result.stdout) is not ok


def test_doctor_examines_the_settings_it_is_given(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found: list[int] = []

    def examine(settings: Settings) -> list[Check]:
        found.append(settings.serving.port)
        return []

    monkeypatch.setattr(parley.commands.doctor, "examine", examine)
    (tmp_path / "p.toml").write_text("parley_port = 4321\n")
    assert command("doctor", "--config", "p.toml").exit_code == 0
    assert found == [4321]


def test_doctor_tells_bad_settings_before_it_looks(command: Command) -> None:
    result = command("doctor", STREAM_VAD_ENGINE="ears")
    assert result.exit_code == 2
    assert "STREAM_VAD_ENGINE" in result.stderr
