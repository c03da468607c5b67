"""The store in memory: what every store does, and its bounds, in virtual time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from parley.cluster.store import VALUE_MAX_BYTES, MemoryStore, StoreUnavailable


async def test_what_was_put_is_there_until_it_is_over(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    await store.put("parley:item:a", b"one", ttl_s=10)
    await trio.sleep(9.9)
    assert await store.get("parley:item:a") == b"one"
    await trio.sleep(0.2)
    assert await store.get("parley:item:a") is None


async def test_putting_again_is_another_value_and_another_time(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    await store.put("parley:item:a", b"one", ttl_s=10)
    await trio.sleep(9)
    await store.put("parley:item:a", b"two", ttl_s=10)
    await trio.sleep(9)
    assert await store.get("parley:item:a") == b"two"


async def test_of_two_who_take_one_gets_it() -> None:
    store = MemoryStore()
    await store.put("parley:ticket:a", b"one", ttl_s=10)
    got: list[bytes | None] = []

    async def take() -> None:
        got.append(await store.take("parley:ticket:a"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        nursery.start_soon(take)
    assert sorted(value or b"" for value in got) == [b"", b"one"]


async def test_put_new_is_the_first_one_s(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    assert await store.put_new("parley:key:a", b"one", ttl_s=10)
    assert not await store.put_new("parley:key:a", b"two", ttl_s=10)
    assert await store.get("parley:key:a") == b"one"
    await trio.sleep(11)
    assert await store.put_new("parley:key:a", b"two", ttl_s=10)


async def test_a_sum_lives_from_its_first_amount(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    assert await store.add("parley:used:a", 1.5, ttl_s=10) == 1.5
    await trio.sleep(6)
    assert await store.add("parley:used:a", 2, ttl_s=10) == 3.5
    await trio.sleep(6)
    assert await store.add("parley:used:a", 1, ttl_s=10) == 1


async def test_what_is_no_sum_is_said() -> None:
    store = MemoryStore()
    await store.put("parley:used:a", b"words", ttl_s=10)
    with pytest.raises(StoreUnavailable, match="no sum"):
        await store.add("parley:used:a", 1, ttl_s=10)


async def test_found_are_those_that_begin_so_and_are_not_over(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    await store.put("parley:node:a", b"1", ttl_s=5)
    await store.put("parley:node:b", b"2", ttl_s=20)
    await store.put("parley:session:a", b"3", ttl_s=20)
    await trio.sleep(6)
    assert await store.find("parley:node:", most=10) == {"parley:node:b": b"2"}
    assert len(await store.find("parley:", most=1)) == 1


async def test_what_was_deleted_is_gone_and_deleting_nothing_is_no_mistake() -> None:
    store = MemoryStore()
    await store.put("parley:item:a", b"one", ttl_s=10)
    await store.delete("parley:item:a")
    await store.delete("parley:item:a")
    assert await store.get("parley:item:a") is None


async def test_a_full_store_takes_nothing_new_and_keeps_what_it_has() -> None:
    store = MemoryStore(max_values=2)
    await store.put("a", b"1", ttl_s=10)
    await store.put("b", b"1", ttl_s=10)
    with pytest.raises(StoreUnavailable, match="full"):
        await store.put("c", b"1", ttl_s=10)
    await store.put("a", b"2", ttl_s=10)
    assert await store.get("a") == b"2"


async def test_a_store_is_full_by_bytes_too() -> None:
    store = MemoryStore(max_bytes=20)
    await store.put("a", b"x" * 19, ttl_s=10)
    with pytest.raises(StoreUnavailable, match="full"):
        await store.put("b", b"", ttl_s=10)
    await store.put("a", b"", ttl_s=10)
    await store.put("b", b"x" * 10, ttl_s=10)


async def test_what_is_over_makes_room(autojump_clock: MockClock) -> None:
    store = MemoryStore(max_values=100)
    for i in range(100):
        await store.put(f"a{i}", b"1", ttl_s=1)
    await trio.sleep(2)
    await store.put("b", b"1", ttl_s=10)
    assert len(store) < 100


async def test_a_value_that_no_store_takes_is_refused() -> None:
    store = MemoryStore()
    with pytest.raises(StoreUnavailable, match="longer"):
        await store.put("a", b"x" * (VALUE_MAX_BYTES + 1), ttl_s=1)
