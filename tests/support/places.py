"""Places of a pool without a network: how long each takes, and what becomes of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from parley.engines.failures import EngineFailure, EngineUnreachable
from parley.engines.pools.place import Place
from parley.engines.pools.pool import Pool


@dataclass(slots=True)
class Worker:
    """What is asked: it answers with its name after `takes_s`, or fails then."""

    name: str
    takes_s: float = 0.1
    failure: EngineFailure | None = None
    hidden: EngineFailure | None = None
    """What a look finds."""
    asked: int = 0
    left: int = 0
    """Requests that were ended from outside."""
    looks: int = 0

    async def work(self) -> str:
        self.asked += 1
        try:
            await trio.sleep(self.takes_s)
        except trio.Cancelled:
            self.left += 1
            raise
        if self.failure is not None:
            raise self.failure
        return self.name

    async def look(self) -> None:
        self.looks += 1
        await trio.lowlevel.checkpoint()
        if self.hidden is not None:
            raise self.hidden


async def work(worker: Worker) -> str:
    return await worker.work()


def pool_of(*workers: Worker, seed: int = 1) -> Pool[Worker]:
    places = [Place(kind="asr", name=one.name, engine=one, look=one.look) for one in workers]
    return Pool("asr", places, chance=random.Random(seed).random)


def gone(worker: Worker) -> None:
    """From now on nobody listens there."""
    worker.failure = worker.hidden = EngineUnreachable(f"the connection to {worker.name} failed")
    worker.takes_s = 0.001


def back(worker: Worker) -> None:
    worker.failure = worker.hidden = None
    worker.takes_s = 0.1


@dataclass(slots=True)
class Load:
    """Requests at a pool, one every `every_s`, as many as there are at the same time."""

    pool: Pool[Worker]
    every_s: float = 0.05
    took_s: list[float] = field(default_factory=list)
    """In the order in which they began."""
    failures: list[EngineFailure] = field(default_factory=list)

    async def run(self, seconds: float, *, limit_s: float = 10.0) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(round(seconds / self.every_s)):
                nursery.start_soon(self._one, len(self.took_s), limit_s)
                self.took_s.append(limit_s)
                await trio.sleep(self.every_s)

    async def _one(self, number: int, limit_s: float) -> None:
        began_s = trio.current_time()
        with trio.move_on_after(limit_s):
            try:
                await self.pool.ask(work)
            except EngineFailure as failure:
                self.failures.append(failure)
                return
            self.took_s[number] = trio.current_time() - began_s


def p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]
