"""The page of memory that workers share."""

from __future__ import annotations

from pathlib import Path

import pytest

from parley.server.workers.board import SLOTS, Beats, Board, Standing


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "board"


def test_what_one_writes_another_reads(file: Path) -> None:
    mine, theirs = Board(file, make=True), Board(file)
    told = Standing(beat=3, ready=True, open=True, leaving=False, load=7, sessions=5)
    mine.write(2, told)
    mine.write(SLOTS - 1, Standing(leaving=True))
    assert theirs.read(2) == told
    assert dict(theirs) == {2: told, SLOTS - 1: Standing(leaving=True)}


def test_who_was_wiped_is_not_there(file: Path) -> None:
    board = Board(file, make=True)
    board.write(1, Standing(beat=9))
    board.wipe(1)
    assert board.read(1) is None
    assert dict(board) == {}


def test_a_page_is_made_once(file: Path) -> None:
    Board(file, make=True)
    with pytest.raises(FileExistsError):
        Board(file, make=True)


def test_a_beat_counts_up_to_where_it_begins_again(file: Path) -> None:
    board = Board(file, make=True)
    board.write(1, Standing(beat=2**32 + 4))
    assert board.read(1) == Standing(beat=4)


def test_a_worker_is_silent_from_where_its_beat_was_last_seen_to_change(file: Path) -> None:
    board, beats = Board(file, make=True), Beats()
    assert beats.silent_s(1, 100.0) == 0.0  # nobody has looked yet
    board.write(1, Standing(beat=1))
    beats.look(board, 100.0)
    beats.look(board, 101.0)
    assert beats.silent_s(1, 101.5) == 1.5
    board.write(1, Standing(beat=2))
    beats.look(board, 102.0)
    assert beats.silent_s(1, 102.0) == 0.0
    board.wipe(1)
    beats.look(board, 103.0)
    assert beats.silent_s(1, 110.0) == 0.0
