"""Supervision in the manner of Erlang/OTP, on Trio. It knows nothing of what it supervises.

A *supervisor* is a task that owns other tasks, its *children*. It starts them in order, starts
again those that crash, and stops them in reverse order. What it owns is data: an ordered table
of `Child` specs that can be read aloud. A supervisor is itself a child of another one:
`Child("x", run=sup.run, ready=True, stop=sup.stop, shutdown_s=math.inf)`.

OTP's words:

- *strategy*: who is replaced when one child crashes: that one (ONE_FOR_ONE), all (ONE_FOR_ALL),
  or that one and those started after it (REST_FOR_ONE).
- *restart*: PERMANENT children always start again, TRANSIENT ones only after a crash, TEMPORARY
  ones never; a temporary child is forgotten when it ends.
- *intensity*: more than `max_restarts` restarts within `period_s` are too many: the supervisor
  stops everything and raises `GaveUp`. Its parent sees a crash; that is *escalation*.
- *significant*: a child whose end (not followed by a restart) can end the supervisor too.

How it works: `childspec.py` holds the words and the decisions, plain and without Trio, and
`childlife.py` a child that runs. Here, `_Run.serve` is the manager, a loop that either clears up
after the earliest crash, or starts the next child that is due, or waits. Beside it `_Run.watch`
notices exits, those of one batch in start order. Each child lives behind a shield of its own, so
that a cancellation from outside reaches the manager first, which then stops the children in order.

Who owns it: whoever runs it, a nursery or another supervisor. It owns its children's tasks and
nothing else; channels and the like belong to whoever made the specs.

How it fails: a child that cannot start while the supervisor starts raises `StartFailed`; too many
crashes raise `GaveUp`; anything that is no `Exception` (KeyboardInterrupt, SystemExit) goes
straight through and takes every child down in order. A child that shields itself from its
cancellation is reported (`Overran`) and still waited for: nobody is left behind.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio

from .childlife import Life, Slot
from .childspec import (
    AutoShutdown,
    Child,
    ChildInfo,
    Crashed,
    GaveUp,
    Intensity,
    NotReady,
    Observer,
    Overran,
    Restart,
    Restarted,
    Started,
    StartFailed,
    Stopped,
    Strategy,
    SupervisionError,
    SupervisionEvent,
    SupervisorStopped,
    Surrendered,
    replaced_with,
    restarts_after_exit,
    shuts_down,
    sole_error,
)

__all__ = [
    "AutoShutdown",
    "Child",
    "ChildInfo",
    "Crashed",
    "GaveUp",
    "NotReady",
    "Observer",
    "Overran",
    "Restart",
    "Restarted",
    "StartFailed",
    "Started",
    "Stopped",
    "Strategy",
    "SupervisionError",
    "SupervisionEvent",
    "Supervisor",
    "SupervisorStopped",
    "Surrendered",
]

logger = logging.getLogger(__name__)


class Supervisor:
    """Starts children in order, restarts those that crash, stops them in reverse order.

    `run` may be called again when it has ended; it then begins anew with the static children.
    Observers are called at once, in the supervisor's tasks; one that raises is logged.
    """

    def __init__(
        self,
        name: str,
        children: Sequence[Child] = (),
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        max_restarts: float = 3,
        period_s: float = 5.0,
        auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
        observers: Sequence[Observer] = (),
    ) -> None:
        if len({child.id for child in children}) < len(children):
            raise ValueError(f"supervisor {name!r} has two children with one id")
        Intensity(max_restarts, period_s)  # an error in the figures shows here, not in run()
        self.name = name
        self.strategy = strategy
        self.max_restarts = max_restarts
        self.period_s = period_s
        self.auto_shutdown = auto_shutdown
        self.static_children = tuple(children)
        self.observers = tuple(observers)
        self._current: _Run | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Supervise until stopped; `task_status` is told when all static children have started.

        Returns after `stop` or an automatic shutdown, also where either came during the start.
        Raises StartFailed or GaveUp, when all children are gone. When it is cancelled it stops
        the children in reverse order, without grace, and only then lets the cancellation pass.
        """
        if self._current is not None:
            raise RuntimeError(f"supervisor {self.name!r} is already running")
        self._current = _Run(self)
        try:
            failure = await self._current.run(task_status)
        finally:
            self._current = None
        if failure is not None:
            raise failure

    def stop(self) -> None:
        """Ask all children to wind down, so that run() returns. Does nothing if not running.

        Dynamic temporary children are stopped together, then the others one after the other,
        last started first.
        """
        if self._current is not None:
            self._current.leave(graceful=True)

    async def start_child(self, child: Child) -> None:
        """Add a child and wait until it has started.

        Raises StartFailed if it does not start; it is not kept then, whatever its `restart`.
        Raises SupervisorStopped, and ValueError if the id is taken.
        """
        run = self._running()
        life = run.launch(run.add(child), awaited=True)
        try:
            await life.settled.wait()
        except trio.Cancelled:
            life.slot.dropped = True
            life.cancel()
            raise
        if not life.has_started:
            self._running()
            raise _start_failed(self.name, life)

    def spawn_child(self, child: Child) -> None:
        """Add a child and do not wait; failing to start is a crash like any other.

        Raises SupervisorStopped, and ValueError if the id is taken.
        """
        run = self._running()
        run.launch(run.add(child))

    async def stop_child(self, child_id: str) -> None:
        """Stop a child gracefully, forget it, and return when it is gone. LookupError if unknown.

        The request stands even if the caller is cancelled while it waits.
        """
        slot = None if self._current is None else self._current.slots.get(child_id)
        if self._current is None or slot is None:
            raise LookupError(f"supervisor {self.name!r} has no child {child_id!r}")
        await self._current.drop(slot)

    def children(self) -> list[ChildInfo]:
        """All children in start order; none when the supervisor does not run."""
        slots = () if self._current is None else self._current.slots.values()
        return [
            ChildInfo(
                id=slot.child.id,
                alive=slot.life is not None and not slot.life.ended.is_set(),
                restarts=slot.restarts,
                restart=slot.child.restart,
            )
            for slot in slots
        ]

    def _running(self) -> _Run:
        if self._current is None or self._current.leaving:
            raise SupervisorStopped(f"supervisor {self.name!r} is stopping or does not run")
        return self._current


def _start_failed(supervisor: str, life: Life) -> StartFailed:
    failure = StartFailed(f"supervisor {supervisor!r}: child {life.slot.child.id!r} did not start")
    failure.__cause__ = life.error
    return failure


class _Run:
    """One run of a supervisor, from its first child's start to its last child's end."""

    house: trio.Nursery

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.slots: dict[str, Slot] = {}
        self.leaving = False
        self._added = 0
        self._graceful = False
        self._reported = False
        self._intensity = Intensity(supervisor.max_restarts, supervisor.period_s)
        self._exits: list[Life] = []  # ended, not noticed yet
        self._exited = trio.Event()
        self._crashes: list[Life] = []  # noticed, to be restarted
        self._crashed = trio.Event()
        self._serving = trio.CancelScope()
        self._watching = trio.CancelScope(shield=True)

    async def run(self, task_status: trio.TaskStatus[None]) -> SupervisionError | None:
        """Start, serve, stop. Returns why it failed, to be raised outside of the nursery."""
        failure: SupervisionError | None = None
        for child in self.supervisor.static_children:
            self.add(child, dynamic=False).due = True
        async with trio.open_nursery() as self.house:
            self.house.start_soon(self.watch)
            try:
                with self._serving:
                    failure = await self.serve(task_status)
                if failure is None:
                    if not self._reported:
                        task_status.started()  # to end on request is not to fail at starting
                    if self._graceful:
                        await self._stop_all(graceful=True)
            finally:
                self.leaving = True
                try:
                    with trio.CancelScope(shield=True):
                        await self._stop_all(graceful=False)
                        for slot in tuple(self.slots.values()):
                            if slot.life is not None:
                                await slot.life.ended.wait()
                    self._notice_exits()
                finally:
                    # The nursery's cancellation does not reach children: a KeyboardInterrupt while
                    # they are waited for would wait for them for ever.
                    for slot in self.slots.values():
                        if slot.life is not None:
                            slot.life.cancel()
                    self._watching.cancel()
        return failure

    async def serve(self, task_status: trio.TaskStatus[None]) -> SupervisionError | None:
        """The manager. It never returns but for a failure; being asked to leave cancels it."""
        while True:
            await trio.lowlevel.checkpoint_if_cancelled()  # a stop goes before a crash
            if (crash := self._earliest_crash()) is not None:
                if not self._intensity.admit(trio.current_time()):
                    return self._give_up(crash)
                await self._clear(crash.slot)
            elif (slot := next((s for s in self.slots.values() if s.due), None)) is not None:
                life = self.launch(slot)
                await life.settled.wait()
                if life.stillborn and not self._reported:
                    return _start_failed(self.supervisor.name, life)
            else:
                if not self._reported:
                    self._reported = True
                    task_status.started()
                self._crashed = trio.Event()
                await self._crashed.wait()

    async def watch(self) -> None:
        """Notice exits: a task of its own, as the manager may be waiting for a slow start."""
        with self._watching:
            while True:
                self._notice_exits()
                self._exited = trio.Event()
                await self._exited.wait()

    def leave(self, *, graceful: bool) -> None:
        """End the run, unless it is ending already."""
        if not self.leaving:
            self.leaving = True
            self._graceful = graceful
            self._serving.cancel()

    def add(self, child: Child, *, dynamic: bool = True) -> Slot:
        if child.id in self.slots:
            raise ValueError(f"supervisor {self.supervisor.name!r} has a child {child.id!r}")
        self._added += 1
        slot = self.slots[child.id] = Slot(child, number=self._added, dynamic=dynamic)
        return slot

    def launch(self, slot: Slot, *, awaited: bool = False) -> Life:
        slot.due = slot.over = False
        slot.restarts += 1
        slot.life = Life(slot, self._announce_start, awaited=awaited)
        self.house.start_soon(self._live, slot.life, name=f"{self.supervisor.name}/{slot.child.id}")
        return slot.life

    async def drop(self, slot: Slot) -> None:
        """Stop a child for good."""
        life = slot.life
        if life is None or life.noticed.is_set():
            self._forget(slot)
            await trio.lowlevel.checkpoint()
            return
        slot.dropped = True
        if not life.ask():
            life.cancel()
        self.house.start_soon(self._end, life, True)
        await life.noticed.wait()

    async def _live(self, life: Life) -> None:
        child = life.slot.child
        try:
            with life.scope:
                await trio.lowlevel.checkpoint_if_cancelled()
                life.begun = True
                if child.ready:
                    await child.run(task_status=life)
                else:
                    life.started()
                    await child.run()
        except* Exception as crash:
            life.error = sole_error(crash)
        finally:
            if life.error is None and not life.has_started and not life.asked:
                late = life.scope.cancelled_caught
                why = f"was not ready after {child.start_s} s" if late else "ended before ready"
                life.error = NotReady(f"child {child.id!r} {why}")
            life.ended.set()
            self._exits.append(life)
            self._exited.set()

    def _notice_exits(self) -> None:
        """Notice all exits so far in start order, whatever order the scheduler ran them in."""
        self._exits.sort(key=lambda life: life.slot.number, reverse=True)
        while self._exits:
            self._notice(self._exits.pop())

    def _notice(self, life: Life) -> None:
        slot, child, sup = life.slot, life.slot.child, self.supervisor
        rejected = life.awaited and not life.has_started
        by_itself = not life.asked and not rejected
        again = by_itself and restarts_after_exit(child.restart, crashed=life.error is not None)
        slot.over = by_itself and not again
        if slot.dropped or rejected or child.restart is Restart.TEMPORARY:
            self._forget(slot)
        if again:
            self._crashes.append(life)
            self._crashed.set()
        elif by_itself and child.significant:
            others = any(s.child.significant and not s.over for s in self.slots.values())
            if shuts_down(sup.auto_shutdown, others_active=others):
                self.leave(graceful=False)
        life.settled.set()
        life.noticed.set()
        if life.error is None:
            self._announce(Stopped(supervisor=sup.name, child=child.id))
        else:
            self._announce(Crashed(supervisor=sup.name, child=child.id, error=life.error))

    def _forget(self, slot: Slot) -> None:
        slot.life = None
        del self.slots[slot.child.id]

    def _earliest_crash(self) -> Life | None:
        """The first in start order. One whose slot was cleared or forgotten since is void."""
        self._crashes = [life for life in self._crashes if life.slot.life is life]
        return min(self._crashes, key=lambda life: life.slot.number, default=None)

    async def _clear(self, crashed: Slot) -> None:
        """End, last started first, whoever is replaced with `crashed`; they are due then.

        Without grace: what they are doing rests on something that is gone. As in OTP a transient
        child that had ended well is started again with its group.
        """
        group = replaced_with(self.supervisor.strategy, tuple(self.slots.values()), crashed)
        for slot in reversed(group):
            if (life := slot.life) is not None:
                await self._end(life)
                await life.noticed.wait()
                slot.life = None
            slot.due = True  # of no effect on one that was forgotten

    def _give_up(self, crash: Life) -> GaveUp:
        name, child = self.supervisor.name, crash.slot.child.id
        self._announce(Surrendered(supervisor=name, child=child, error=crash.error))
        failure = GaveUp(f"supervisor {name!r} gave up: too many restarts, the last of {child!r}")
        failure.__cause__ = crash.error
        return failure

    async def _stop_all(self, *, graceful: bool) -> None:
        """Stop the dynamic temporary children together, then the others in reverse order."""
        crowd: list[Life] = []
        others: list[Life] = []
        for slot in reversed(self.slots.values()):
            if slot.life is not None and not slot.life.ended.is_set():
                temporary = slot.child.restart is Restart.TEMPORARY
                (crowd if slot.dynamic and temporary else others).append(slot.life)
        for life in crowd:
            if not (graceful and life.ask()):
                life.cancel()
        async with trio.open_nursery() as nursery:
            for life in crowd:
                nursery.start_soon(self._end, life, graceful)
        for life in others:
            await self._end(life, graceful)

    async def _end(self, life: Life, graceful: bool = False) -> None:
        """End one life and wait for that as long as the child's spec allows."""
        child = life.slot.child
        if life.ended.is_set():
            return
        if graceful and life.ask():
            with trio.move_on_at(life.asked_at + child.shutdown_s):
                await life.ended.wait()
        life.cancel()
        with trio.move_on_at(life.cancelled_at + child.shutdown_s):
            await life.ended.wait()
        if not life.ended.is_set() and not life.overran:
            life.overran = True
            self._announce(Overran(supervisor=self.supervisor.name, child=child.id))

    def _announce_start(self, life: Life) -> None:
        name, child, restarts = self.supervisor.name, life.slot.child.id, life.slot.restarts
        if restarts == 0:
            self._announce(Started(supervisor=name, child=child))
        else:
            self._announce(Restarted(supervisor=name, child=child, restarts=restarts))

    def _announce(self, event: SupervisionEvent) -> None:
        for observer in self.supervisor.observers:
            try:
                observer(event)
            except Exception:
                logger.exception("an observer of supervisor %r raised", event.supervisor)
