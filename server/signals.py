"""What a server does at a signal.

SIGINT, SIGTERM   stop: replies finish; the second one ends the server at once
SIGHUP            load again what can be (certificates, tokens); where the terminal that the server
                  was started in is gone, stop as at SIGTERM

Where SIGHUP was ignored when the server was started (`nohup`) it outlives its terminal.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

import structlog
import trio

Reload: TypeAlias = Callable[[], None]

STANDARD_STREAMS = (0, 1, 2)
TOGETHER_S = 0.3
"""Signals to stop that come so close behind each other are one wish: `timeout` and some supervisors
tell the process and then its group. Nobody presses Ctrl-C twice as quickly and means it."""


async def watch_signals(
    stop: Callable[[], None],
    end: Callable[[], None],
    on_reload: Sequence[Reload] = (),
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call `stop` at the first signal to stop, and `end` at the next; returns then."""
    log = structlog.get_logger()
    terminals = [] if _ignored(signal.SIGHUP) else _terminals()
    asked_s: float | None = None
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            name = signal.Signals(number).name
            if number == signal.SIGHUP:
                if set(terminals) <= set(_terminals()):
                    reload(on_reload)
                    continue
                if asked_s is not None:  # a shell tells its jobs too that the terminal is gone
                    continue
            now_s = trio.current_time()
            if asked_s is not None and now_s - asked_s < TOGETHER_S:
                continue
            if asked_s is not None:
                log.warning("stopping_at_once", signal=name)
                end()
                return
            asked_s = now_s
            log.info("stopping", signal=name)
            stop()


def reload(on_reload: Sequence[Reload]) -> None:
    """Call each; what one raises costs a line of the log, and what was loaded before stays."""
    log = structlog.get_logger()
    failed = False
    for load in on_reload:
        try:
            load()
        except Exception as error:
            failed = True
            log.error("not_reloaded", error=error)
    if not failed:
        log.info("reloaded")


def _terminals() -> list[int]:
    """The standard streams that are a terminal now. One that hung up is none any more."""
    found = []
    for fd in STANDARD_STREAMS:
        with suppress(OSError):
            if os.isatty(fd):
                found.append(fd)
    return found


def _ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) is signal.SIG_IGN
