"""How long a turn took, by what a caller waits for."""

from __future__ import annotations

from .timeline import Turn

FIRST_AUDIO = "first audio"
"""From the caller's last word, or from typed words, to the first sound of the reply."""

SILENT = "sound to silence"
"""From the first sound of an interruption to the end of the reply's."""


def latencies_ms(turn: Turn) -> dict[str, float]:
    since_s = turn.asked_s if turn.speech_end_s is None else turn.speech_end_s
    found: dict[str, float] = {}
    if turn.first_audio_s is not None:
        found[FIRST_AUDIO] = (turn.first_audio_s - since_s) * 1000
    if turn.speech_end_s is not None:
        found["final words"] = (turn.asked_s - since_s) * 1000
    if turn.first_token_s is not None:
        found["first token"] = (turn.first_token_s - since_s) * 1000
    return found
