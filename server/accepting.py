"""Accepts connections, also where there is no descriptor or no memory for the next one: then it
says so in one line, waits, and goes on when there is. Who knocks meanwhile waits in the kernel's
queue.

One task per listener. It owns neither the listener nor what it accepts.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from typing import NoReturn, Protocol

import structlog
import trio

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})

FIRST_PAUSE_S = 0.05
MAX_PAUSE_S = 1.0
"""A connection that ended has made room by then, if one did."""

LOOKS_FINE_S = 5.0
"""So long without a failure, and the next one is told anew: a server at its limit fails and accepts
by turns."""

ADVICE = {
    errno.EMFILE: "raise the limit (ulimit -n, LimitNOFILE=) or lower WS_MAX_CONNECTIONS",
    errno.ENFILE: "the whole system has no file descriptors left (fs.file-max)",
}

WORKER_DESCRIPTORS = 12
SESSION_DESCRIPTORS = 3
"""Its socket, its recording, and a request to a service."""
OWN_DESCRIPTORS = 64


class Accepts(Protocol):
    """What is asked of a listener."""

    async def accept(self) -> trio.SocketStream: ...


async def accept_for_ever(
    listener: Accepts, take: Callable[[trio.SocketStream], object]
) -> NoReturn:
    """Give every connection to `take`. Raises OSError only for a listener that is broken."""
    log = structlog.get_logger()
    failures, failed_s = 0, 0.0
    while True:
        try:
            stream = await listener.accept()
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            if not failures:
                log.error(
                    "cannot_accept",
                    error=os.strerror(error.errno),
                    advice=ADVICE.get(error.errno, "the machine has no memory left for sockets"),
                )
            pause_s = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures, 16))
            failures, failed_s = failures + 1, trio.current_time()
            await trio.sleep(pause_s)
        else:
            take(stream)
            if failures and trio.current_time() - failed_s > LOOKS_FINE_S:
                log.info("accepting_again", failures=failures)
                failures = 0


def make_room_for(connections: int, workers: int) -> None:
    """Raise this process' limit of open files as far as it may be, and say in one line of the log
    where that is not enough for so many sessions."""
    wanted = OWN_DESCRIPTORS + workers * WORKER_DESCRIPTORS + connections * SESSION_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        structlog.get_logger().warning(
            "few_descriptors", limit=allowed, wanted=wanted, advice=ADVICE[errno.EMFILE]
        )
