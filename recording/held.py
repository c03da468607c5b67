"""Which recordings are being written at this moment, by whatever process, on whatever machine.

Several servers may write into one folder. Whoever writes a file holds a lock on it, which the
kernel releases when that process is gone; a file system for several machines carries such locks
from one to the other (NFS from version 4 on). On one without locks nobody holds anything.
"""

from __future__ import annotations

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import IO


def hold(file: IO[bytes]) -> None:
    """Until it is closed."""
    with suppress(OSError):  # a file system without locks
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_held(path: Path) -> bool:
    """Whether somebody writes it. Raises OSError where it cannot be looked at."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False
