"""Which part of a growing transcript can be relied on: LocalAgreement over its hypotheses.

What two hypotheses in a row begin with alike is stable: it will be shown unchanged from then on,
whatever the recognizer thinks of it later (the final may still say otherwise). Source: the
LocalAgreement-2 policy of D. Liu et al., "Low-latency sequence-to-sequence speech recognition".
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import NamedTuple

APART_MS = 300
"""Two hypotheses are compared that lie at least so much audio apart. A recognizer that is asked
every 100 ms agrees with itself about the word that it is just hearing."""


class Shown(NamedTuple):
    """What to show: the text, and how many of its characters are stable."""

    text: str
    stable_chars: int


class Agreement:
    """One per utterance; `update` with every hypothesis, in order."""

    def __init__(self) -> None:
        self._stable: list[str] = []
        self._before: list[str] = []
        self._before_ms = float("-inf")
        self._text = ""

    def update(self, text: str, audio_ms: float) -> Shown:
        """`audio_ms` is how much audio the hypothesis covers. Never shows less than what is
        stable."""
        words = self._spliced(text.split())
        if audio_ms - self._before_ms >= APART_MS:
            agreed = _common(self._before, words)
            if agreed > len(self._stable):
                self._stable = words[:agreed]
            self._before, self._before_ms = words, audio_ms
        self._text = " ".join(words)
        return self.shown

    @property
    def shown(self) -> Shown:
        return Shown(self._text, len(" ".join(self._stable)))

    def _spliced(self, words: list[str]) -> list[str]:
        """The hypothesis with its beginning as it was shown. Where it changed its mind about that,
        what it adds begins behind the last word that both have."""
        stable = self._stable
        if words[: len(stable)] == stable:
            return words
        blocks = SequenceMatcher(a=stable, b=words, autojunk=False).get_matching_blocks()
        ours, theirs = 0, 0
        for block in blocks:
            if block.size:
                ours, theirs = block.a + block.size, block.b + block.size
        # As many words as were stable and are not matched stand for each other.
        return stable + words[theirs + len(stable) - ours :]


def _common(one: list[str], other: list[str]) -> int:
    """How many words they begin with alike."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))
