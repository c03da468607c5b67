"""How long recordings are kept: so many days, so many megabytes; the oldest go first.

Only files that bear our own kind of name are looked at. Blocking: for a thread.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from .held import is_held

NAME = re.compile(r"\d{8}-\d{6}-[0-9a-f]{12}\.mcap")
"""A recording's: the UTC time at which it began, and the session's id."""

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording in a folder."""

    path: Path
    bytes: int
    changed_s: float


def prune(
    folder: Path, *, now_s: float, keep_days: float, keep_mb: int, busy: Collection[Path] = ()
) -> list[Path]:
    """Remove what is too old or too much, and give what was removed. 0 keeps all.

    `busy` are still being written, and so is what another process holds: they count, and stay.
    Raises OSError where the folder cannot be read; a file that cannot be removed is left for the
    next time.
    """
    found = recordings_in(folder)
    total = sum(kept.bytes for kept in found)
    removed = []
    for kept in found:
        too_old = keep_days > 0 and now_s - kept.changed_s > keep_days * DAY_S
        too_much = keep_mb > 0 and total > keep_mb * 1_000_000
        if kept.path not in busy and (too_old or too_much):
            try:
                if is_held(kept.path):
                    continue
                kept.path.unlink()
            except OSError:
                continue
            total -= kept.bytes
            removed.append(kept.path)
    return removed


def recordings_in(folder: Path) -> list[Kept]:
    """The oldest first. Raises OSError where the folder cannot be read."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not NAME.fullmatch(entry.name):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # somebody was faster
            if stat.S_ISREG(status.st_mode):
                found.append(Kept(folder / entry.name, status.st_size, status.st_mtime))
    return sorted(found, key=lambda kept: (kept.changed_s, kept.path.name))
