"""What servers share: small values by name, each with a time to live.

Keys are `parley:<kind>:<name>`. Whoever reads waits for as long as the store's deadline at most and
has to go on without an answer; who writes in the course of a conversation does so through
`behind.WriteBehind` and never waits. `MemoryStore` is the store of a server that is alone: what is
in it ends with the process.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import trio

from ..backoff import Backoff

PAUSES = Backoff(first_s=0.25, most_s=5.0, jitter=0.5)
"""Between attempts to reach it; no two servers come back at one moment."""
CALL_S = 0.5
"""The deadline of one call. What a person waits for must not be late by more."""
VALUE_MAX_BYTES = 1024 * 1024
"""One value. A conversation of an hour, as it is kept, is a tenth of it."""
MEMORY_MAX_VALUES = 100_000
MEMORY_MAX_BYTES = 64 * 1024 * 1024
"""Of a store in memory, keys and values together."""
LOOKED_AT = 8
"""How many of the values a write looks at, whether they are over, so that each costs the same."""


class StoreUnavailable(Exception):
    """The store did not do it: it is away, slow, full, or answers something else. The reason is in
    words that hold no secret. `sent`: the store may have done it nevertheless, only its answer did
    not come."""

    def __init__(self, why: str, *, sent: bool = True) -> None:
        super().__init__(why)
        self.sent = sent


class Store(Protocol):
    """Small values by name, each with a time to live.

    All raise StoreUnavailable within their deadline (CALL_S). `ttl_s` is in seconds, more than 0.
    """

    async def get(self, key: str) -> bytes | None: ...

    async def take(self, key: str) -> bytes | None:
        """Get and delete at once: of two who take, one gets it."""
        ...

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None: ...

    async def put_new(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        """False where there is a value already; it stays as it is."""
        ...

    async def delete(self, key: str) -> None: ...

    async def add(self, key: str, amount: float, *, ttl_s: float) -> float:
        """The sum by now; its time to live counts from the first amount."""
        ...

    async def find(self, prefix: str, *, most: int) -> dict[str, bytes]:
        """Those whose keys begin so, in no order; `most` of them at most."""
        ...


@dataclass(slots=True)
class _Kept:
    value: bytes
    until_s: float


class MemoryStore:
    """The store of one process. It is full at a number of values or of bytes and takes nothing new
    then, as a server does that must not throw anything away. Times are Trio's."""

    def __init__(
        self, *, max_values: int = MEMORY_MAX_VALUES, max_bytes: int = MEMORY_MAX_BYTES
    ) -> None:
        self._max_values = max_values
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, key: str) -> bytes | None:
        await trio.lowlevel.checkpoint()
        return self._get(key)

    async def take(self, key: str) -> bytes | None:
        await trio.lowlevel.checkpoint()
        value = self._get(key)
        self._forget(key)
        return value

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        await trio.lowlevel.checkpoint()
        self._put(key, value, trio.current_time() + ttl_s)

    async def put_new(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        await trio.lowlevel.checkpoint()
        if self._get(key) is not None:
            return False
        self._put(key, value, trio.current_time() + ttl_s)
        return True

    async def delete(self, key: str) -> None:
        await trio.lowlevel.checkpoint()
        self._forget(key)

    async def add(self, key: str, amount: float, *, ttl_s: float) -> float:
        await trio.lowlevel.checkpoint()
        before = self._get(key)
        until_s = self._kept[key].until_s if before is not None else trio.current_time() + ttl_s
        total = (number(before) if before is not None else 0.0) + amount
        self._put(key, repr(total).encode(), until_s)
        return total

    async def find(self, prefix: str, *, most: int) -> dict[str, bytes]:
        await trio.lowlevel.checkpoint()
        now_s = trio.current_time()
        found: dict[str, bytes] = {}
        for key, kept in self._kept.items():
            if len(found) >= most:
                break
            if key.startswith(prefix) and kept.until_s > now_s:
                found[key] = kept.value
        return found

    def _get(self, key: str) -> bytes | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.until_s <= trio.current_time():
            self._forget(key)
            return None
        return kept.value

    def _put(self, key: str, value: bytes, until_s: float) -> None:
        too_long(value)
        self._look_at(LOOKED_AT)
        if not self._has_room(key, value):
            self._look_at(len(self._kept))
            if not self._has_room(key, value):
                raise StoreUnavailable("the store in memory is full", sent=False)
        self._forget(key)
        self._kept[key] = _Kept(value, until_s)
        self._bytes += len(key) + len(value)

    def _has_room(self, key: str, value: bytes) -> bool:
        there = self._kept.get(key)
        more = 0 if there else 1
        length = len(value) - len(there.value) if there else len(key) + len(value)
        return (
            len(self._kept) + more <= self._max_values and self._bytes + length <= self._max_bytes
        )

    def _look_at(self, values: int) -> None:
        """Forget those that are over among the ones that were not looked at for longest."""
        now_s = trio.current_time()
        for _ in range(min(values, len(self._kept))):
            key = next(iter(self._kept))
            if self._kept[key].until_s <= now_s:
                self._forget(key)
            else:
                self._kept.move_to_end(key)

    def _forget(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= len(key) + len(kept.value)


def too_long(value: bytes) -> None:
    """Raises StoreUnavailable for a value that no store takes."""
    if len(value) > VALUE_MAX_BYTES:
        raise StoreUnavailable(
            f"a value of {len(value)} bytes is longer than the {VALUE_MAX_BYTES} that are kept",
            sent=False,
        )


def number(value: bytes) -> float:
    """A sum as it is kept. Raises StoreUnavailable for what is none."""
    try:
        total = float(value)
    except ValueError:
        raise StoreUnavailable("what is kept there is no sum", sent=False) from None
    if not math.isfinite(total):
        raise StoreUnavailable("what is kept there is no sum", sent=False)
    return total
