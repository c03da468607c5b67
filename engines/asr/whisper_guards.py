"""What Whisper says that nobody said: how to notice it.

Whisper was trained on subtitles. Given silence it may say "Thank you.", in a tight window it may
say the last words for ever. Each guard looks for one kind of that; thresholds are those of the
reference implementation where it has them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import Enum

NO_SPEECH = 0.6
"""Reference: above this, and with an unsure text, the window is silence."""
NO_SPEECH_SURE = 0.9
"""Above this no text is believed: a model that is sure of silence says a word with ease. Stock
decoders believe the word."""
NO_SPEECH_MAYBE = 0.3
"""Enough where the text is a wild guess: tones like music come out as some word or other."""
WILD_GUESS = -1.5
LOG_PROBABILITY = -1.0
"""Reference: mean log probability of the tokens below which a text is a guess."""
COMPRESSION = 2.4
"""Reference: text that compresses better than this repeats itself."""
REPEATS = {1: 6, 2: 4, 3: 3, 4: 3, 5: 3}
"""Words in a row: how often the same ones may follow each other, less one. "No, no, no, no" is
speech, six times the same word is a loop."""


class Guard(Enum):
    """Why a text is not believed."""

    SILENCE = "silence"
    ENDLESS = "endless"
    """It was still talking when all tokens that the audio can hold were spent."""
    REPETITION = "repetition"
    COMPRESSION = "compression"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """One pass over one piece of audio."""

    text: str
    log_probability: float
    """Mean over the tokens."""
    no_speech: float
    """0 to 1: how sure the model is that nobody speaks."""
    capped: bool
    """Whether it ended at the token cap and not by itself."""
    ms: float
    """What it took."""
    tokens: tuple[int, ...] = ()
    """The whole text, with what it was told to begin with."""
    language: str = ""


def guard_of(decoded: Decoded) -> Guard | None:
    """What is wrong with it; None where nothing is."""
    text = decoded.text
    unsure = decoded.log_probability < LOG_PROBABILITY
    if decoded.no_speech > _silence_from(decoded.log_probability):
        return Guard.SILENCE
    if decoded.capped:
        return Guard.ENDLESS
    if repeats(text.lower().split()):
        return Guard.REPETITION
    if compression(text) > COMPRESSION:
        return Guard.COMPRESSION
    return Guard.UNSURE if unsure and text else None


def _silence_from(log_probability: float) -> float:
    """The more a text is a guess, the less it takes to call the window silence."""
    if log_probability < WILD_GUESS:
        return NO_SPEECH_MAYBE
    return NO_SPEECH if log_probability < LOG_PROBABILITY else NO_SPEECH_SURE


def compression(text: str) -> float:
    """How much smaller zlib makes it; 0 of nothing."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def repeats(words: list[str]) -> bool:
    """Whether some words follow themselves more often than anybody says them."""
    for length, times in REPEATS.items():
        for start in range(len(words) - length * times + 1):
            group = words[start : start + length]
            again = words[start : start + length * times]
            if again == group * times:
                return True
    return False
