"""Which tickets were used, for all workers of a machine: a file each in the private folder.

Of two who make the same file the system lets one, so a ticket lets in once, whichever worker it is
brought to, also when a worker was replaced meanwhile. It is written in the folder's file system,
which takes some 20 µs. The parent removes what is over.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import structlog

FOLDER = "used"
KEPT_S = 900.0
"""Longer than any ticket holds."""


class UsedOnce:
    """`folder` is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def first(self, once: str) -> bool:
        """Whether nobody has used it before; it counts as used from now on. False where that
        cannot be known."""
        name = hashlib.sha256(once.encode("utf-8", "replace")).hexdigest()[:32]
        try:
            os.close(os.open(self._folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        except OSError as error:
            structlog.get_logger().error("ticket_not_noted", error=os.strerror(error.errno or 0))
            return False
        return True


def remove_old(folder: Path, now_s: float) -> None:
    """Those that are over. `now_s` in Unix seconds."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if now_s - entry.stat().st_mtime > KEPT_S:
                    os.unlink(entry)
