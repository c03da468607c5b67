"""The folder that the workers of one server share: nobody else can open it, and it is gone at the
end. Of a server that was killed it is removed at the next one's start.

It holds the page of `board`, a socket of each worker, the tickets that were used, and what is kept
of conversations whose clients ask for it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..bound import CannotListen
from .board import SLOTS
from .link import socket_of
from .used_once import FOLDER

PREFIX = "parley-workers-"
PATH_MAX_BYTES = 100
"""Of a socket's path: 108 on Linux, 104 elsewhere, one of them a zero."""
LOCKED_WITHIN_S = 60.0


@contextmanager
def private_folder(now_s: float, base: Path | None = None) -> Iterator[Path]:
    """Made, and removed behind the block. `now_s` in Unix seconds. Raises CannotListen where there
    can be none."""
    base = base or Path(tempfile.gettempdir())
    try:
        remove_left_behind(base, now_s)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))  # 0700
    except OSError as error:
        raise CannotListen(f"workers need a temporary folder: {error.strerror or error}") from None
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        if len(os.fsencode(socket_of(folder, SLOTS))) > PATH_MAX_BYTES:
            raise CannotListen(f"{base} is too long a name for workers' sockets; set TMPDIR")
        (folder / FOLDER).mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def remove_left_behind(base: Path, now_s: float) -> int:
    """Those of servers that were killed; says how many. One that is in use is locked."""
    removed = 0
    for folder in base.glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else's, or gone meanwhile
            known = folder.lstat()
            if known.st_uid != os.geteuid() or now_s - known.st_mtime < LOCKED_WITHIN_S:
                continue
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                removed += 1
            finally:
                os.close(held)
    return removed
