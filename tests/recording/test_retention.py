"""Recordings are removed by age and by size, the oldest first, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parley.recording.recordings import file_name
from parley.recording.retention import DAY_S, NAME, prune

NOW_S = 1_790_000_000.0


def made(folder: Path, number: int, *, days: float, megabytes: int = 1) -> Path:
    path = folder / file_name(f"{number:012x}", int(NOW_S * 1000) + number * 1000)
    with path.open("wb") as file:
        file.truncate(megabytes * 1_000_000)
    os.utime(path, (NOW_S - days * DAY_S,) * 2)
    return path


def test_our_names_are_known_again() -> None:
    name = file_name("0123456789ab", 1_790_000_000_123)
    assert name == "20260921-141320-0123456789ab.mcap"
    assert NAME.fullmatch(name)


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    old, young = made(tmp_path, 1, days=31), made(tmp_path, 2, days=29)
    assert prune(tmp_path, now_s=NOW_S, keep_days=30, keep_mb=0) == [old]
    assert young.exists()


def test_the_oldest_go_until_the_rest_is_small_enough(tmp_path: Path) -> None:
    paths = [made(tmp_path, n, days=n, megabytes=4) for n in range(1, 6)]
    removed = prune(tmp_path, now_s=NOW_S, keep_days=0, keep_mb=10)
    assert removed == [paths[4], paths[3], paths[2]]


def test_0_keeps_all(tmp_path: Path) -> None:
    made(tmp_path, 1, days=4000)
    assert prune(tmp_path, now_s=NOW_S, keep_days=0, keep_mb=0) == []


def test_what_is_being_written_counts_and_stays(tmp_path: Path) -> None:
    oldest, next_one = made(tmp_path, 1, days=40, megabytes=9), made(tmp_path, 2, days=1)
    removed = prune(tmp_path, now_s=NOW_S, keep_days=30, keep_mb=5, busy={oldest})
    assert removed == [next_one]


def test_strangers_are_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("x")
    names = ["notes.txt", "a.mcap", "20200101-000000-0123456789ab.mcap.bak", "x" * 12 + ".mcap"]
    for name in names:
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "20200101-000000-00000000000a.mcap").symlink_to(target)
    (tmp_path / "20200101-000000-00000000000b.mcap").mkdir()
    assert prune(tmp_path, now_s=NOW_S, keep_days=1, keep_mb=1) == []
    assert target.exists()


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        prune(tmp_path / "none", now_s=NOW_S, keep_days=1, keep_mb=1)
