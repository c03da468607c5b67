"""Stages of a turn: what is made of what a client heard, and one small measurement."""

from __future__ import annotations

import json
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from parley.bench import turn as turn_module
from parley.bench.turn import ACCOUNT, STAGES, Plan, bench_turn, row_of_turns
from parley.client.incoming import Final, Finalizing, Incoming, Metrics, Partial, Phrase, Token
from parley.client.recording import Recording
from parley.client.server_process import ServerFailed
from parley.client.utterance import Heard, SentLog, Utterance
from parley.commands.app import app
from parley.config import Settings

EXAMPLES = Path("examples/audio")


def turn_of(*told: tuple[float, Incoming]) -> tuple[Recording, Utterance]:
    """Speech from 0.3 to 1 s, sent in chunks of 100 ms on the dot; messages by their second."""
    sent = SentLog(16_000)
    for chunk in range(30):
        sent.add(1600, chunk / 10)
    heard = [Heard(at, message) for at, message in told]
    utterance = Utterance(name="a", sent=sent, onset_ms=300, last_ms=1000, heard=heard)
    return Recording(name="a", pcm16=b"", spoken="go forward"), utterance


def whole(later_s: float = 0.0) -> tuple[Recording, Utterance]:
    return turn_of(
        (0.5, Partial(text="go", audio_ms=400)),
        (1.6 + later_s, Finalizing()),
        (1.7 + later_s, Final(text="go forth")),
        (1.7 + later_s, Metrics(event="decode", rtf=0.2)),
        (1.75 + later_s, Token(text="Yes")),
        (1.8 + later_s, Phrase(seq=0, audio_b64=b"")),
    )


def test_stages_are_told_from_the_last_speech_sample_and_from_each_other() -> None:
    row = row_of_turns([whole()])
    marks = [row[key].median for _, key in STAGES]
    assert marks == pytest.approx([700, 800, 850, 900])  # the last speech sample left at 0.9 s
    took = [row[f"{name}_took_ms"].median for name in ("final", "first_token", "first_audio")]
    assert took == pytest.approx([100, 50, 50])
    assert row["first_partial_ms"].median == pytest.approx(300)
    assert row["partial_lag_ms"].median == pytest.approx(200)
    assert row["decode_rtf"].median == 0.2
    assert (row["turns"], row["answered"], row["words"], row["word_errors"]) == (1, 1, 2, 1)


def test_the_waterfall_has_no_gaps_and_ends_where_the_reply_is_heard() -> None:
    row = row_of_turns([whole(), whole(0.1), whole(0.3)])
    stages = row["waterfall"]
    assert [stage["stage"] for stage in stages] == [name for name, _ in STAGES]
    assert stages[0]["from_ms"] == 0
    assert all(a["to_ms"] == b["from_ms"] for a, b in pairwise(stages))
    assert stages[-1]["to_ms"] == row["first_audio_ms"].median == pytest.approx(1000)


def test_a_turn_without_an_answer_counts_and_has_no_times() -> None:
    row = row_of_turns([turn_of((0.5, Partial(text="go")))])
    assert (row["turns"], row["answered"], row["waterfall"]) == (1, 0, [])
    assert row["final_ms"].count == 0
    assert row["each"][0]["final_ms"] is None


def test_a_result_names_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "vad": "x",
        "turn": "text",
        "asr": "whisper (/home/ann/tiny)",
        "llm": "local",
        "tts": "piper C:\\v\\amy",
    }
    monkeypatch.setattr(turn_module, "choices", lambda settings: told)
    found = turn_module.engines_of(Settings.defaults())
    assert (found["asr"], found["tts"]) == ("whisper (tiny)", "piper amy")
    assert (found["vad"], found["silence_ms"]) == ("silero", 700)


@pytest.mark.long
@pytest.mark.slow
def test_it_measures_a_server_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_TURN_ENGINE", "fixed")
    folder = tmp_path / "audio"
    folder.mkdir()
    shutil.copy(EXAMPLES / "1-weather.wav", folder)
    (folder / "words.txt").write_text("1-weather.wav\twhat is the weather like today\n")
    arguments = ["bench", "turn", "--recordings", str(folder), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "1 of 1 turns answered" in done.output
    written = json.loads((tmp_path / "out/turn.json").read_text())
    (row,) = written["rows"]
    assert row["first_audio_ms"]["median"] >= row["final_ms"]["median"] > 500
    assert len(row["waterfall"]) == len(ACCOUNT)
    assert (row["words"], row["word_errors"]) == (6, 0)
    assert written["parameters"]["asr"]
    assert str(tmp_path) not in json.dumps(written)


async def test_a_server_that_does_not_come_up_leaves_its_log(tmp_path: Path) -> None:
    log = tmp_path / "new/server.log"
    plan = Plan(
        log=log, command=lambda port: [sys.executable, "-c", "print('no'); raise SystemExit(3)"]
    )
    with pytest.raises(ServerFailed, match="exit code 3"):
        await bench_turn(plan, Settings.defaults(), Console(quiet=True))
    assert log.read_text() == "no\n"


def test_a_folder_without_recordings_is_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["bench", "turn", "--recordings", str(tmp_path)])
    assert done.exit_code == 1
    assert "holds no *.wav" in done.output


def test_settings_that_cannot_be_are_a_mistake_of_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STREAM_VAD_SILENCE_MS", "never")
    done = CliRunner().invoke(app, ["bench", "turn"])
    assert done.exit_code == 2
    assert "Traceback" not in done.output
