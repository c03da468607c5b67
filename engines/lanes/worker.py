"""The worker's side of a lane: what runs in the process that holds a blocking engine.

A worker imports this module at every start, so it stays light: no trio here, nor in anything that
it imports.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import select
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

from ..failures import EngineFailure, place_of
from .worker_output import print_to

_warm = False


class WorkerReplaced(Exception):
    """This process is not the one that the lane had warmed: that one died unnoticed."""


class Warmed(NamedTuple):
    """A worker that is ready."""

    pid: int
    remark: str | None
    """What its engine says of how it was loaded, for people; None: all is as one would think."""


def warm(init: Callable[[], object], output: str | None = None) -> Warmed:
    """Make this process the lane's worker: load its engine. A text that `init` gives is a remark.
    `output` is where it prints to; see worker_output."""
    global _warm
    if multiprocessing.parent_process() is not None:
        print_to(output)
        ignore_signals_of_the_group()
        die_with_parent()
    said = contained(init)
    _warm = True
    return Warmed(os.getpid(), said if isinstance(said, str) else None)


def work(fn: Callable[..., Any], *args: Any) -> Any:
    """Run one job in the warmed worker. Raises nothing but EngineFailure (or WorkerReplaced)."""
    if not _warm:
        raise WorkerReplaced
    return contained(fn, *args, in_words=False)


def contained(fn: Callable[..., Any], *args: Any, in_words: bool = True) -> Any:
    """Whatever `fn` raises leaves as an EngineFailure, here and not in the server: an exception
    that does not survive pickling would cost the worker, a SystemExit the server. `in_words`: with
    its message, in which may stand what the job was given."""
    try:
        return fn(*args)
    except EngineFailure:
        raise
    except BaseException as error:
        raise EngineFailure(
            f"{type(error).__name__}: {error}" if in_words else f"a bug: {place_of(error)}"
        ) from None


def ignore_signals_of_the_group() -> None:
    """Ctrl-C in a terminal, a hangup, and a service manager's SIGTERM reach every process of the
    group. The server lets replies finish then, and needs its workers for it; they end after it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def die_with_parent() -> None:
    """Let the kernel end this process when the server's process ends, however busy it is.

    An idle worker ends by itself, since its pipe closes. One inside a C call that keeps the
    interpreter lock would go on: no Python code runs there, neither a thread nor a signal handler.
    So the kernel is asked for SIGIO, whose default action is the end, when the other end of the
    pipe that multiprocessing keeps open for this purpose closes. (PR_SET_PDEATHSIG would not do:
    it watches the *thread* that started this process, and that one ends after seconds.)
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        die_when_closed(parent.sentinel)


def die_when_closed(pipe: int) -> None:
    """Let the kernel end this process when the other end of this pipe closes; see above. Nothing
    may ever be written to it."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([pipe], [], [], 0)[0]:
        os.kill(os.getpid(), signal.SIGKILL)  # it ended before we asked
