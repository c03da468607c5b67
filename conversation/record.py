"""What is known of one turn: its text, its times and its ledger. Plain; owned by the turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..protocol.effects import AS_ALWAYS, ReplyWish
from .later import Wish
from .ledger import Ledger
from .rounds import Rounds


@dataclass(slots=True)
class TurnRecord:
    """The actors of a turn write it, the dialogue reads it. Times are seconds of Trio's clock."""

    turn: int
    user_text: str
    first_sample_s: float
    first_partial_s: float | None
    final_s: float
    language: str = ""
    """In which it is answered, a code; empty where nobody knows."""
    last_sample_s: float | None = None
    """When the last speech was received, before the silence that ended it; None: it was typed."""
    foreseen_s: float | None = None
    """When the reply was begun, where that was before the end was certain."""
    decided_s: float | None = None
    """When the silence was long enough."""
    first_phrase_s: float | None = None
    first_token_s: float | None = None
    first_audio_s: float | None = None
    text: str = ""
    """The reply as the language model wrote it so far."""
    written: bool = False
    """Whether the language model has ended: the reply's text is whole."""
    wishes: tuple[Wish, ...] = ()
    """What a reply that was written to its end wants said, or not said, later."""
    failed: bool = False
    """Whether the language model gave up on the way."""
    committed: bool = False
    """Whether the memory holds this turn."""
    ledger: Ledger = field(default_factory=Ledger)
    rounds: Rounds = field(default_factory=Rounds)
    say_id: int = 0
    """The conductor's number of what is said here; 0: the turn answers somebody."""
    wish: ReplyWish = AS_ALWAYS
    """How it is to be different from the others."""
    spoken: bool = True
    """Whether it is said; else it is text."""
    max_tokens: int = 0
    """After so many pieces of the model's stream the reply ends; 0: no limit."""
    too_long: bool = False
    """It reached that."""
    asked_chars: int = 0
    """How much text its model was asked with."""
    failure: str = ""
    """Why it failed."""
    interruptible: bool = True
    """Whether the person may speak over it."""
    muted: bool = False
    """Whether nobody is heard while it is said."""

    @property
    def aside(self) -> bool:
        """Whether it is no part of the conversation."""
        return self.wish.aside

    def heard(self, now_s: float) -> str:
        """What the person had of it by `now_s`: the words whose sound was due, or the text."""
        return self.ledger.heard(now_s) if self.spoken else self.text.strip()

    def account(self, now_s: float, *, words: bool) -> dict[str, Any]:
        """The ledger for GET /sessions: how much was said and how much was heard by now, in all and
        phrase by phrase. The text stands in it only with `words`; a status is no place for secrets
        that the log may not hold."""
        ledger = self.ledger
        said, heard = ledger.said(), ledger.heard(now_s)
        phrases = []
        for phrase in ledger.phrases:
            until_s = ledger.until(now_s)
            heard_text = phrase.heard_text(until_s)
            phrases.append(
                {
                    "said_chars": len(phrase.text),
                    "heard_chars": len(heard_text),
                    "said_s": round(phrase.duration_s, 3),
                    "heard_s": round(phrase.heard_s(until_s), 3),
                    **({"said": phrase.text, "heard": heard_text} if words else {}),
                }
            )
        return {
            "turn": self.turn,
            "said_chars": len(said),
            "heard_chars": len(heard),
            "left_s": round(ledger.left_s(now_s), 3),
            **({"said": said, "heard": heard} if words else {}),
            "phrases": phrases,
        }
