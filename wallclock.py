"""The clock on the wall, asked once per session by its owner, for dialects that tell the time of
day, and for files that say when they were made. Nothing is decided by it; a replay gives the
recorded moment instead."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def unix_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def utc_now() -> str:
    """The moment as ISO 8601, to the second."""
    return datetime.fromtimestamp(time.time_ns() // 10**9, UTC).isoformat()
