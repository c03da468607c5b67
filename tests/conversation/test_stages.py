"""What the time of a turn was spent on."""

from __future__ import annotations

from parley.conversation.record import TurnRecord
from parley.conversation.stages import Stage, stages_of

SPOKEN = {"turn": 1, "user_text": "hello", "first_sample_s": 1.0, "first_partial_s": 1.3}


def test_a_spoken_turn_has_all_of_them() -> None:
    record = TurnRecord(
        **SPOKEN,  # type: ignore[arg-type]
        final_s=2.4,
        last_sample_s=2.0,
        decided_s=2.5,
        first_token_s=2.6,
        first_phrase_s=2.7,
        first_audio_s=2.9,
    )
    assert stages_of(record, 5.0) == (
        Stage("speech", 1.0, 2.0),
        Stage("end_of_speech", 2.0, 2.5),
        Stage("final", 2.0, 2.4),
        Stage("first_token", 2.4, 2.6),
        Stage("first_phrase", 2.6, 2.7),
        Stage("first_audio", 2.7, 2.9),
        Stage("heard", 2.9, 5.0),
    )


def test_what_was_begun_early_is_counted_from_there() -> None:
    record = TurnRecord(
        **SPOKEN,  # type: ignore[arg-type]
        final_s=2.4,
        last_sample_s=2.0,
        foreseen_s=2.2,
        decided_s=2.8,
        first_token_s=2.5,
    )
    assert Stage("first_token", 2.2, 2.5) in stages_of(record, 3.0)


def test_a_typed_turn_has_no_speech_and_one_cut_short_no_sound() -> None:
    record = TurnRecord(
        turn=1, user_text="x", first_sample_s=1.0, first_partial_s=None, final_s=1.0
    )
    assert stages_of(record, 1.5) == ()
    record.first_token_s = 1.2
    assert stages_of(record, 1.5) == (Stage("first_token", 1.0, 1.2),)


def test_no_stage_ends_before_it_begins() -> None:
    record = TurnRecord(
        **SPOKEN,  # type: ignore[arg-type]
        final_s=2.4,
        last_sample_s=2.0,
        first_audio_s=3.0,
    )
    assert Stage("heard", 3.0, 3.0) in stages_of(record, 2.9)
