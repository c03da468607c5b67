"""Measures how busy the server is, all the time: a child of the server, which never ends by itself.

Four figures, each of the last seconds: how late the event loop wakes a task that sleeps, how long
jobs wait for a lane of their kind, how many people talk at once, and how much of the processor is
taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import trio

from .processor import Processor
from .use import ProcessorUse
from .window import EVERY_S, Window, note_lateness

CPU_EACH = 5
"""The kernel's counters are read at each of so many samples: every second."""
OURS = 0.6
"""From this part of the cores on it is this server that keeps the machine busy."""


class Lane(Protocol):
    """What is looked at of a lane of workers."""

    @property
    def name(self) -> str: ...

    @property
    def ready(self) -> bool: ...

    @property
    def waiting_s(self) -> float: ...


class Talkers(Protocol):
    """What is looked at of a recognizer's admission."""

    @property
    def talking(self) -> int: ...

    @property
    def places(self) -> int: ...


class LoadWatch:
    """`sampled` is called after each sample."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        talkers: Talkers | None,
        processor: Processor | None = None,
    ) -> None:
        """`lanes` are those that conversations wait for; `talkers` None: the recognizer is not
        ours, and nobody knows how many it takes."""
        self.lag_s = Window()
        self.lane_wait_s = Window()
        self.talking = Window()
        self.cpu = ProcessorUse()
        """How much of the processor is taken, by how many sessions: of the machine, where it is
        this server that keeps it busy (others' work is no reason to refuse anybody: it would go
        on), else of this server's own part; or of the one core that the event loop has, where that
        is more."""
        self.taken: Callable[[], int] = lambda: 0
        self._processor = processor
        self.sampled: Callable[[], object] = lambda: None
        self._kinds = tuple(_by_kind(lanes).values())
        self._talkers = talkers

    @property
    def places(self) -> int | None:
        """How many may talk at once; None where that is not known."""
        return None if self._talkers is None else self._talkers.places

    async def run(self) -> None:
        """Until it is cancelled."""
        due_s = trio.current_time()
        for sample in itertools.count():
            due_s += EVERY_S
            await trio.sleep_until(due_s)
            now_s = trio.current_time()
            note_lateness(self.lag_s, now_s - due_s)
            if now_s - due_s >= EVERY_S:
                due_s = now_s  # what was missed is noted already
            self.lane_wait_s.note(max(map(_least_wait_s, self._kinds), default=0.0))
            if self._talkers is not None:
                self.talking.note(self._talkers.talking)
            if sample % CPU_EACH == 0:
                self._look_at_the_processor()
            self.sampled()

    def _look_at_the_processor(self) -> None:
        taken = None if self._processor is None else self._processor.look(trio.current_time())
        if taken is not None:
            share = taken.machine if taken.own >= OURS else taken.own
            self.cpu.note(max(share, taken.loop), self.taken())


def _by_kind(lanes: Iterable[Lane]) -> dict[str, list[Lane]]:
    """Lanes with the same engine, by what is in front of the number in their names."""
    kinds: dict[str, list[Lane]] = {}
    for lane in lanes:
        kinds.setdefault(lane.name.rpartition("-")[0], []).append(lane)
    return kinds


def _least_wait_s(lanes: Sequence[Lane]) -> float:
    """Of the lane that would be chosen next. One whose worker is not there waits for that, and not
    because there is too much to do."""
    return min((lane.waiting_s for lane in lanes if lane.ready), default=0.0)
