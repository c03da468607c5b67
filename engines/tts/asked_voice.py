"""The voice that a client asks for by its name.

Clients of OpenAI's API ask for one of its voices wherever they are connected to; some do so though
nobody told them to (the Agents SDK for Python wants "ash"). A voice that has none of those names
speaks with its own then: whoever wants another one names one that is here.
"""

from __future__ import annotations

from .interface import ManyVoices, Paced, Synthesizer

OPENAI_VOICES = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable"),
    *("marin", "nova", "onyx", "sage", "shimmer", "verse"),
)


def in_voice(synthesizer: Synthesizer, name: str) -> Synthesizer:
    """The synthesizer with this voice; as it is where it has one voice alone, or the name is one of
    OpenAI's and its voices have others."""
    if not name or not isinstance(synthesizer, ManyVoices):
        return synthesizer
    if name in OPENAI_VOICES and not set(OPENAI_VOICES) & set(synthesizer.voices):
        return synthesizer
    return synthesizer.with_voice(name)


def at_speed(synthesizer: Synthesizer, speed: float) -> Synthesizer:
    """The synthesizer at this pace, as far as it has one of its own; 1 is as it is set."""
    if speed == 1.0 or not isinstance(synthesizer, Paced):
        return synthesizer
    slowest, fastest = synthesizer.speeds
    return synthesizer.at_speed(min(max(speed, slowest), fastest))
