"""The store that is a folder: what every store does, for several processes of one machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from parley.cluster import folder_store
from parley.cluster.folder_store import FolderStore
from parley.cluster.store import VALUE_MAX_BYTES, StoreUnavailable


class Clock:
    now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


async def test_what_one_puts_another_gets_until_it_is_over(tmp_path: Path) -> None:
    clock = Clock()
    one, other = (FolderStore(tmp_path / "kept", clock) for _ in range(2))
    await one.put("parley:item:a", b"one", ttl_s=10)
    await other.put("parley:item:b", b"", ttl_s=20)
    assert await other.get("parley:item:a") == b"one"
    assert await one.get("parley:item:b") == b""
    assert await one.find("parley:item:", most=9) == {"parley:item:a": b"one", "parley:item:b": b""}
    clock.now_ms += 10_000
    assert await one.get("parley:item:a") is None
    assert await other.find("parley:", most=9) == {"parley:item:b": b""}
    await one.delete("parley:item:b")
    await one.delete("parley:item:b")
    assert await other.get("parley:item:b") is None


async def test_of_two_who_take_or_come_first_it_is_one(tmp_path: Path) -> None:
    clock = Clock()
    one, other = (FolderStore(tmp_path, clock) for _ in range(2))
    assert await one.put_new("parley:claim:a", b"1", ttl_s=5)
    assert not await other.put_new("parley:claim:a", b"2", ttl_s=5)
    assert [await other.take("parley:claim:a"), await one.take("parley:claim:a")] == [b"1", None]
    assert await other.put_new("parley:claim:a", b"2", ttl_s=5)
    clock.now_ms += 6_000
    assert await one.put_new("parley:claim:a", b"3", ttl_s=5)


async def test_a_sum_lives_from_its_first_amount(tmp_path: Path) -> None:
    clock = Clock()
    store = FolderStore(tmp_path, clock)
    assert await store.add("parley:used:a", 1.5, ttl_s=10) == 1.5
    clock.now_ms += 6_000
    assert await store.add("parley:used:a", 2, ttl_s=10) == 3.5
    clock.now_ms += 6_000
    assert await store.add("parley:used:a", 1, ttl_s=10) == 1


async def test_many_who_write_at_once_leave_whole_values(tmp_path: Path) -> None:
    stores = [FolderStore(tmp_path, Clock()) for _ in range(4)]
    seen: set[bytes | None] = set()

    async def write(number: int) -> None:
        for _ in range(50):
            await stores[number].put("parley:item:a", b"%d" % number * 5000, ttl_s=10)
            seen.add(await stores[(number + 1) % 4].get("parley:item:a"))

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(write, number)
    assert seen <= {b"%d" % number * 5000 for number in range(4)}


async def test_what_is_over_is_swept_and_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_store, "SWEEP_EVERY", 1)
    monkeypatch.setattr(folder_store, "MOST_FILES", 3)
    clock = Clock()
    store = FolderStore(tmp_path, clock)
    for number in range(3):
        await store.put(f"parley:item:{number}", b"x", ttl_s=10)
    with pytest.raises(StoreUnavailable, match="as many as it may have"):
        await store.put("parley:item:3", b"x", ttl_s=10)
    clock.now_ms += 11_000
    await store.put("parley:item:4", b"x", ttl_s=10)
    assert len([name for name in os.listdir(tmp_path) if not name.startswith(".")]) == 1


async def test_what_the_system_refuses_is_told(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "kept", Clock())
    with pytest.raises(StoreUnavailable):
        await store.put("parley:item:a", bytes(VALUE_MAX_BYTES + 1), ttl_s=1)
    (tmp_path / "kept").rmdir()
    with pytest.raises(StoreUnavailable, match="No such file"):
        await store.put("parley:item:a", b"x", ttl_s=1)
    assert await store.get("parley:item:a") is None
    assert os.stat(tmp_path).st_mode
