"""The demo with a stand-in server as a real child process."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from rich.console import Console

from parley.client import server_process as process_module
from parley.client.demo import demo
from parley.client.server_process import (
    ServerFailed,
    free_port,
    is_ready,
    parley_serve,
    server_process,
)
from support.stand_in import recording, wav

STAND_IN = Path(__file__).parents[1] / "support/stand_in.py"


def stand_in(*options: str) -> Callable[[int], list[str]]:
    return lambda port: [sys.executable, "-W", "error", str(STAND_IN), str(port), *options]


def failing(code: str) -> Callable[[int], list[str]]:
    return lambda port: [sys.executable, "-c", code]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "audio"
    folder.mkdir()
    for name in ("1-a", "2-b"):
        (folder / f"{name}.wav").write_bytes(wav(recording()))
    (folder / "words.txt").write_text("1-a.wav\tgo forward\n2-b.wav\tgo backward\n")
    return folder


async def run(folder: Path, command: Any, **options: Any) -> tuple[int, str, Path]:
    target = io.StringIO()
    out = folder.parent / "out"
    terminal = options.pop("terminal", False)
    console = Console(file=target, width=120, force_terminal=terminal, color_system=None)
    code = await demo(folder, out, speed=20.0, console=console, command=command, **options)
    return code, target.getvalue(), out


async def test_the_demo_speaks_measures_and_cleans_up(folder: Path) -> None:
    code, text, out = await run(folder, stand_in())
    assert code == 0
    assert "starting a server" in text
    assert "-- 2-b: go backward" in text
    assert "parley You said: go forward" in text
    assert "1/4 (25.0 %)" in text
    assert "the server ended with exit code 0" in text
    assert (out / "1-a.reply.wav").stat().st_size > 44
    numbers = json.loads((out / "demo.json").read_text())
    assert numbers["summary"]["answered"] == 2
    assert numbers["recordings"][1]["wer"] == 0.5
    assert numbers["speed"] == 20.0


async def test_on_a_terminal_a_spinner_turns_until_it_is_ready(folder: Path) -> None:
    code, text, _ = await run(folder, stand_in(), terminal=True)
    assert code == 0
    assert "starting a server" in text


async def test_no_reply_is_exit_code_1(folder: Path) -> None:
    code, text, out = await run(folder, stand_in("--mute"), reply_timeout_s=0.1)
    assert code == 1
    assert "no reply to: 1-a, 2-b" in text
    assert not list(out.glob("*.reply.wav"))


async def test_a_server_that_ends_badly_is_told_beside_the_numbers(folder: Path) -> None:
    code, text, out = await run(folder, stand_in("--exit-code", "3"))
    assert code == 2
    assert f"the server ended with exit code 3; see {out / 'server.log'}" in text
    assert (out / "demo.json").exists()


async def test_a_server_that_does_not_start_is_told(folder: Path) -> None:
    code, text, out = await run(folder, failing("import sys; sys.exit('no model')"))
    assert code == 2
    assert "ended with exit code 1 before it was ready" in text
    assert "no model" in (out / "server.log").read_text()


async def test_a_server_that_is_never_ready_is_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "READY_S", 0.6)
    code, text, _ = await run(folder, stand_in("--never-ready"))
    assert code == 2
    assert "was not ready within 1 s" in text


async def test_a_folder_without_recordings_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, text, _ = await run(tmp_path / "empty", stand_in())
    assert code == 2
    assert text == f"{tmp_path / 'empty'}: holds no *.wav\n"


async def test_a_server_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "END_S", 0.1)
    monkeypatch.setattr(process_module, "READY_S", 1.0)
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('up', flush=True); time.sleep(60)"
    )
    with pytest.raises(ServerFailed, match="was not ready"):
        async with server_process(tmp_path / "log", failing(deaf)):
            pass  # pragma: no cover


async def test_a_cancelled_demo_leaves_no_process(tmp_path: Path) -> None:
    with trio.CancelScope() as scope:
        async with server_process(tmp_path / "log", stand_in()) as server:
            assert server.exit_code is None
            scope.cancel()
            await trio.sleep_forever()
    assert server.exit_code == 0


async def test_nobody_listening_is_not_ready() -> None:
    assert not await is_ready(free_port())


def test_the_command_is_parleys_own() -> None:
    assert parley_serve(7)[1:] == ["-m", "parley", "serve", "--host", "127.0.0.1", "--port", "7"]
