"""The folder that workers share, and the tickets that were used."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from parley.cluster.shared_key import SharedKey
from parley.server.access.tickets import NoTicket, Ticket, Tickets
from parley.server.bound import CannotListen
from parley.server.workers.private_folder import PREFIX, private_folder, remove_left_behind
from parley.server.workers.used_once import FOLDER, KEPT_S, UsedOnce, remove_old

NOW_S = 2_000_000_000.0
"""Long after the files of a test are made."""


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


def test_it_is_private_and_gone_at_the_end(short: Path) -> None:
    with private_folder(NOW_S, short) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "1.sock").touch()
    assert list(short.iterdir()) == []


def test_what_a_killed_server_left_is_removed_and_what_is_in_use_stays(short: Path) -> None:
    left = short / f"{PREFIX}left"
    left.mkdir()
    (left / "board").touch()
    (short / "other").mkdir()
    with private_folder(NOW_S, short) as folder:
        assert not left.exists()
        assert remove_left_behind(short, NOW_S) == 0
        assert folder.exists()
    assert [path.name for path in short.iterdir()] == ["other"]


def test_one_that_has_just_been_made_stays(short: Path) -> None:
    made = short / f"{PREFIX}made"
    made.mkdir()
    assert remove_left_behind(short, made.stat().st_mtime + 1) == 0
    assert made.exists()


def test_a_name_too_long_for_sockets_is_one_line(short: Path) -> None:
    long = short / ("x" * 90)
    long.mkdir()
    with pytest.raises(CannotListen, match="set TMPDIR"), private_folder(NOW_S, long):
        pass
    assert list(long.iterdir()) == []


def test_no_folder_is_one_line(short: Path) -> None:
    with (
        pytest.raises(CannotListen, match="workers need a temporary folder"),
        private_folder(NOW_S, short / "nowhere"),
    ):
        pass


def test_a_ticket_lets_in_once_whichever_process_takes_it(tmp_path: Path) -> None:
    one, other = (Tickets(SharedKey(SecretStr("key")), UsedOnce(tmp_path).first) for _ in range(2))
    made = one.make(Ticket(name="shop"), now_s=100)
    assert other.take(made, now_s=101).name == "shop"
    with pytest.raises(NoTicket, match="used before"):
        one.take(made, now_s=102)


def test_where_it_cannot_be_noted_a_ticket_lets_nobody_in(tmp_path: Path) -> None:
    tickets = Tickets(SharedKey(SecretStr("key")), UsedOnce(tmp_path / "gone").first)
    with pytest.raises(NoTicket):
        tickets.take(tickets.make(Ticket(name="shop"), now_s=100), now_s=101)


def test_what_is_over_is_removed(tmp_path: Path) -> None:
    used = tmp_path / FOLDER
    used.mkdir()
    once = UsedOnce(used)
    assert once.first("old")
    (old,) = used.iterdir()
    os.utime(old, (1000, 1000))
    assert once.first("new")
    remove_old(used, 1001 + KEPT_S)
    assert once.first("old")
    assert not once.first("new")
