"""Server-sent events, as OpenAI's clients read them."""

from __future__ import annotations

from typing import Any

import msgspec

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",  # proxies that collect answers leave this one alone
}

DONE = b"data: [DONE]\n\n"


def event(data: dict[str, Any]) -> bytes:
    """One event."""
    return b"data: " + msgspec.json.encode(data) + b"\n\n"
