"""The measurement itself, small: a server process, sockets, callers in all dialects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from parley.commands.app import app


@pytest.mark.long
@pytest.mark.slow
def test_it_measures_a_server_of_its_own_and_writes_what_it_found(tmp_path: Path) -> None:
    arguments = [
        "bench",
        "sessions",
        "--sessions",
        "3",
        "--seconds",
        "7",
        "--settle",
        "1",
        "--profile",
    ]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "cores, per session" in done.output
    (row,) = json.loads((tmp_path / "sessions.json").read_text())["rows"]
    assert row["complete"] == row["lines"] >= 2
    assert row["wrong_finals"] == row["failures"] == 0
    assert row["frame_lag_ms"]["count"] > 20
    assert 0 < row["core_per_session"] < 1
    assert "parley.actors" in row["time_shares"]


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sessions", "ten"], "no list of counts"),
        (["--sessions", "0"], "no list of counts"),
        (["--engines", "warp"], "instant or real"),
        (["--dialects", "klingon"], "no dialect 'klingon'"),
        (["--engines", "real", "--profile"], "can be profiled"),
        (["--engines", "real", "--recordings", "tests/bench"], "holds no"),
    ],
)
def test_a_plan_that_cannot_work_is_one_line(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(app, ["bench", "sessions", *arguments])
    assert done.exit_code in (1, 2)
    assert words in done.output
    assert "Traceback" not in done.output
