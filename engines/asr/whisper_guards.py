"""What Whisper says that nobody said: how to notice it.

Each guard looks for one kind of that; thresholds are those of the reference implementation where
it has them.
"""

from __future__ import annotations

from .decoded import (
    Decoded,
    Guard,
    compression,
    credits_only,
    doubled,
    plain_words,
    repeats,
)

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


def guard_of(decoded: Decoded) -> Guard | None:
    """What is wrong with it; None where nothing is."""
    text = decoded.text
    unsure = decoded.log_probability < LOG_PROBABILITY
    if decoded.no_speech > _silence_from(decoded.log_probability) or credits_only(text):
        return Guard.SILENCE
    if decoded.capped:
        return Guard.ENDLESS
    if repeats(text.lower().split()):
        return Guard.REPETITION
    if doubled(plain_words(text)):
        return Guard.DOUBLED
    if compression(text) > COMPRESSION:
        return Guard.COMPRESSION
    return Guard.UNSURE if unsure and text else None


def _silence_from(log_probability: float) -> float:
    """The more a text is a guess, the less it takes to call the window silence."""
    if log_probability < WILD_GUESS:
        return NO_SPEECH_MAYBE
    return NO_SPEECH if log_probability < LOG_PROBABILITY else NO_SPEECH_SURE
