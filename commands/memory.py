"""Whether this process may use enough memory for a server, asked before anything large is imported.

Under a limit of address space (`ulimit -v`, `LimitAS=`) that is too low, libraries fail at their
import, each in its own way: a traceback of fifty lines, a line of OpenBLAS, an abort, or threads
that wait for each other for ever. None of them says what to do. So a server asks first.
"""

from __future__ import annotations

import ctypes
import os
import resource
from contextlib import suppress

MB = 1024 * 1024
SERVER_MB = 512
"""What the server's own process reserves on two to four cores, with some room; it uses 150 MB."""


ARENAS = 2
M_ARENA_MAX = -8
"""Of mallopt(3)."""


def spare_address_space() -> None:
    """Under a limit of address space: have this process, and those that it starts, reserve little
    that they do not use. The C library reserves 64 MB for each thread that meets another one in
    malloc, so that without this it is luck how much there is."""
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return
    os.environ.setdefault("MALLOC_ARENA_MAX", str(ARENAS))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def too_little_for_a_server() -> str | None:
    """Why a server cannot start here, and what to do; None where it can."""
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY or most >= SERVER_MB * MB:
        return None
    return (
        f"this process may reserve {most // MB} MB of memory (ulimit -v), and a server "
        f"needs {SERVER_MB} MB: raise that limit"
    )
