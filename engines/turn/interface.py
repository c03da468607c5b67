"""An end-of-turn engine says, at a short silence, how likely the person has finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

HEARD_S = 8.0
"""So much of the newest audio an engine is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A short silence in an utterance.

    `text` is what was understood of it so far, without punctuation from some recognizers: its final
    transcript, or the newest hypothesis for an engine that does not need the text. `pcm16` is its
    newest audio, HEARD_S at most, mono at 16 kHz, the silence included. `asked` is what the agent
    said last, as far as it was heard; empty before it said anything. `language` is that of the
    text, a code; empty where nobody knows.
    """

    text: str
    pcm16: bytes
    asked: str = ""
    language: str = ""


class TurnEndEngine(Protocol):
    """Shared by all sessions."""

    needs_text: bool
    """Whether it looks at the words. One that does not is asked before they are known."""

    async def likelihood(self, pause: Pause) -> float:
        """How likely the turn is over, 0 to 1; 0.5 where there is no telling. Raises EngineFailure.
        The deadline is the caller's."""
        ...
