"""The stages of a turn: what its time was spent on, from the first word to the last that was heard.

Pure. Times are seconds of the session's clock. Stages may overlap: a reply that was begun early was
made while the end of the turn was not decided yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from .record import TurnRecord


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    began_s: float
    ended_s: float


def stages_of(record: TurnRecord, over_s: float) -> tuple[Stage, ...]:
    """Those that there were, in order: a turn that was typed has no speech, one that was
    interrupted early no sound. `over_s` is when the turn ended, its reply heard or cut."""
    asked_s = record.final_s if record.foreseen_s is None else record.foreseen_s
    spans = (
        ("speech", _spoken_from(record), record.last_sample_s),
        ("end_of_speech", record.last_sample_s, record.decided_s),
        ("final", record.last_sample_s, record.final_s),
        ("first_token", asked_s, record.first_token_s),
        ("first_phrase", record.first_token_s, record.first_phrase_s),
        ("first_audio", record.first_phrase_s, record.first_audio_s),
        ("heard", record.first_audio_s, over_s),
    )
    return tuple(
        Stage(name, began_s, max(began_s, ended_s))
        for name, began_s, ended_s in spans
        if began_s is not None and ended_s is not None
    )


def _spoken_from(record: TurnRecord) -> float | None:
    return None if record.last_sample_s is None else record.first_sample_s
