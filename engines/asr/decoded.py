"""What a decode of some audio gives, and what can be wrong with a text that a model makes up.

Models of speech were trained on subtitles. Given silence they may say "Thank you." or "You", at the
end of a text they may say the last words for ever. Each engine has its own guards; what all of
them look for is here.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import Enum

REPEATS = {1: 6, 2: 4, 3: 3, 4: 3, 5: 3}
"""Words in a row: how often the same ones may follow each other, less one. "No, no, no, no" is
speech, six times the same word is a loop."""


CREDITS = frozenset(
    {
        "thank you for watching",
        "thanks for watching",
        "thank you so much for watching",
        "thank you for watching this video",
        "thanks for watching the video",
        "please subscribe",
        "subscribe to my channel",
        "please subscribe to my channel",
        "see you in the next video",
        "subtitles by the amara org community",
    }
)
"""What stands under the end of films, and what models hear in music. Nobody says it to them."""

LONG_ROW = 4
"""So many words in the same order twice are no accident."""


class Guard(Enum):
    """Why a text is not believed."""

    SILENCE = "silence"
    ENDLESS = "endless"
    """It was still talking when all tokens that the audio can hold were spent."""
    REPETITION = "repetition"
    DOUBLED = "doubled"
    """It is the same words twice. People say so, too: a second look decides."""
    COMPRESSION = "compression"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """One pass over one piece of audio."""

    text: str
    log_probability: float
    """Mean over the tokens."""
    no_speech: float = 0.0
    """0 to 1: how sure the model is that nobody speaks; 0 where it does not say."""
    capped: bool
    """Whether it ended at the token cap and not by itself."""
    ms: float
    """What it took."""
    tokens: tuple[int, ...] = ()
    """The whole text, with what it was told to begin with."""
    language: str = ""
    """In which it was decoded."""
    found: str = ""
    """The language that a look for it found; empty where nobody looked."""
    sure: float = 0.0
    """How likely that one is, 0 to 1."""
    other: str = ""
    """The next likely one."""


def plain_words(text: str) -> list[str]:
    """In lower case, without punctuation."""
    return "".join(c if c.isalnum() or c in "' " else " " for c in text.lower()).split()


def compression(text: str) -> float:
    """How much smaller zlib makes it; 0 of nothing."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def doubled(words: list[str]) -> bool:
    """Whether a row of two words or more is followed by itself ("half an hour half an hour"), or a
    row of four comes twice at all ("what is the time now what is the time")."""
    rows = [tuple(words[at : at + LONG_ROW]) for at in range(len(words) - LONG_ROW + 1)]
    if len(set(rows)) < len(rows):
        return True
    for length in range(2, len(words) // 2 + 1):
        for start in range(len(words) - 2 * length + 1):
            middle = start + length
            if words[start:middle] == words[middle : middle + length]:
                return True
    return False


def credits_only(text: str) -> bool:
    """Whether it is what stands under the end of a film, and nothing else."""
    return " ".join(plain_words(text)) in CREDITS


def says_twice(text: str) -> bool:
    """Whether it is one word twice or more and nothing else, or holds words that are doubled."""
    words = plain_words(text)
    return doubled(words) or (len(words) > 1 and len(set(words)) == 1)


def repeats(words: list[str]) -> bool:
    """Whether some words follow themselves more often than anybody says them."""
    for length, times in REPEATS.items():
        for start in range(len(words) - length * times + 1):
            group = words[start : start + length]
            again = words[start : start + length * times]
            if again == group * times:
                return True
    return False
