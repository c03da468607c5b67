"""What a rule is given, and what it gives."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from ....conversation.later import Wish
from ....protocol.chat import ChatMessage, Role
from .numbers import with_digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was said last, and all that a rule may look at besides."""

    words: str
    """In lower case, without punctuation: "what is five plus six"."""
    figures: str
    """The same with numbers in digits and with signs: "what is 5 plus 6"."""
    conversation: Sequence[ChatMessage]
    moment: datetime
    """The time here, with its time zone."""
    chance: random.Random

    def said_by(self, role: Role) -> list[str]:
        """The words of each message that has any: one that calls a tool may have none."""
        texts = (message.text.strip() for message in self.conversation if message.role == role)
        return [text for text in texts if text]


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    wishes: tuple[Wish, ...] = ()
    """What is to be said later, or is not to be said after all."""


Rule: TypeAlias = Callable[[Asked], Answer | str | None]
"""An answer, or None where this is nothing that the rule knows."""


def asked_of(conversation: Sequence[ChatMessage], moment: datetime, chance: random.Random) -> Asked:
    """What the newest of the user's messages asks."""
    newest = next((m.text for m in reversed(conversation) if m.role == "user"), "")
    said = newest.lower().replace("\u2019", "'")
    return Asked(
        words=" ".join(re.sub(r"[^\w\s':]|_", " ", said).split()),
        figures=with_digits(said),
        conversation=conversation,
        moment=moment,
        chance=chance,
    )


def fixed(pattern: str, *answers: str) -> Rule:
    """A rule with one of these answers to all words that match."""
    wanted = re.compile(pattern)

    def rule(asked: Asked) -> str | None:
        return asked.chance.choice(answers) if wanted.search(asked.words) else None

    return rule
