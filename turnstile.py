"""One thing at a time: what makes a session repeatable.

A session meets the world at its seams: a frame comes, an engine answers, a deadline passes. A
turnstile lets in one of these at a time, and the next only when the session is still, which is when
every task of it waits. Two rules make what happens in between independent of the scheduler: who
sends into a channel that has several senders waits for its turn (all others are still, and the
lowest rank goes first), and so does who decides. All other channels have one sender and one
receiver, so there is nothing that luck could decide.

So a session is a function of the order and the times of what was let in. A recording writes these
down; a replay lets in the same, in the same order. A session that nobody records has no turnstile:
everything here is then Trio's own.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

import trio

_current: ContextVar[Turnstile | None] = ContextVar("parley_turnstile", default=None)
GRACE_S = 1.0
"""How long after a deadline Trio's own strikes, where the session does not become still."""

LOOK_S = 1.0
"""How often whoever keeps the time looks for deadlines that were set meanwhile."""

_rank: ContextVar[int] = ContextVar("parley_rank", default=0)


@dataclass(eq=False, slots=True)
class Deadline:
    """One that a task has set: `name` tells it from all others of the session."""

    name: str
    at_s: float
    scope: trio.CancelScope


@dataclass(eq=False, slots=True)
class _Waiting:
    source: str
    task: trio.lowlevel.Task


class Turnstile:
    """Of one session. `entered` makes it that of the current task and of all that it starts.

    `now_s` is the moment of what was let in last: the session's time, until the next. It counts
    from 0, in whole nanoseconds, so that sums of it are the same in a replay to the last bit.
    """

    def __init__(self) -> None:
        self._zero_s = trio.current_time()
        self.now_s = 0.0
        self.note: Callable[[str], None] = lambda source: None
        """Told of what was let in and carries nothing: a deadline, the wish to stop."""
        self.note_audio: Callable[[str, Mapping[str, Any], bytes], None] = lambda *_: None
        """Told of audio that was let in to be played."""
        self.admitted = 0
        self._runnable = 0
        self._outside: list[_Waiting] = []
        self._turns: list[tuple[int, int, _Waiting]] = []
        self._numbers = itertools.count()
        self._deadlines: list[Deadline] = []
        self._labels: dict[str, int] = {}
        self._sleep = trio.CancelScope()
        self._wakes_s = math.inf

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Around the session's whole life, in the task that starts it."""
        token = _current.set(self)
        self._runnable = 1  # this task
        _stillness.watch(self)
        try:
            yield
        finally:
            _stillness.leave(self)
            _current.reset(token)

    def time_s(self) -> float:
        """What the session's time would be, were something let in now."""
        return round((trio.current_time() - self._zero_s) * 1e9) / 1e9

    # Being let in

    async def admit(self, source: str) -> float:
        """Wait until the session is still and it is the turn of what happened: an engine's answer,
        a frame. Gives the session's new time."""
        if self._open:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._enter(self.time_s())
            return self.now_s
        await self._wait(self._outside, _Waiting(source, trio.lowlevel.current_task()))
        return self.now_s

    async def turn(self, rank: int) -> None:
        """Wait until everybody else is still and no lower rank waits."""
        if self._alone:
            await trio.lowlevel.checkpoint_if_cancelled()
            return
        waiting = _Waiting("", trio.lowlevel.current_task())
        entry = (rank, next(self._numbers), waiting)

        def abort(_: Any) -> trio.lowlevel.Abort:
            self._turns.remove(entry)
            heapq.heapify(self._turns)
            return trio.lowlevel.Abort.SUCCEEDED

        heapq.heappush(self._turns, entry)
        await trio.lowlevel.wait_task_rescheduled(abort)

    @property
    def _open(self) -> bool:
        """What comes need not wait: the session is still, and nobody came before."""
        return self._alone and not self._outside

    @property
    def _alone(self) -> bool:
        """Nobody else of the session runs or waits to speak: it is the current task's turn."""
        return self._runnable == 1 and not self._turns

    async def _wait(self, queue: list[_Waiting], waiting: _Waiting) -> None:
        def abort(_: Any) -> trio.lowlevel.Abort:
            queue.remove(waiting)
            return trio.lowlevel.Abort.SUCCEEDED

        queue.append(waiting)
        await trio.lowlevel.wait_task_rescheduled(abort)

    def is_still(self) -> None:
        """Called when no task of the session can run: let in the next."""
        if self._turns:
            _, _, waiting = heapq.heappop(self._turns)
            trio.lowlevel.reschedule(waiting.task)
        else:
            self._let_in()

    def _let_in(self) -> None:
        """In the order of arrival, at the time of the clock."""
        if self._outside:
            self._release(self._outside[0], self.time_s())

    def _release(self, waiting: _Waiting, now_s: float) -> None:
        self._outside.remove(waiting)
        self._enter(now_s)
        trio.lowlevel.reschedule(waiting.task)

    def _enter(self, now_s: float) -> None:
        self.admitted += 1
        self.now_s = max(self.now_s, now_s)

    # Deadlines

    def _set(self, at_s: float, label: str, scope: trio.CancelScope) -> Deadline | None:
        """Let in the passing of a moment like everything else. None where it never passes, or has
        already."""
        if at_s == math.inf:
            return None
        number = self._labels[label] = self._labels.get(label, 0) + 1
        if at_s <= self.now_s:
            scope.cancel()
            return None
        deadline = Deadline(f"{label}#{number}", at_s, scope)
        if at_s < self._wakes_s:
            self._sleep.cancel()  # whoever keeps the time looks again
        self._deadlines.append(deadline)
        return deadline

    def _drop(self, deadline: Deadline | None) -> None:
        if deadline in self._deadlines:
            self._deadlines.remove(deadline)

    async def keep_time(self) -> None:
        """A task of the session: lets deadlines in when they have passed.

        It looks every LOOK_S while there are deadlines, so that one which is set for later than
        that need not wake it: most are dropped long before."""
        while True:
            first = min(self._deadlines, key=lambda d: (d.at_s, d.name), default=None)
            self._wakes_s = min(first.at_s, self.time_s() + LOOK_S) if first else math.inf
            with trio.CancelScope(deadline=self._zero_s + self._wakes_s) as self._sleep:
                await trio.sleep_forever()
            if first is None or trio.current_time() < self._zero_s + first.at_s:
                continue
            await self.admit(f"deadline {first.name}")
            self.now_s = max(self.now_s, _not_before(first.at_s))
            if first in self._deadlines:
                self._pass(first)
                self.note(f"deadline {first.name}")

    def _pass(self, deadline: Deadline) -> None:
        self._deadlines.remove(deadline)
        deadline.scope.cancel()


def _not_before(at_s: float) -> float:
    """The first whole nanosecond that is not before a moment: were the time a hair too early,
    whoever waited for the moment would wait again, for ever."""
    nanoseconds = math.ceil(at_s * 1e9)
    # The product is rounded, and may have lost the hair.
    return (nanoseconds + (nanoseconds / 1e9 < at_s)) / 1e9


@dataclass(eq=False, slots=True)
class _Stillness(trio.abc.Instrument):
    """Counts each session's tasks that can run. One for all sessions of a process, there only
    while there are turnstiles."""

    _watched: set[Turnstile] = field(default_factory=set)

    def watch(self, turnstile: Turnstile) -> None:
        if not self._watched:
            trio.lowlevel.add_instrument(self)
        self._watched.add(turnstile)

    def leave(self, turnstile: Turnstile) -> None:
        self._watched.discard(turnstile)
        if not self._watched:
            trio.lowlevel.remove_instrument(self)

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        turnstile = task.context.get(_current)
        if turnstile is not None:
            turnstile._runnable += 1

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        turnstile = task.context.get(_current)
        if turnstile is not None:
            turnstile._runnable -= 1
            if not turnstile._runnable:
                turnstile.is_still()


_stillness = _Stillness()


# What a session's tasks use. Without a turnstile each is Trio's own.


def current() -> Turnstile | None:
    return _current.get()


@contextmanager
def ranked(rank: int) -> Iterator[None]:
    """The rank of the current task, and of those that it starts."""
    token = _rank.set(rank)
    try:
        yield
    finally:
        _rank.reset(token)


@contextmanager
def outside() -> Iterator[None]:
    """Around the start of a task that is none of the session's: what it does enters the session
    through a seam, like a peer's frames. No step of the current task may end inside."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


async def admit(source: str) -> None:
    """Let in what came from outside, in a session that has an order."""
    turnstile = _current.get()
    if turnstile is not None:
        await turnstile.admit(source)
        turnstile.note(source)


async def turn() -> None:
    """Wait for one's turn, in a session that has an order. No checkpoint otherwise."""
    turnstile = _current.get()
    if turnstile is not None:
        await turnstile.turn(_rank.get())


def current_time() -> float:
    """The time of what the session is handling, in seconds: Trio's clock, or, in a session that
    has an order, since it began."""
    turnstile = _current.get()
    return trio.current_time() if turnstile is None else turnstile.now_s


class Limit:
    """What `move_on_at` gives: a cancel scope that ends at a moment of the session's time."""

    def __init__(self, at_s: float, label: str) -> None:
        turnstile = self._turnstile = _current.get()
        # Trio's own deadline stays, a little later: lanes look at it, to end what hangs.
        late_s = at_s if turnstile is None else turnstile._zero_s + at_s + GRACE_S
        self._scope = trio.CancelScope(deadline=late_s)
        self._at_s = at_s
        self._label = label
        self._deadline: Deadline | None = None

    def __enter__(self) -> trio.CancelScope:
        self._scope.__enter__()
        if self._turnstile is not None:
            self._deadline = self._turnstile._set(self._at_s, self._label, self._scope)
        return self._scope

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if self._turnstile is not None:
            self._turnstile._drop(self._deadline)
        return bool(self._scope.__exit__(kind, error, trace))


def move_on_at(at_s: float, label: str) -> Limit:
    """`trio.move_on_at`, in the session's order. `label` names the place in the code: each is
    used by one task at a time."""
    return Limit(at_s, label)


def move_on_after(seconds: float, label: str) -> Limit:
    return Limit(current_time() + seconds, label)


class FailingLimit(Limit):
    """What `fail_after` gives: raises trio.TooSlowError where the moment passed."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        swallowed = super().__exit__(kind, error, trace)
        if self._scope.cancelled_caught:
            raise trio.TooSlowError from None
        return swallowed


def fail_after(seconds: float, label: str) -> FailingLimit:
    """`trio.fail_after`, in the session's order."""
    return FailingLimit(current_time() + seconds, label)


Item_contra = TypeVar("Item_contra", contravariant=True)


class SendsItems(Protocol[Item_contra]):
    """The sending end of a channel, as far as actors use it."""

    async def send(self, value: Item_contra, /) -> None: ...


class Merged(Generic[Item_contra]):
    """The sending end of a channel that several tasks send into: each waits for its turn."""

    def __init__(self, channel: trio.MemorySendChannel[Item_contra]) -> None:
        self._channel = channel

    async def send(self, value: Item_contra, /) -> None:
        await turn()
        await self._channel.send(value)


async def run_ranked(rank: int, run: Callable[[], Awaitable[None]]) -> None:
    """A task's body, with a rank."""
    with ranked(rank):
        await run()
