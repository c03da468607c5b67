"""What the parent hands to a worker: its number, the listeners, a key, where it finds the others.

It comes by a pipe, never by the command line, where anybody could read it; the environment says
which descriptor that is, and forgets it at once. Behind it come the parent's words, a line each
(`Word`). Another pipe carries nothing: the kernel ends this process when the parent's end of it is
closed, so that no worker outlives its parent, however busy it is and whatever ended that one.
"""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Sequence
from enum import Enum

import msgspec
import trio

from ...engines.lanes.worker import die_when_closed
from ..bound import Bound

MARK = "_PARLEY_WORKER"
"""In the environment of a worker: the descriptor that it reads."""

MAX_BYTES = 64 * 1024


class Word(Enum):
    """What the parent says to a worker."""

    LEAVE = "leave"
    """Accept nobody, finish what has begun, then stop as below."""
    STOP = "stop"
    """As at SIGTERM: replies finish."""
    END = "end"
    """At once."""
    RELOAD = "reload"
    """Certificates and tokens."""


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """`listeners` are descriptors, in the order of `Bound`; `key` signs what one worker gives out
    and another takes. `tells`: this one tells people at the terminal what there is to tell."""

    worker: int
    workers: int
    cores: int
    folder: str
    listeners: list[list[int]]
    life: int
    key: bytes
    tells: bool = False

    def bound(self) -> Bound:
        """The listeners. To be called once."""
        return Bound(*(tuple(_listener(fd) for fd in each) for each in self.listeners))


def is_worker() -> bool:
    """Whether this process was started as one of several workers."""
    return MARK in os.environ or (handed_down.cache_info().currsize > 0 and bool(handed_down()))


@functools.cache
def handed_down() -> tuple[Handed, int] | None:
    """What this process was handed and where the parent's words come; None where it is no worker.
    Read at the first call."""
    mark = os.environ.pop(MARK, "")
    if not mark:
        return None
    words = int(mark)
    handed = msgspec.json.decode(_first_line(words), type=Handed)
    for fd in (words, handed.life, *(fd for each in handed.listeners for fd in each)):
        os.set_inheritable(fd, False)
    die_when_closed(handed.life)
    return handed, words


def packed(handed: Handed) -> bytes:
    """As it goes through the pipe."""
    return msgspec.json.encode(handed) + b"\n"


def _first_line(fd: int) -> bytes:
    """Byte by byte: what is behind it is read by somebody else."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(fd, 1)
        if not byte or len(line) > MAX_BYTES:
            raise SystemExit(1)  # the parent has gone
        line += byte
    return line


def _listener(fd: int) -> trio.SocketListener:
    return trio.SocketListener(trio.socket.from_stdlib_socket(socket.socket(fileno=fd)))


def descriptors(bound: Bound) -> list[list[int]]:
    """Of all listeners, in their order."""
    return [[_fileno(listener) for listener in each] for each in bound.all_of()]


def _fileno(listener: trio.SocketListener) -> int:
    return listener.socket.fileno()


def flat(descriptors: Sequence[Sequence[int]]) -> tuple[int, ...]:
    return tuple(fd for each in descriptors for fd in each)
