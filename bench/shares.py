"""Where the time went: a cProfile of the server, added up by package."""

from __future__ import annotations

import pstats
import re
from collections import Counter
from pathlib import Path

_INSTALLED = re.compile(r"site-packages/([A-Za-z0-9_]+)")
_OURS = re.compile(r"/(actors|protocol|engines|serving|config|bench)/[a-z0-9_]+\.py$")

WAITING = ("poll", "select", "kevent")


def shares_of(profile: Path, root: Path) -> dict[str, float]:
    """Package to its share of the busy time (its own code, not what it called), the largest first.

    Parley's own rooms count for themselves; built-in functions count for the interpreter; waiting
    for sockets counts for nobody.
    """
    seconds: Counter[str] = Counter()
    profiled = pstats.Stats(str(profile)).stats  # type: ignore[attr-defined]
    for (file, _line, function), (_calls, _primitive, own_s, _total, _callers) in profiled.items():
        if not any(word in function for word in WAITING):
            seconds[_package(file, function, root)] += own_s
    total = sum(seconds.values()) or 1.0
    return {name: round(own_s / total, 4) for name, own_s in seconds.most_common()}


def _package(file: str, function: str, root: Path) -> str:
    if installed := _INSTALLED.search(file):
        return installed.group(1)
    if file.startswith(str(root)):
        room = _OURS.search(file)
        return f"parley.{room.group(1)}" if room else "parley"
    if "_socket.socket" in function:
        return "the kernel: sockets"
    return "Python: built-in functions and standard library"
