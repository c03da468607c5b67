"""A listener that several workers share: it accepts only when it is this worker's turn.

It owns a descriptor of its own, so that looking for a connection never waits for one.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable

import trio

LOOK_S = 0.001
"""Between two looks while a connection is left to a worker that has less to do, at first: that one
takes it within a fraction of this."""
LOOK_MAX_S = 0.01

IGNORED = frozenset(
    getattr(errno, name)
    for name in (
        *("EPERM", "ECONNABORTED", "EPROTO", "ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN"),
        *("ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH", "ENOSR", "ESOCKTNOSUPPORT"),
        *("EPROTONOSUPPORT", "ETIMEDOUT", "ECONNRESET"),
    )
    if hasattr(errno, name)
)
"""Of a connection that was over before it was accepted (accept(2))."""


class SharedListener:
    """`is_my_turn` is asked with how many seconds a connection has waited for its turn."""

    def __init__(
        self,
        listener: trio.SocketListener,
        is_my_turn: Callable[[float], bool],
        accepted: Callable[[], object],
    ) -> None:
        self._socket = socket.socket(fileno=os.dup(listener.socket.fileno()))
        self._socket.setblocking(False)
        self._is_my_turn = is_my_turn
        self._accepted = accepted

    async def accept(self) -> trio.SocketStream:
        """The next connection. Raises OSError as accept(2) does."""
        waiting_s: float | None = None
        pause_s = LOOK_S
        while True:
            before_s = trio.current_time()
            await trio.lowlevel.wait_readable(self._socket)
            now_s = trio.current_time()
            if waiting_s is None or now_s - before_s > LOOK_S:
                waiting_s, pause_s = now_s, LOOK_S  # it has just come
            if not self._is_my_turn(now_s - waiting_s):
                await trio.sleep(pause_s)
                pause_s = min(LOOK_MAX_S, pause_s * 2)
                continue
            try:
                accepted, _ = self._socket.accept()
            except BlockingIOError:
                waiting_s = None  # another worker has it
            except OSError as error:
                if error.errno not in IGNORED:
                    raise
            else:
                self._accepted()
                return trio.SocketStream(trio.socket.from_stdlib_socket(accepted))

    def close(self) -> None:
        self._socket.close()
