"""Writes that nobody waits for: the newest value of each name, until the store has it.

Whoever keeps something as a conversation goes says so and goes on. One task writes; while the store
is away what is to be written waits, each name with its newest value. Names and bytes are bounded:
what has waited for longest is dropped for what is new, and counted.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import trio

from ..backoff import Attempts
from ..telemetry import Telemetry
from .store import PAUSES, Store, StoreUnavailable

MAX_NAMES = 20_000
MAX_BYTES = 64 * 1024 * 1024
"""Names and values that may wait, together."""
AT_ONCE = 8
"""Writes under way. On one connection they follow each other without waiting."""
LAST_S = 2.0
"""What is left is written in that time when the server stops, or not at all."""


@dataclass(frozen=True, slots=True)
class _Write:
    """`value` None: the name is to be deleted."""

    value: bytes | None
    until_s: float

    @property
    def size(self) -> int:
        return len(self.value) if self.value is not None else 0


class WriteBehind:
    """One per server; `run` has to be a child of its tree, `stop` lets it write what is left."""

    def __init__(
        self,
        store: Store,
        telemetry: Telemetry,
        *,
        max_names: int = MAX_NAMES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._store = store
        self._telemetry = telemetry
        self._max_names = max_names
        self._max_bytes = max_bytes
        self._pending: OrderedDict[str, _Write] = OrderedDict()
        self._bytes = 0
        self._news = trio.Event()
        self._stopping = False
        telemetry.gauge("store_waiting", "Values that wait to be written", lambda: len(self))

    def __len__(self) -> int:
        return len(self._pending)

    def keep(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Have it written soon. A value of the same name that still waits is never written."""
        self._add(key, _Write(value, trio.current_time() + ttl_s))

    def forget(self, key: str) -> None:
        """Have it deleted soon."""
        self._add(key, _Write(None, trio.current_time() + LAST_S + PAUSES.most_s))

    async def run(self) -> None:
        """Write for ever; after `stop` until nothing is left."""
        attempts = Attempts(PAUSES)
        while True:
            if not self._pending:
                if self._stopping:
                    return
                self._news = trio.Event()
                await self._news.wait()
                continue
            if await self._write_some():
                attempts.begin_again()
            else:
                await trio.sleep(attempts.next_s())

    def stop(self) -> None:
        self._stopping = True
        self._news.set()

    def at_the_end(self) -> None:
        """Where it was stopped, count as dropped what was not written; else that waits on."""
        if not self._stopping:
            return
        for _ in range(len(self._pending)):
            self._telemetry.dropped("store_not_written")
        self._pending.clear()
        self._bytes = 0

    def _add(self, key: str, write: _Write) -> None:
        there = self._pending.get(key)
        if there is not None:
            self._telemetry.count("store_overwritten")
            self._bytes -= there.size
        else:
            self._bytes += len(key)
        self._pending[key] = write
        self._bytes += write.size
        while len(self._pending) > self._max_names or self._bytes > self._max_bytes:
            self._remove(next(iter(self._pending)))
            self._telemetry.dropped("store_queue")
        self._news.set()

    def _remove(self, key: str) -> _Write:
        write = self._pending.pop(key)
        self._bytes -= len(key) + write.size
        return write

    async def _write_some(self) -> bool:
        """Whether the store took them all."""
        taken = [key for key, _ in zip(self._pending, range(AT_ONCE), strict=False)]
        batch = {key: self._remove(key) for key in taken}
        if len(batch) == 1:
            ((key, write),) = batch.items()
            return await self._write(key, write)
        async with trio.open_nursery() as nursery:
            done: list[bool] = []

            async def write_one(key: str, write: _Write) -> None:
                done.append(await self._write(key, write))

            for key, write in batch.items():
                nursery.start_soon(write_one, key, write)
        return all(done)

    async def _write(self, key: str, write: _Write) -> bool:
        """What the store does not take waits again, unless there is a newer value."""
        try:
            ttl_s = write.until_s - trio.current_time()
            if ttl_s <= 0:
                self._telemetry.dropped("store_too_late")
            elif write.value is None:
                await self._store.delete(key)
            else:
                await self._store.put(key, write.value, ttl_s=ttl_s)
        except StoreUnavailable:
            self._again(key, write)
            return False
        except trio.Cancelled:
            self._again(key, write)
            raise
        return True

    def _again(self, key: str, write: _Write) -> None:
        if key not in self._pending:
            self._pending[key] = write
            self._pending.move_to_end(key, last=False)
            self._bytes += len(key) + write.size
