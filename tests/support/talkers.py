"""Clients of a live server in which things break: they talk, are answered, and when they are lost
they come again at once."""

from __future__ import annotations

import functools
import json
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
import trio

from parley.bench.caller import Caller, Notes
from parley.bench.lines import numbered_line
from parley.bench.tongues import TONGUES
from parley.client.server_process import ServerProcess, server_process
from parley.client.wire import open_wire

TESTS = Path(__file__).resolve().parents[1]
FRAME_MS = 100
LINE_FRAMES = (4, 12)
END_SESSION = {"sender", "dialogue", "turn"}
"""Whose crash ends a session; see `killed_scene`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """What a server has broken so far."""

    counts: Counter[str]

    @property
    def sessions(self) -> int:
        """How many sessions may have been lost by that."""
        return sum(self.counts[actor] for actor in END_SESSION)


@dataclass
class ChaosServer:
    process: ServerProcess
    told: Path

    @property
    def port(self) -> int:
        return self.process.port

    def broken(self) -> Broken:
        lines = self.told.read_text().splitlines()
        return Broken(counts=Counter(json.loads(line)["actor"] for line in lines))

    def footprint(self) -> tuple[float, int, int]:
        """Megabytes, descriptors and threads."""
        process = psutil.Process(self.process.pid)
        return process.memory_info().rss / 2**20, process.num_fds(), process.num_threads()


@asynccontextmanager
async def chaos_server(
    folder: Path, *, seed: int, every_s: float, flaky: float = 0.0
) -> AsyncIterator[ChaosServer]:
    """A process of its own; see `chaos_server`."""
    told = folder / "broken.jsonl"
    told.touch()
    plan = {"seed": seed, "every_s": every_s, "flaky": flaky, "told": str(told)}

    def command(port: int) -> Sequence[str]:
        return [sys.executable, "-m", "support.chaos_server", str(port), json.dumps(plan)]

    environ = MappingProxyType({"PYTHONPATH": str(TESTS)})
    async with server_process(folder / "server.log", command, environ) as process:
        yield ChaosServer(process, told)


@dataclass
class Talker:
    """One client who talks for as long as it may; `losses` says how each of its sessions ended."""

    number: int
    port: int
    rng: random.Random
    dialect: str
    notes: Notes = field(default_factory=Notes)
    losses: list[str] = field(default_factory=list)
    came_again_s: list[float] = field(default_factory=list)
    """From the end of a session to the greeting of the next."""
    stops: bool = False

    async def run(self) -> None:
        ended_s: float | None = None
        while not self.stops:
            caller = self._caller()
            await caller.run()
            if ended_s is not None and caller.notes.ready_s:
                self.came_again_s.append(trio.current_time() - ended_s - self._lived(caller))
            self.notes.add(caller.notes)
            self.losses += caller.notes.failures[-1:]
            ended_s = trio.current_time()

    @staticmethod
    def _lived(caller: Caller) -> float:
        """How long a session lived behind its greeting."""
        return trio.current_time() - caller.began_s - caller.notes.ready_s[0]

    def _caller(self) -> TimedCaller:
        tongue = TONGUES[self.dialect]()
        line = functools.partial(
            numbered_line, self.number, rate_hz=tongue.rate_hz, frame_ms=FRAME_MS
        )
        return TimedCaller(
            connect=functools.partial(open_wire, f"ws://127.0.0.1:{self.port}{tongue.path}"),
            tongue=tongue,
            frame_ms=FRAME_MS,
            lead_s=0.3,
            next_line=lambda: line(self.rng.randint(*LINE_FRAMES)),
            rng=self.rng,
            counting=True,
        )


@dataclass(slots=True, kw_only=True)
class TimedCaller(Caller):
    began_s: float = field(default_factory=trio.current_time)


def unanswered(notes: Notes) -> list[str]:
    """Lines that got neither a whole reply nor a word of why."""
    return [failure for failure in notes.failures if failure.startswith("no whole reply")]


def refused(notes: Notes) -> list[str]:
    """What was told instead of an answer."""
    return [failure for failure in notes.failures if not failure.startswith("no whole reply")]


def many_talkers(count: int, port: int, seed: int, **other: Any) -> list[Talker]:
    """Of all dialects that instant engines can be measured with, by turns."""
    names = list(TONGUES)
    return [
        Talker(n, port, random.Random(f"{seed}/{n}"), names[n % len(names)], **other)
        for n in range(count)
    ]
