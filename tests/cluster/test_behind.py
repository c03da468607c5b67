"""Writes that nobody waits for, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

import trio
from trio.testing import MockClock

from parley.cluster.behind import WriteBehind
from parley.telemetry import Telemetry
from support.stores import FaultyStore


def drops(telemetry: Telemetry, edge: str) -> float:
    return telemetry.registry.get_sample_value("parley_drops_total", {"edge": edge}) or 0.0


def counted(telemetry: Telemetry, name: str) -> float:
    return telemetry.registry.get_sample_value(f"parley_{name}_total") or 0.0


async def until(true: Callable[[], bool]) -> None:
    with trio.fail_after(60):
        while not true():
            await trio.sleep(0.05)


async def test_what_is_kept_is_written_soon(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store, telemetry = FaultyStore(), Telemetry()
    behind = WriteBehind(store, telemetry)
    nursery.start_soon(behind.run)
    for i in range(20):
        behind.keep(f"parley:item:{i}", b"x", ttl_s=60)
    await until(lambda: len(store) == 20)
    behind.forget("parley:item:3")
    await until(lambda: len(store) == 19)
    assert len(behind) == 0


async def test_of_one_name_the_newest_value_alone_is_written(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store, telemetry = FaultyStore(away="it is away"), Telemetry()
    behind = WriteBehind(store, telemetry)
    nursery.start_soon(behind.run)
    for i in range(100):
        behind.keep("parley:item:a", str(i).encode(), ttl_s=60)
        await trio.sleep(0.1)
    assert len(behind) == 1
    store.away = None
    await until(lambda: len(behind) == 0)
    assert await store.get("parley:item:a") == b"99"
    assert counted(telemetry, "store_overwritten") == 99


async def test_a_newer_value_is_not_replaced_by_an_older_one_that_failed(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store, telemetry = FaultyStore(takes_s=0.4, away="it is away"), Telemetry()
    behind = WriteBehind(store, telemetry)
    nursery.start_soon(behind.run)
    behind.keep("parley:item:a", b"old", ttl_s=60)
    await trio.sleep(0.2)
    behind.keep("parley:item:a", b"new", ttl_s=60)
    await trio.sleep(0.3)
    store.away = None
    await until(lambda: len(behind) == 0)
    await trio.sleep(1)
    assert await store.get("parley:item:a") == b"new"


async def test_who_keeps_never_waits_and_what_is_lost_by_the_bound_is_counted(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store, telemetry = FaultyStore(away="it is away"), Telemetry()
    behind = WriteBehind(store, telemetry, max_names=10)
    nursery.start_soon(behind.run)
    began_s = trio.current_time()
    for i in range(25):
        behind.keep(f"parley:item:{i}", b"x", ttl_s=60)
    assert trio.current_time() == began_s
    assert len(behind) == 10
    assert drops(telemetry, "store_queue") == 15
    store.away = None
    await until(lambda: len(behind) == 0)
    assert set(await store.find("parley:item:", most=99)) == {
        f"parley:item:{i}" for i in range(15, 25)
    }


async def test_bytes_are_bounded_as_well(autojump_clock: MockClock) -> None:
    telemetry = Telemetry()
    behind = WriteBehind(FaultyStore(), telemetry, max_bytes=100)
    behind.keep("a", b"x" * 60, ttl_s=1)
    behind.keep("b", b"x" * 60, ttl_s=1)
    assert len(behind) == 1
    behind.keep("b", b"x" * 90, ttl_s=1)
    assert len(behind) == 1
    behind.keep("b", b"x" * 100, ttl_s=1)
    assert len(behind) == 0
    assert drops(telemetry, "store_queue") == 2


async def test_what_waited_for_longer_than_it_would_live_is_dropped(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store, telemetry = FaultyStore(away="it is away"), Telemetry()
    behind = WriteBehind(store, telemetry)
    nursery.start_soon(behind.run)
    behind.keep("parley:item:a", b"x", ttl_s=5)
    await trio.sleep(30)
    store.away = None
    await until(lambda: len(behind) == 0)
    assert len(store) == 0
    assert drops(telemetry, "store_too_late") == 1


async def test_what_is_left_is_written_before_it_ends(autojump_clock: MockClock) -> None:
    store, telemetry = FaultyStore(takes_s=0.1), Telemetry()
    behind = WriteBehind(store, telemetry)
    for i in range(30):
        behind.keep(f"parley:item:{i}", b"x", ttl_s=60)
    behind.stop()
    await behind.run()
    assert len(store) == 30


async def test_what_was_not_written_at_the_end_is_counted(autojump_clock: MockClock) -> None:
    store, telemetry = FaultyStore(away="it is away"), Telemetry()
    behind = WriteBehind(store, telemetry)
    behind.keep("parley:item:a", b"x", ttl_s=60)
    behind.stop()
    with trio.move_on_after(2):
        await behind.run()
    behind.at_the_end()
    assert len(behind) == 0
    assert drops(telemetry, "store_not_written") == 1
