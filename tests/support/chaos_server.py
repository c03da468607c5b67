"""A whole server as a process of its own in which things break at random, for the tests of it:

    python -c 'from support.chaos_server import main; main()' PORT PLAN

PLAN is JSON: {"seed": 1, "every_s": 0.1, "flaky": 0.01, "told": FILE}. Not `-m`: a worker that is
spawned loads the main module anew, and this one needs seconds of a processor.

Its engines answer at once; the voice works in lanes, whose workers are killed too. Every `every_s`
an actor of some session is crashed where it waits, or a lane's worker is killed; a share `flaky` of
what the model and the voice are asked fails. What was done stands in FILE, a line of JSON each.
The crashing is the test's own: nothing of it is in a server that is shipped.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TextIO

import trio

from parley.bench.instant import (
    MS_PER_CHARACTER,
    REPLY_RATE_HZ,
    InstantDetector,
    InstantResponder,
    InstantTranscriber,
)
from parley.embedding import OwnEngines, Settings, open_server
from parley.engines.failures import EngineFailure
from parley.engines.lanes.lane import Lane
from parley.engines.lanes.pool import LanePool, numbered_lanes
from parley.engines.lanes.supervisor import LanesSupervisor
from parley.engines.tts.interface import Speech
from parley.protocol.chat import ChatMessage

from .chaos_worker import make_sound, nothing
from .killing import Killed, actor_of

LANES = 2
LANE_SHARE = 0.05
"""Of all that is broken, so much is a lane's worker."""


@dataclass(frozen=True)
class Plan:
    seed: int
    every_s: float
    flaky: float
    told: str


@dataclass
class LaneVoice:
    """Speaks in a worker, at once."""

    pool: LanePool
    rng: random.Random
    flaky: float

    async def speak(self, text: str) -> Speech:
        if self.rng.random() < self.flaky:
            raise EngineFailure("the voice failed by chance")
        samples = REPLY_RATE_HZ * MS_PER_CHARACTER * len(text) // 1000
        pcm16 = await self.pool.pick().call(make_sound, samples)
        return Speech(pcm16=pcm16, rate_hz=REPLY_RATE_HZ)


@dataclass
class FlakyResponder(InstantResponder):
    rng: random.Random
    flaky: float

    def __post_init__(self) -> None:
        super().__init__()

    @asynccontextmanager
    async def reply(self, conversation: Sequence[ChatMessage]) -> AsyncIterator[AsyncIterator[str]]:
        if self.rng.random() < self.flaky:
            raise EngineFailure("the model failed by chance")
        if self.rng.random() < self.flaky:
            raise ZeroDivisionError("the model has a bug by chance")
        async with super().reply(conversation) as parts:
            yield parts


def all_tasks() -> Iterator[trio.lowlevel.Task]:
    """Every task of this run."""
    root = trio.lowlevel.current_root_task()
    waiting = [] if root is None else [root]
    while waiting:
        task = waiting.pop()
        yield task
        for nursery in task.child_nurseries:
            waiting += nursery.child_tasks


def _raise() -> NoReturn:
    raise Killed("by chance")


@dataclass
class Breaker:
    plan: Plan
    lanes: Sequence[Lane]
    out: TextIO
    rng: random.Random

    async def run(self) -> None:
        while self.plan.every_s:
            await trio.sleep(self.plan.every_s)
            if self.rng.random() < LANE_SHARE:
                self._break_lane()
            else:
                self._break_actor()

    def _break_lane(self) -> None:
        lane = self.rng.choice(self.lanes)
        if lane.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(lane.pid, self.rng.choice((signal.SIGKILL, signal.SIGTERM)))
                self._tell(session="", actor="lane")

    def _break_actor(self) -> None:
        found: dict[str, list[tuple[str, trio.lowlevel.Task]]] = defaultdict(list)
        for task in all_tasks():
            where = actor_of(task)
            if where is not None and task._abort_func is not None:
                found[where[0]].append((where[1], task))
        if not found:
            return
        session = self.rng.choice(sorted(found))
        by_actor = dict(found[session])  # one task of each
        actor = self.rng.choice(sorted(by_actor))
        self._tell(session=session, actor=actor)
        by_actor[actor]._attempt_abort(_raise)

    def _tell(self, **what: str) -> None:
        self.out.write(json.dumps({"at": round(trio.current_time(), 3), **what}) + "\n")
        self.out.flush()


async def serve(port: int, plan: Plan) -> None:
    rng = random.Random(plan.seed)
    lanes = numbered_lanes("voice", LANES, nothing)
    settings = Settings.defaults(
        ws_max_connections=500,
        stream_log_level="warning",
        stream_log_format="json",
        stream_partial_min_gap_ms=20,
        stream_drain_s=3,
        # What is asked here is what breaks, not what is let in: that depends on the machine.
        stream_max_cpu_share=0,
        stream_max_loop_lag_ms=0,
        parley_address_handshakes=0,
    )
    own = OwnEngines(
        detector=lambda session: InstantDetector(),
        transcriber=InstantTranscriber,
        responder=FlakyResponder(rng, plan.flaky),
        synthesizer=LaneVoice(LanePool(lanes), rng, plan.flaky),
    )
    with Path(plan.told).open("a") as out, trio.open_signal_receiver(signal.SIGTERM) as signals:  # noqa: ASYNC230
        async with trio.open_nursery() as nursery:
            await nursery.start(LanesSupervisor(lanes).run)
            async with open_server(settings, own=own, port=port):
                nursery.start_soon(Breaker(plan, lanes, out, rng).run)
                async for _ in signals:
                    break
            nursery.cancel_scope.cancel()


def main() -> None:
    given: dict[str, Any] = json.loads(sys.argv[2])
    trio.run(partial(serve, int(sys.argv[1]), Plan(**given)))
