"""What each worker gets of the engines and of the cores."""

from __future__ import annotations

from pathlib import Path

import pytest

from parley.config import Settings
from parley.cores import SHARE, share_of, take_share, usable
from parley.server.workers.shares import cores_each, shared_out, told, workers_wanted


@pytest.mark.parametrize(
    ("lanes", "workers", "each"), [(2, 2, 1), (8, 2, 4), (8, 3, 2), (2, 4, 1), (1, 2, 1)]
)
def test_lanes_are_shared_out_and_each_has_one(lanes: int, workers: int, each: int) -> None:
    settings = Settings.defaults(stream_asr_lanes=lanes, stream_tts_thread_workers=lanes)
    part = shared_out(settings, workers)
    assert (part.stream_asr_lanes, part.stream_tts_thread_workers) == (each, each)
    assert settings.stream_asr_lanes == lanes


@pytest.mark.parametrize(("wanted", "cores", "expected"), [(0, 8, 8), (3, 8, 3), (1, 8, 1)])
def test_how_many_there_are_to_be(wanted: int, cores: int, expected: int) -> None:
    assert workers_wanted(wanted, cores) == expected


@pytest.mark.parametrize(("cores", "workers", "each"), [(8, 4, 2), (2, 4, 1), (7, 2, 3)])
def test_the_cores_of_each(cores: int, workers: int, each: int) -> None:
    assert cores_each(cores, workers) == each


def test_people_are_told_what_each_has() -> None:
    settings = Settings.defaults(stream_asr_lanes=4, stream_tts_thread_workers=2)
    assert told(settings, 2, 4) == (
        "2 processes on 4 cores; each has 2 lanes to hear with and 1 voice process"
    )


def test_a_share_of_the_cores_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SHARE, raising=False)
    assert share_of(8) == 8
    assert share_of(None) == 1
    monkeypatch.setenv(SHARE, "")
    take_share(2)
    assert share_of(8) == 2
    assert share_of(1) == 1
    monkeypatch.setenv(SHARE, "many")
    assert share_of(8) == 8


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", None), ("100000 100000", 1), ("1000 100000", 1)]
)
def test_a_containers_limit_counts(quota: str, expected: int | None, tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert usable(file) == (expected or usable(tmp_path / "none"))
