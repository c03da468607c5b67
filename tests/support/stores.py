"""A store in memory that can be away, or slow."""

from __future__ import annotations

import trio

from parley.cluster.store import MemoryStore, StoreUnavailable


class FaultyStore(MemoryStore):
    """`away`: why every call fails, None while none does; `takes_s`: how long each takes."""

    def __init__(self, *, away: str | None = None, takes_s: float = 0.0) -> None:
        super().__init__()
        self.away = away
        self.takes_s = takes_s
        self.calls = 0

    async def get(self, key: str) -> bytes | None:
        await self._work()
        return await super().get(key)

    async def take(self, key: str) -> bytes | None:
        await self._work()
        return await super().take(key)

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        await self._work()
        await super().put(key, value, ttl_s=ttl_s)

    async def put_new(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        await self._work()
        return await super().put_new(key, value, ttl_s=ttl_s)

    async def delete(self, key: str) -> None:
        await self._work()
        await super().delete(key)

    async def add(self, key: str, amount: float, *, ttl_s: float) -> float:
        await self._work()
        return await super().add(key, amount, ttl_s=ttl_s)

    async def find(self, prefix: str, *, most: int) -> dict[str, bytes]:
        await self._work()
        return await super().find(prefix, most=most)

    async def _work(self) -> None:
        self.calls += 1
        if self.takes_s:
            await trio.sleep(self.takes_s)
        if self.away is not None:
            raise StoreUnavailable(self.away)
