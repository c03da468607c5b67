"""The page as a whole, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from parley.bench.result import Result, spread
from parley.commands.app import app

TIMES = spread([700.0, 800.0, 900.0])

TURN = {
    "turns": 3,
    "answered": 3,
    "words": 20,
    "word_errors": 1,
    "partial_lag_ms": spread([20.0, 30.0]),
    "first_partial_ms": TIMES,
    **{f"{name}_ms": TIMES for name in ("decided", "final", "first_token", "first_audio")},
    **{f"{name}_took_ms": TIMES for name in ("final", "first_token", "first_audio")},
    "waterfall": [{"stage": "silence is decided", "from_ms": 0, "to_ms": 700}],
    "each": [{"name": "1-weather", "words": 6, "word_errors": 0, "final_ms": 800.0}],
}
SESSIONS = {
    "sessions": 25,
    "lines": 100,
    "complete": 99,
    "gaps": 1,
    "core_per_session": 0.0061,
    "mb_per_session": 0.3,
    "frame_lag_ms": spread([1.0, 2.0, 3.0]),
    "audio_late_ms": spread([]),
}
VAD = {
    "noise": "babble",
    "snr_db": 5,
    "detector": "silero",
    "accuracy": 0.79,
    "recall": 1.0,
    "found": 0.22,
    "false_per_min": 1.4,
    "onset_ms": None,
    "end_ms": 500.0,
    "frame_us": 100.0,
    "frame_ms": 32,
}
ASR: list[dict[str, Any]] = [
    {"kind": "window", "model": "tiny", "tight_ms": TIMES, "stock_ms": TIMES, "ratio": 11.0},
    {"kind": "growth", "model": "base", "audio_s": 5, "partials_ms": 450.0},
    {"kind": "growth", "model": "base", "audio_s": 10, "partials_ms": 900.0},
    {"kind": "engine", "model": "pocketsphinx", "words": 90, "rtf": spread([0.1, 0.2])},
]
SAMPLES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "turn": ([TURN], ["A turn, stage by stage", "1-weather", "1 of 20 words were wrong"]),
    "sessions": ([SESSIONS, {**SESSIONS, "sessions": 50}], ["Cost of a session", "0.61", "99"]),
    "vad": ([VAD], ["Accuracy", "babble 5", "22%", "100 µs a frame of 32 ms"]),
    "asr": (ASR, ["Window", "Growth", "By length of audio", "real-time factor", "tiny · stock"]),
    "teapots": ([{"pot": "blue", "boil_ms": TIMES}], ["teapots", "Boil", "blue", "800 / 900"]),
}


def written(folder: Path, bench: str, rows: list[dict[str, Any]], **more: Any) -> Path:
    result = Result(
        bench=bench, when="2026-11-20T12:00:00+00:00", parameters={"passes": 2}, rows=rows, **more
    )
    path = folder / f"{bench}.json"
    result.write(path)
    return path


def report(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["bench", "report", *map(str, arguments)])
    assert "Traceback" not in done.output
    return done.exit_code, done.output


def page_of(tmp_path: Path, *files: Path) -> tuple[str, str]:
    """The page, and the text in it."""
    out = tmp_path / "out/page.html"
    code, output = report(*files, "--out", out)
    assert (code, output.splitlines()[-1]) == (0, f"written: {out}, of {len(files)} results")
    page = out.read_text(encoding="utf-8")
    tree = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))
    body = tree.find("body")
    assert body is not None
    return page, " ".join(body.itertext())


@pytest.mark.parametrize("bench", SAMPLES)
def test_every_bench_is_drawn(tmp_path: Path, bench: str) -> None:
    rows, expected = SAMPLES[bench]
    page, text = page_of(tmp_path, written(tmp_path, bench, rows))
    for words in [*expected, "passes", "2026-11-20 12:00:00 UTC", "Where it was measured"]:
        assert words.lower() in text.lower()
    assert "<svg" in page


@pytest.mark.parametrize("bench", SAMPLES)
def test_rows_with_nothing_to_draw_are_no_error(tmp_path: Path, bench: str) -> None:
    strange = {"sessions": "x", "noise": 1, "detector": [], "each": 3, "waterfall": [1, {}]}
    for rows in list[list[dict[str, Any]]]([[], [{}], [strange]]):
        page_of(tmp_path, written(tmp_path, bench, rows))


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    files = [written(tmp_path, bench, rows) for bench, (rows, _) in SAMPLES.items()]
    page, _ = page_of(tmp_path, *files)
    for reference in ("http:", "https:", "src=", "href=", "url(", "@import", "<script"):
        assert reference not in page
    assert "prefers-color-scheme: dark" in page


def test_words_from_a_file_are_only_words(tmp_path: Path) -> None:
    nasty = "<img onerror=alert(1)>\0\ud800"
    rows: list[dict[str, Any]] = [{nasty: nasty, "kind": nasty, "a_ms": TIMES}]
    path = tmp_path / "x.json"
    data = {
        **Result(bench=nasty, when=nasty, parameters={nasty: nasty}, rows=rows).as_json(),
        "notes": [nasty],
        "environment": {nasty: nasty, "packages": {nasty: nasty}},
    }
    path.write_text(json.dumps(data))
    page, text = page_of(tmp_path, path)
    assert "<img" not in page
    assert "<img onerror" in text


def test_a_folder_is_all_its_results_in_the_order_of_the_page(tmp_path: Path) -> None:
    for bench in ("vad", "teapots", "turn"):
        written(tmp_path, bench, SAMPLES[bench][0])
    out = tmp_path / "report.html"
    assert report(tmp_path, "--out", out)[0] == 0
    page = out.read_text()
    places = [
        page.index(f"<h2>{title}</h2>") for title in ("Turns", "Detectors of speech", "teapots")
    ]
    assert places == sorted(places)


def test_results_of_one_bench_are_told_apart_and_machines_too(tmp_path: Path) -> None:
    first = written(tmp_path, "vad", [VAD])
    other = tmp_path / "elsewhere.json"
    data = json.loads(first.read_text())
    data["environment"]["cpu"] = "Abacus"
    other.write_text(json.dumps(data))
    _, text = page_of(tmp_path, first, other)
    assert "Detectors of speech: vad" in text and "Detectors of speech: elsewhere" in text
    assert "Abacus, " in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ('{"rows": NaN}', "is not JSON (NaN is no number)"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is no result of parley bench"),
        ('{"recordings": []}', "is no result of parley bench"),
        (
            '{"bench":"turn","when":"","parley":"","parameters":{},"environment":{},"rows":[1]}',
            "is no result",
        ),
    ],
)
def test_a_foreign_file_is_one_line(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    out = tmp_path / "page.html"
    code, output = report(path, "--out", out)
    assert code == 2
    assert words in output
    assert len(output.splitlines()) == 1
    assert not out.exists()


def test_nothing_to_draw_is_one_line(tmp_path: Path) -> None:
    assert report(tmp_path)[1] == f"parley: {tmp_path}: holds no *.json\n"
    assert report(tmp_path / "none.json")[0] == 2
    (tmp_path / "x.json").write_bytes(b"\xff")
    assert "is not JSON" in report(tmp_path)[1]


def test_a_page_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    path = written(tmp_path, "vad", [VAD])
    (tmp_path / "folder").mkdir()
    code, output = report(path, "--out", tmp_path / "folder")
    assert code == 1
    assert "cannot be written" in output
