"""`parley demo --telephone`: a server process, a socket, and a carrier that is made up."""

from __future__ import annotations

import io
import shutil
import sys
import wave
from pathlib import Path

import pytest
from rich.console import Console

from parley.client.demo import EXAMPLES
from parley.testing.carrier.demo import demo_telephone

pytestmark = pytest.mark.slow


def instant(port: int) -> list[str]:
    return [sys.executable, "-m", "parley.bench.instant_server", str(port)]


def said(console: Console) -> str:
    return console.export_text()


@pytest.mark.long
async def test_a_call_is_held_and_both_of_its_sides_are_kept(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    shutil.copy(EXAMPLES / "1-weather.wav", folder)
    console = Console(record=True, width=160, file=io.StringIO())
    assert await demo_telephone(folder, out, console=console, command=instant) == 0
    told = said(console)
    assert "(presses 4 2 #)" in told
    assert "talked over: silent" in told
    assert "would refuse" not in told
    with wave.open(str(out / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        assert file.getnframes() > 5 * 8000


@pytest.mark.parametrize(
    ("service", "folder", "words"),
    [
        ("audiosocket", EXAMPLES, "over TCP"),
        ("nobody", EXAMPLES, "nobody"),
        ("twilio", Path("no-such-folder"), "no-such-folder"),
    ],
)
async def test_what_cannot_be_is_one_line(
    service: str, folder: Path, words: str, tmp_path: Path
) -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    done = await demo_telephone(folder, tmp_path / "out", service, console, command=instant)
    assert done == 2
    assert words in said(console)
