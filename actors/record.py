"""What is known of one turn: its text, its times and its ledger. Plain; owned by the turn."""

from __future__ import annotations

from dataclasses import dataclass, field

from .ledger import Ledger


@dataclass(slots=True)
class TurnRecord:
    """The actors of a turn write it, the dialogue reads it. Times are seconds of Trio's clock."""

    turn: int
    user_text: str
    first_sample_s: float
    first_partial_s: float | None
    final_s: float
    first_token_s: float | None = None
    first_audio_s: float | None = None
    text: str = ""
    """The reply as the language model wrote it so far."""
    written: bool = False
    """Whether the language model has ended: the reply's text is whole."""
    failed: bool = False
    """Whether the language model gave up on the way."""
    committed: bool = False
    """Whether the memory holds this turn."""
    ledger: Ledger = field(default_factory=Ledger)
