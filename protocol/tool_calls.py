"""Calls of tools and what became of them."""

from __future__ import annotations

from enum import Enum

import msgspec

MAX_RESULT_CHARS = 20_000
"""What a model is shown of a result: some 5,000 tokens, more than a small model's whole memory. A
tool that returns a megabyte has its beginning shown, and the model is told."""


class Outcome(Enum):
    DONE = "done"
    FAILED = "failed"
    """The tool raised, overran its deadline, or was called wrongly; the result says which."""
    CANCELLED = "cancelled"
    """The person interrupted, or the call ended."""


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one for each call."""

    call_id: str
    output: str
    """For the model: JSON, or plain text."""
    outcome: Outcome = Outcome.DONE
    after_s: float = 0.0
    """How long the tool took."""


_NOTE_CHARS = 60
"""Room for the words about what was left out."""


def shown(output: str) -> str:
    """What a model is shown of a result: MAX_RESULT_CHARS at most."""
    if len(output) <= MAX_RESULT_CHARS:
        return output
    kept = MAX_RESULT_CHARS - _NOTE_CHARS
    return f"{output[:kept]}\n[{len(output) - kept} more characters were left out]"
