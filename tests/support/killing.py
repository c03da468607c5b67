"""Crashes an actor where it waits, or over a message that it sends, as a bug of its own would.

A `Killer` watches every supervised task of a session. An actor's *points* are counted: each time it
waits for something ("waits"), each message that it is about to send ("sends") and each that it has
sent ("sent"). At the point that was chosen a `Killed` is raised there. An exception that comes
while a task waits never loses what it waits for: it is raised as a cancellation is, so what has
come already is given first.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pytest
import trio

_SEND = trio.MemorySendChannel.send
_CHILD = re.compile(r"(?P<supervisor>session-.+|turn-\d+)/(?P<child>[a-z]+)(-\d+)?")

WAITS, SENDS, SENT = "waits", "sends", "sent"


class Killed(Exception):
    """What a bug in an actor raises."""


@dataclass(frozen=True, slots=True)
class Point:
    """The `number`-th time that this actor does this, from 1 on."""

    actor: str
    how: str
    number: int

    def __str__(self) -> str:
        return f"{self.actor} {self.how} {self.number}"


@functools.lru_cache(maxsize=10_000)
def _child_of(name: str) -> tuple[str, str] | None:
    """The supervisor and the child that a task of this name is."""
    found = _CHILD.fullmatch(name)
    return None if found is None else (found["supervisor"], found["child"])


def actor_of(task: trio.lowlevel.Task | None) -> tuple[str, str] | None:
    """The session's name and the actor's that a task belongs to: the innermost supervised child."""
    child: str | None = None
    while task is not None:
        found = _child_of(task.name)
        if found is not None:
            supervisor, name = found
            child = child or name
            if supervisor.startswith("session-"):
                return supervisor.removeprefix("session-"), child
        task = None if task.parent_nursery is None else task.parent_nursery.parent_task
    return None


@dataclass(eq=False)
class Killer(trio.abc.Instrument):
    """Counts the points of one session's actors, and crashes one of them at one point."""

    session: str
    """Of any session, where it is empty."""
    at: Point | None = None
    """None: it only counts."""
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    done: bool = False
    """Whether the actor was crashed."""

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task._abort_func is None:
            return  # it has ended, or goes on at once
        actor = self._actor(task)
        if actor is not None and self._here(actor, WAITS):
            task._attempt_abort(_raise)

    def _actor(self, task: trio.lowlevel.Task) -> str | None:
        found = actor_of(task)
        if found is None or (self.session and found[0] != self.session):
            return None
        return found[1]

    def _here(self, actor: str, how: str) -> bool:
        self.counts[actor, how] += 1
        if self.at == Point(actor, how, self.counts[actor, how]):
            self.done = True
            return True
        return False

    async def send(self, channel: Any, value: object) -> None:
        """What a channel's `send` does meanwhile."""
        actor = self._actor(trio.lowlevel.current_task())
        if actor is not None and self._here(actor, SENDS):
            raise Killed(f"before {type(value).__name__} was sent")
        await _SEND(channel, value)
        if actor is not None and self._here(actor, SENT):
            raise Killed(f"when {type(value).__name__} was sent")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Around whatever runs the session."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                trio.MemorySendChannel, "send", lambda channel, value: self.send(channel, value)
            )
            trio.lowlevel.add_instrument(self)
            try:
                yield
            finally:
                trio.lowlevel.remove_instrument(self)

    def points(self) -> list[Point]:
        """All that were counted."""
        return [
            Point(actor, how, number)
            for (actor, how), count in sorted(self.counts.items())
            for number in range(1, count + 1)
        ]


def _raise() -> NoReturn:
    raise Killed("while it waited")


async def count_points(session: str, run: Callable[[], Awaitable[None]]) -> list[Point]:
    """The points of one run in which nothing is crashed."""
    killer = Killer(session)
    with killer.watching():
        await run()
    return killer.points()
