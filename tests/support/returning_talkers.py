"""Clients of a live server in which things break: they talk, are answered, and when they are lost
they come again at once."""

from __future__ import annotations

import functools
import json
import math
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

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
IN_A_REPLY = {"llm", "phraser", "tts", "playout", "lane"}
"""Whose crash may end a reply with a word of why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """What a server has broken so far."""

    counts: Counter[str]

    @property
    def sessions(self) -> int:
        """How many sessions may have been lost by that."""
        return sum(self.counts[actor] for actor in END_SESSION)

    @property
    def words_of_why(self) -> int:
        """How often clients may have been told of it: an error and a close of each session that
        was lost, and an error of each reply."""
        return 2 * self.sessions + sum(self.counts[actor] for actor in IN_A_REPLY)


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
        run = "from support.chaos_server import main; main()"
        return [sys.executable, "-c", run, str(port), json.dumps(plan)]

    environ = MappingProxyType({"PYTHONPATH": str(TESTS)})
    async with server_process(folder / "server.log", command, environ) as process:
        yield ChaosServer(process, told)


@dataclass
class Talker:
    """One client who talks for as long as it may, in one session after the other."""

    number: int
    port: int
    rng: random.Random
    dialect: str
    sessions: list[TimedCaller] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            self.sessions.append(self._caller())
            await self.sessions[-1].run()
            self.sessions[-1].ended_s = trio.current_time()

    @property
    def notes(self) -> Notes:
        notes = Notes()
        for session in self.sessions:
            notes.add(session.notes)
        return notes

    @property
    def losses(self) -> list[str]:
        """How each of its sessions ended that did."""
        return [s.notes.failures[-1] for s in self.sessions if s.ended_s < math.inf]

    @property
    def came_again_s(self) -> list[float]:
        """From the end of each session to the greeting of the next."""
        return [
            later.began_s - before.ended_s + later.notes.ready_s[0]
            for before, later in pairwise(self.sessions)
            if later.notes.ready_s
        ]

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
    ended_s: float = math.inf


def unanswered(notes: Notes) -> list[str]:
    """Lines that got neither a whole reply nor a word of why."""
    return [failure for failure in notes.failures if failure.startswith("no whole reply")]


def refused(notes: Notes) -> list[str]:
    """What was told instead of an answer."""
    return [failure for failure in notes.failures if not failure.startswith("no whole reply")]


def many_talkers(count: int, port: int, seed: int) -> list[Talker]:
    """Of all dialects that instant engines can be measured with, by turns."""
    names = list(TONGUES)
    return [
        Talker(n, port, random.Random(f"{seed}/{n}"), names[n % len(names)]) for n in range(count)
    ]
