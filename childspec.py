"""The words of supervision: what a child is, what can be told of it, and what is decided.

Plain data and plain functions, without Trio: `supervisor.py` drives them, and a test can do so
without an event loop. See there for what the words mean. Specs are checked when they are made and
raise ValueError; nothing else here fails.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TypeAlias, TypeVar

T = TypeVar("T")


class Strategy(enum.Enum):
    """Who is replaced when one child crashes."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


class Restart(enum.Enum):
    """When a child that ended by itself is started again."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class AutoShutdown(enum.Enum):
    """Whether the end of significant children ends the supervisor, and of how many."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


class SupervisionError(Exception):
    """Whatever a supervisor raises of its own."""


class GaveUp(SupervisionError):
    """Too many restarts within the period. Its cause is the last crash."""


class StartFailed(SupervisionError):
    """A child did not get as far as being ready. Its cause is what the child raised."""


class SupervisorStopped(SupervisionError):
    """A child was to be started, but the supervisor is stopping or does not run."""


class NotReady(SupervisionError):
    """The crash of a child that ended, or ran out of time, before it said it was ready."""


@dataclass(frozen=True, slots=True)
class Child:
    """What a supervisor must know of one child.

    With `ready`, `run` is given a `task_status` and the child has started only when it has called
    `task_status.started()`, for which it has `start_s`; without, it has started once its first
    step has run. `stop` asks the child to wind down (it returns at once and must not raise); the
    child then has `shutdown_s` to end by itself before it is cancelled, and as long again to
    clean up before it counts as overrun. Without `stop` it is cancelled at once.
    """

    id: str
    _: KW_ONLY
    run: Callable[..., Awaitable[object]]
    restart: Restart = Restart.PERMANENT
    significant: bool = False
    ready: bool = False
    start_s: float = math.inf
    stop: Callable[[], object] | None = None
    shutdown_s: float = 5.0

    def __post_init__(self) -> None:
        if self.significant and self.restart is Restart.PERMANENT:
            raise ValueError(f"child {self.id!r} is permanent: it cannot be significant as well")
        if not (self.start_s > 0 and self.shutdown_s >= 0):
            raise ValueError(f"child {self.id!r} needs start_s above 0 and shutdown_s of 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildInfo:
    """How a child stands. One that is about to be restarted, or has ended well, is not alive."""

    id: str
    alive: bool
    restarts: int
    restart: Restart


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    supervisor: str
    child: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(_Event):
    """A child has started for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(_Event):
    """A child has ended without an error, by itself or because it was stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed(_Event):
    """A child has ended with an error, or did not manage to start."""

    error: Exception


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted(_Event):
    """A child has started again, for the `restarts`-th time."""

    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overran(_Event):
    """A child was cancelled, and has not ended within its `shutdown_s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrendered(_Event):
    """This child's exit was one too many. `error` is None where a permanent child returned."""

    error: Exception | None


SupervisionEvent: TypeAlias = Started | Stopped | Crashed | Restarted | Overran | Surrendered
Observer: TypeAlias = Callable[[SupervisionEvent], None]


# The decisions, which need no event loop.


class Intensity:
    """Counts restarts in a window that slides: one exactly `period_s` old still counts."""

    def __init__(self, max_restarts: float, period_s: float) -> None:
        if not (max_restarts >= 0 and period_s > 0):
            raise ValueError("max_restarts must be 0 or more, and period_s above 0")
        self._max_restarts = max_restarts
        self._period_s = period_s
        self._restarts_at: deque[float] = deque()

    def admit(self, now: float) -> bool:
        """Count one restart at `now`; False if that is one too many."""
        if math.isinf(self._max_restarts):
            return True
        self._restarts_at.append(now)
        while now - self._restarts_at[0] > self._period_s:
            self._restarts_at.popleft()
        return len(self._restarts_at) <= self._max_restarts


def restarts_after_exit(restart: Restart, *, crashed: bool) -> bool:
    """Whether a child that ended by itself is started again."""
    return restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and crashed)


def replaced_with(strategy: Strategy, children: Sequence[T], crashed: T) -> Sequence[T]:
    """Of `children`, in start order, those that are replaced when `crashed` is; it is one."""
    if strategy is Strategy.ONE_FOR_ONE:
        return (crashed,)
    return children[children.index(crashed) if strategy is Strategy.REST_FOR_ONE else 0 :]


def shuts_down(auto_shutdown: AutoShutdown, *, others_active: bool) -> bool:
    """Whether the end of one significant child ends the supervisor."""
    if auto_shutdown is AutoShutdown.ALL_SIGNIFICANT:
        return not others_active
    return auto_shutdown is AutoShutdown.ANY_SIGNIFICANT


def sole_error(error: Exception) -> Exception:
    """The error itself, where a nursery has wrapped one alone in exception groups."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
