"""What workers tell each other of the shares that their guests use."""

from __future__ import annotations

from pathlib import Path

import pytest

from parley.config import Settings
from parley.server.access.access import Access
from parley.server.access.guest import Guest
from parley.server.workers.board import Board
from parley.server.workers.handed import Handed
from parley.server.workers.link import BOARD, Link
from parley.server.workers.quotas import SharedQuotas, Spent, Told, Use
from parley.telemetry import Telemetry


def use(sessions: int = 0, *taken: float, name: str = "shop") -> Use:
    return Use("token", name, sessions, taken)


def test_one_that_is_new_is_told_of_conversations_and_not_of_what_was_used() -> None:
    told = Told()
    now = [use(2, 5.0, 100.0)]
    assert told.news(3, now) == [use(2, 0.0, 0.0)]


def test_then_only_what_has_changed_is_told() -> None:
    told = Told()
    told.heard(3, [use(2, 5.0, 100.0), use(0, 1.0, 1.0, name="other")])
    now = [use(2, 5.0, 130.0), use(0, 1.0, 1.0, name="other"), use(0, 7.0, 0.0, name="third")]
    assert told.news(3, now) == [use(2, 0.0, 30.0), use(0, 7.0, 0.0, name="third")]
    assert told.news(3, now) == [use(2, 0.0, 30.0), use(0, 7.0, 0.0, name="third")]  # not heard
    told.heard(3, now)
    assert told.news(3, now) == []
    assert told.news(3, [use(1, 5.0, 130.0)]) == [use(1, 0.0, 0.0)]


def test_limits_that_were_changed_begin_anew() -> None:
    told = Told()
    told.heard(3, [use(0, 500.0)])
    assert told.news(3, [use(0, 4.0)]) == [use(0, 4.0)]


def test_one_that_has_gone_and_come_again_is_new() -> None:
    told = Told()
    told.heard(3, [use(1, 5.0)])
    told.forget_all_but([4])
    assert told.news(3, [use(1, 6.0)]) == [use(1, 0.0)]


@pytest.fixture
def worker(tmp_path: Path) -> SharedQuotas:
    Board(tmp_path / BOARD, make=True)
    handed = Handed(
        worker=1, workers=2, cores=1, folder=str(tmp_path), listeners=[], life=-1, key=b"k"
    )
    settings = Settings.defaults(parley_address_sessions=3, parley_address_requests=10)
    return SharedQuotas(Link(handed, Board(tmp_path / BOARD)), Access(settings, Telemetry()))


def guest(quotas: SharedQuotas, address: str = "192.0.2.7") -> Guest:
    meter = quotas._access.meter_of("address", address)
    assert meter is not None
    return Guest(address=address, meters=[meter])


async def test_a_share_is_one_for_all_workers(worker: SharedQuotas) -> None:
    here = guest(worker)
    (meter,) = here.meters
    told = Use("address", "192.0.2.7", 2, (0.0, 0.0, 0.0, 0.0, 10.0))
    worker.take(Spent(2, [told]))
    assert meter.all_sessions == 2
    assert meter.exhausted(0.0) is not None
    with here.conversation():
        assert meter.full
        # What others told is not told on.
        (own,) = worker.uses()
        assert own == Use("address", "192.0.2.7", 1, (0.0, 0.0, 0.0, 0.0, 0.0))
    worker.take(Spent(2, [Use("address", "192.0.2.7", 0, (0.0,) * 5)]))
    assert meter.all_sessions == 0


async def test_a_token_that_is_not_known_here_is_passed_over(worker: SharedQuotas) -> None:
    worker.take(Spent(2, [Use("token", "nobody", 1, (1.0,) * 5)]))
    assert worker.uses() == []


async def test_conversations_of_a_worker_that_has_gone_count_no_more(worker: SharedQuotas) -> None:
    (meter,) = guest(worker).meters
    worker.take(Spent(2, [Use("address", "192.0.2.7", 3, (0.0,) * 5)]))
    assert meter.full
    worker._forget_sessions_of_the_gone()
    assert not meter.full
