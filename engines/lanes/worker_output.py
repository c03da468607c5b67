"""Where worker processes print: by default where the server does; within `to_descriptor`, into a
pipe of the server's, so that no worker waits for whoever reads the server's log, or dies when they
end.

A worker inherits the server's standard streams and nothing else, so it opens the pipe by its name
in /proc. Where there is no /proc (macOS) it keeps what it inherited.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_place: str | None = None


def place() -> str | None:
    """What `print_to` is to be given in a worker that starts now."""
    return _place


@contextmanager
def to_descriptor(fd: int) -> Iterator[None]:
    """Within the block workers that start print to `fd` of this process."""
    global _place
    before, _place = _place, f"/proc/{os.getpid()}/fd/{fd}"
    try:
        yield
    finally:
        _place = before


def print_to(place: str | None) -> None:
    """Have what this process prints go there from now on."""
    if place is None:
        return
    with suppress(OSError):
        fd = os.open(place, os.O_WRONLY)
        for standard in (1, 2):
            os.dup2(fd, standard)
        os.close(fd)
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
