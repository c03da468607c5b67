"""Shares of tokens over several servers, in virtual time."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from parley.cluster.behind import WriteBehind
from parley.config import Limits
from parley.engines.spending import Unit
from parley.server.access.limits import HOUR_S, Meter
from parley.server.access.meters import Meters
from parley.server.access.shared_meters import SharedMeters
from parley.server.access.tokens import Token
from parley.telemetry import Telemetry
from support.stores import FaultyStore

SHARE = 3600.0
"""Seconds of audio by the hour: one a second comes back."""
LIMITS = Limits(audio_s_per_hour=SHARE, sessions=3)


class One:
    """One server's count of the token `kiosk`."""

    def __init__(self, store: FaultyStore, nursery: trio.Nursery, name: str) -> None:
        telemetry = Telemetry()
        behind = WriteBehind(store, telemetry)
        meters = Meters(Limits())
        token = Token(name="kiosk", digest=b"", limits=LIMITS)
        self.meter: Meter = meters.of_token(token)
        nursery.start_soon(behind.run)
        nursery.start_soon(SharedMeters(meters, store, behind, name, telemetry).run)

    def use(self, amount: float) -> None:
        self.meter.spend(Unit.AUDIO, amount, trio.current_time())

    @property
    def taken(self) -> float:
        return self.meter.missing(trio.current_time())[Unit.AUDIO]


async def test_what_one_uses_counts_at_all_within_two_seconds(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a, b = One(store, nursery, "a"), One(store, nursery, "b")
    a.meter.sessions = b.meter.sessions = 1
    a.use(100)
    b.use(50)
    await trio.sleep(4)
    assert 140 < a.taken < 150
    assert 140 < b.taken < 150
    a.use(1000)
    await trio.sleep(2.1)
    assert 1130 < b.taken < 1150


async def test_nothing_is_counted_twice(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    store = FaultyStore()
    a, b = One(store, nursery, "a"), One(store, nursery, "b")
    for _ in range(300):
        a.use(2)
        b.use(3)
        await trio.sleep(1)
    for one in (a, b):
        assert abs(one.taken - 300 * (2 + 3 - 1)) < 20


async def test_a_server_that_comes_later_knows_what_is_missing(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a = One(store, nursery, "a")
    a.use(3000)
    await trio.sleep(30)
    b = One(store, nursery, "b")
    assert b.taken == 0
    b.use(1)
    await trio.sleep(1.5)
    assert abs(b.taken - a.taken) < 40


async def test_who_used_nothing_for_long_does_not_find_old_uses(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a, b = One(store, nursery, "a"), One(store, nursery, "b")
    b.use(1)
    await trio.sleep(2)
    for _ in range(6):
        a.use(1500)
        await trio.sleep(1500)
    await trio.sleep(HOUR_S)
    b.use(1)
    await trio.sleep(2)
    assert b.taken < 5


async def test_a_full_share_is_used_up_on_all(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a, b = One(store, nursery, "a"), One(store, nursery, "b")
    a.use(1)
    b.use(1)
    await trio.sleep(2)
    a.use(SHARE + 1000)
    b.meter.sessions = 1
    await trio.sleep(3.5)
    assert a.meter.exhausted(trio.current_time()) is not None
    assert b.meter.exhausted(trio.current_time()) is not None


async def test_while_the_store_is_away_each_counts_alone(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a, b = One(store, nursery, "a"), One(store, nursery, "b")
    a.use(10)
    b.use(10)
    await trio.sleep(2)
    store.away = "it is away"
    a.use(500)
    await trio.sleep(5)
    assert a.taken > 490
    assert b.taken < 20
    store.away = None
    await trio.sleep(3)
    assert a.taken > 490


async def test_conversations_at_once_are_counted_over_all(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a, b = One(store, nursery, "a"), One(store, nursery, "b")
    a.meter.sessions = 2
    b.meter.sessions = 1
    await trio.sleep(2.1)
    assert a.meter.full
    assert b.meter.full
    a.meter.sessions = 0
    await trio.sleep(2.1)
    assert not b.meter.full


async def test_conversations_of_a_dead_server_are_forgotten(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    b = One(store, nursery, "b")
    await store.put("parley:held:dead", b'{"kiosk":3}', ttl_s=10)
    await store.put("parley:held:odd", b"garbage", ttl_s=10)
    await trio.sleep(2)
    assert b.meter.full
    await trio.sleep(10)
    assert not b.meter.full


async def test_conversations_elsewhere_are_forgotten_when_the_store_is_away_for_long(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    b = One(store, nursery, "b")
    await store.put("parley:held:a", b'{"kiosk":3}', ttl_s=1000)
    await trio.sleep(2)
    store.away = "it is away"
    await trio.sleep(5)
    assert b.meter.full
    await trio.sleep(10)
    assert not b.meter.full
