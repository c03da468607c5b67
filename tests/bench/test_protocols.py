"""The wait for an answer in each protocol: the measurement, small, and its figures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from parley.bench.protocols import Said, later, row_of
from parley.client.recording import Recording
from parley.commands.app import app
from support.stand_in import recording

EXAMPLE = Path(__file__).parents[2] / "examples/audio/1-weather.wav"


def turn(audio_s: float | None, words: str = "go forward") -> tuple[Recording, Said]:
    """300 ms of silence, half a second of speech; frames of 20 ms left at their time."""
    said = Said(sent_s=[n * 0.02 for n in range(75)], final_s=1.2, words=words, audio_s=audio_s)
    return Recording(name="a", pcm16=recording(), spoken="Go forward."), said


def test_times_count_from_the_frame_with_the_last_sample_of_speech() -> None:
    row = row_of("newspeech", [turn(1.38), turn(None, "go")])
    # That frame is the 40th, and left at 0.78 s.
    assert row["first_audio_ms"].median == pytest.approx(600)
    assert row["final_ms"].median == pytest.approx(420)
    assert (row["turns"], row["answered"], row["wrong_finals"]) == (2, 1, 1)
    assert [one["first_audio_ms"] for one in row["each"]] == [pytest.approx(600), None]


def test_turns_are_compared_one_by_one() -> None:
    found = later([turn(1.0), turn(2.0), turn(1.0)], [turn(1.01), turn(None), turn(1.02)])
    assert found.count == 2
    assert found.most == pytest.approx(20)


def test_a_protocol_that_is_none_is_one_line() -> None:
    done = CliRunner().invoke(app, ["bench", "protocols", "--dialects", "klingon"])
    assert done.exit_code == 1
    assert "no dialect 'klingon'" in done.output


@pytest.mark.long
@pytest.mark.slow
def test_it_measures_a_server_of_its_own_and_writes_what_it_found(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE, tmp_path)
    arguments = ["bench", "protocols", "--passes", "1", "--recordings", str(tmp_path)]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "protocols.json").read_text())["rows"]
    assert [row["protocol"] for row in rows] == ["newspeech", "realtime"]
    assert all(row["answered"] == row["turns"] == 1 for row in rows)
    assert all(row["failures"] == [] for row in rows)
    assert all(row["first_audio_ms"]["median"] > 100 for row in rows)
