"""The clock on the wall, asked once per session by its owner, for dialects that tell the time of
day. Nothing is decided by it; a replay gives the recorded moment instead."""

from __future__ import annotations

import time


def unix_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
