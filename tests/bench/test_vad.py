"""Detectors on labelled audio: the labels, the scores, the command."""

from __future__ import annotations

import inspect
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from parley.audio.pcm import HEARING_RATE_HZ
from parley.audio.wav import wav_bytes
from parley.bench.scene import (
    EXAMPLES,
    MS,
    NOISES,
    Marks,
    Noise,
    mixed,
    runs,
    scene_of,
    speech_in,
)
from parley.bench.vad import DETECTORS
from parley.bench.vad_score import HANGOVER_MS, score
from parley.commands.app import app
from parley.commands.bench import vad as vad_command
from parley.engines.vad.energy import level_dbfs

SPANS = [(1000, 2000), (3000, 4000)]


def marked(*spans: tuple[int, int], length_ms: int = 5000) -> Marks:
    marks = np.zeros(length_ms, dtype=np.bool_)
    for start, end in spans:
        marks[start:end] = True
    return marks


def tone(milliseconds: int, amplitude: float = 0.3) -> bytes:
    wave = amplitude * np.sin(np.arange(milliseconds * MS) * 0.3)
    pcm16: bytes = (wave * 32767).astype("<i2").tobytes()
    return pcm16


def folder_of(tmp_path: Path, *pcm16: bytes) -> Path:
    for number, sound in enumerate(pcm16):
        (tmp_path / f"{number}.wav").write_bytes(wav_bytes(sound, HEARING_RATE_HZ))
    return tmp_path


def test_runs_are_where_marks_are() -> None:
    assert runs(marked((0, 3), (5, 10), length_ms=10)) == [(0, 3), (5, 10)]


def test_a_scene_has_sound_where_its_labels_say_and_nowhere_else() -> None:
    scene = scene_of([np.ones(500 * MS), np.ones(400 * MS)], seconds=5)
    loud = np.abs(scene.speech).reshape(-1, MS).max(axis=1) > 0
    assert runs(loud) == list(scene.spans)
    assert scene.seconds >= 5
    assert scene.spoken_s == sum(end - start for start, end in scene.spans) / 1000
    pauses = [b[0] - a[1] for a, b in zip(scene.spans, scene.spans[1:], strict=False)]
    assert all(600 <= pause <= 2000 for pause in pauses)


@pytest.mark.parametrize("noise", [n for n in NOISES if n.snr_db is not None], ids=str)
def test_a_noise_is_as_loud_as_it_should_be(noise: Noise) -> None:
    piece = np.sin(np.arange(700 * MS) * 0.3)
    silence = np.zeros(3000 * MS)
    assert noise.snr_db is not None
    assert level_dbfs(mixed(silence, noise, [piece])) == pytest.approx(-26 - noise.snr_db, abs=0.1)


def test_the_same_recordings_give_the_same_audio() -> None:
    pieces = speech_in(EXAMPLES)
    scene = scene_of(pieces, 1)
    babble = Noise("babble", 10)
    assert mixed(scene.speech, babble, pieces) == mixed(scene.speech, babble, pieces)


def test_speech_in_other_recordings_is_found_by_its_level(tmp_path: Path) -> None:
    quiet = tone(1000, 0.001)
    (found,) = speech_in(folder_of(tmp_path, quiet + tone(800) + quiet))
    assert len(found) / MS == pytest.approx(800, abs=40)


def test_recordings_without_speech_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no speech"):
        speech_in(folder_of(tmp_path, bytes(100)))


def test_who_is_always_right_scores_full() -> None:
    heard = [(start, end - HANGOVER_MS) for start, end in SPANS]
    found = score(marked(*heard), SPANS, frame_ms=20)
    assert (found.accuracy, found.recall, found.found, found.false_per_min) == (1, 1, 1, 0)
    assert (found.onset_ms, found.end_ms) == (20, 0)


def test_who_hears_nothing_has_no_delays() -> None:
    found = score(marked(), SPANS, frame_ms=20)
    assert (found.recall, found.found, found.onset_ms, found.end_ms) == (0, 0, None, None)


def test_utterances_that_run_together_are_lost() -> None:
    assert score(marked((900, 4200)), SPANS, frame_ms=20).found == 0


def test_a_stretch_of_noise_taken_for_speech_is_counted_and_a_click_is_not() -> None:
    found = score(marked((200, 300), (4500, 4530)), SPANS, frame_ms=20)
    assert found.false_per_min == pytest.approx(1 / (5 / 60))


def test_a_table_and_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "speech"
    folder.mkdir()
    shutil.copy(EXAMPLES / "3-timer.wav", folder)
    arguments = ["bench", "vad", "--audio", str(folder), "--seconds", "6"]
    arguments += ["--detectors", "energy, webrtc 2", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "accuracy" in done.output and "babble 10" in done.output
    written = json.loads((tmp_path / "vad.json").read_text())
    rows = {(row["noise"], row["snr_db"], row["detector"]): row for row in written["rows"]}
    assert len(rows) == len(NOISES) * 2
    assert rows["none", None, "energy"]["accuracy"] > 0.95
    assert rows["none", None, "energy"]["frame_us"] > 0
    assert written["parameters"]["utterances"] >= 2
    assert str(tmp_path) not in json.dumps(written)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--audio", "tests/bench"], "holds no *.wav"),
        (["--babble", "tests/bench"], "holds no *.wav"),
        (["--detectors", "ears"], "no detector 'ears'"),
    ],
)
def test_a_plan_that_cannot_work_is_one_line(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(app, ["bench", "vad", *arguments])
    assert done.exit_code == 1
    assert words in done.output
    assert "Traceback" not in done.output


def test_every_detector_is_measured_unless_some_are_named() -> None:
    default = inspect.signature(vad_command).parameters["detectors"].default
    assert default.split(",") == list(DETECTORS)
