"""A reply while a model writes it: what of it is for people, and how long to wait for more of it.

Thoughts, tool markup and special tokens are taken out (thoughts.py). What comes before the first
word (white space, dots) waits for that: a reply of nothing else is none. Whatever comes is a sign
of life, and a model that shows one has longer for its first word. Plain; one per attempt.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

from .hidden_markup import Kind
from .thoughts import Thoughts

MAX_SHOWN_CHARS = 40
"""Of a reply without a word, in the message about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMDeadlines:
    """Source: wire facts of dialect A, "Timeouts". Only time spent waiting for the engine counts:
    a stream that Parley itself holds, because phrases are pending, is not late."""

    first_token_s: float
    """Until the first sign of life."""
    gap_s: float
    """Between two of them."""
    total_s: float
    """For the reply, without the time that the model showed life in and had not begun."""
    first_word_s: float
    """From the request to the first word, where there are signs of life before it."""


class NoWord(Exception):
    """A reply that has ended and has no word in it. The message says what it was instead."""


@dataclass(slots=True)
class Writing:
    deadlines: LLMDeadlines
    spoke: bool = False
    """Whether there was a word."""
    _alive: bool = False
    """Whether anything came at all."""
    _left_s: float = 0.0
    _word_left_s: float = 0.0
    _thoughts: Thoughts = field(default_factory=Thoughts)
    _waiting: list[str] = field(default_factory=list)
    """What came before the first word."""

    def __post_init__(self) -> None:
        self._left_s = self.deadlines.total_s
        self._word_left_s = self.deadlines.first_word_s

    # How long to wait

    @property
    def limit_s(self) -> float:
        """For the next part."""
        if not self._alive:
            return min(self.deadlines.first_token_s, self._left_s)
        left_s = self._left_s if self.spoke else self._word_left_s
        return min(self.deadlines.gap_s, left_s)

    @property
    def overrun(self) -> str | None:
        """What is to be said where that passes, if it is not just that it took so long."""
        if self._alive and not self.spoke and self._word_left_s <= self.deadlines.gap_s:
            limit_s = self.deadlines.first_word_s
            return f"the language model was at work for {limit_s:g} s without a word"
        return None

    @property
    def late(self) -> bool:
        """Whether nothing more is waited for, also where what came has cost no waiting."""
        return self._left_s <= 0 or (not self.spoke and self._word_left_s <= 0)

    def waited(self, seconds: float) -> None:
        if not self.spoke:
            self._word_left_s = max(0.0, self._word_left_s - seconds)
        if self.spoke or not self._alive:
            self._left_s -= seconds

    # What came

    def sign(self) -> None:
        """Something that is no text: the model is at work."""
        self._alive = True

    def take(self, text: str) -> list[str]:
        """The pieces that are to be told now, none of them empty."""
        self._alive = True
        return self._told(self._thoughts.push(text))

    def finish(self) -> list[str]:
        """The last pieces. Raises NoWord where something came, and no word in it."""
        told = self._told(self._thoughts.finish())
        if self._alive and not self.spoke:
            raise NoWord(self._instead())
        return told

    def _told(self, visible: str) -> list[str]:
        if not visible:
            return []
        if self.spoke:
            return [visible]
        self._waiting.append(visible)
        if not has_word(visible):
            return []
        told, self._waiting, self.spoke = self._waiting, [], True
        return told

    def _instead(self) -> str:
        shown = "".join(self._waiting).strip()[:MAX_SHOWN_CHARS]
        if self._thoughts.thinking:
            return "was still thinking when its reply ended: check OPENAI_MAX_TOKENS"
        if Kind.TOOL in self._thoughts.kinds:
            return "called a tool, and Parley offers none"
        if shown:
            return f"answered {shown!r} and no word"
        if Kind.THOUGHT in self._thoughts.kinds:
            return "thought and said nothing"
        return "ended its reply without a word"


def has_word(text: str) -> bool:
    """Whether there is more than white space, control characters and punctuation."""
    return any(unicodedata.category(character)[0] not in "ZCP" for character in text)


def visible_text(text: str) -> str:
    """What people see of a whole reply."""
    thoughts = Thoughts()
    return thoughts.push(text) + thoughts.finish()
