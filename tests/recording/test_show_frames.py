"""Servers' frames, as far as they are for the eye."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parley.recording.show.frames import (
    AudioTold,
    CutTold,
    ErrorTold,
    FinalTold,
    InfoTold,
    PartialTold,
    told,
)


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (
            {"type": "partial_transcript", "text": "turn", "stable_chars": 2, "audio_ms": 300},
            PartialTold(text="turn", stable_chars=2, audio_ms=300),
        ),
        (
            {"type": "transcript", "text": "turn", "is_final": False, "confidence": 0.5},
            PartialTold(text="turn", stable_chars=2, audio_ms=None),
        ),
        (
            {"type": "transcript", "text": "turn", "confidence": 0.75, "stable_chars": 0},
            PartialTold(text="turn", stable_chars=0, audio_ms=None),
        ),
        ({"type": "final_transcript", "text": "turn", "id": "1"}, FinalTold("turn")),
        ({"type": "transcript", "text": "turn", "is_final": True}, FinalTold("turn")),
        ({"type": "barge_in", "seq": 3}, CutTold(cancelled=False)),
        ({"type": "error", "code": "CANCELLED", "message": "by"}, CutTold(cancelled=True)),
        ({"type": "error", "code": "LLM_FAIL", "message": "no"}, ErrorTold("LLM_FAIL", "no")),
        ({"type": "info", "message": "hm"}, InfoTold("hm")),
        ({"type": "info", "message": "Session created"}, None),
        ({"type": "pong"}, None),
    ],
)
def test_each_dialect_says_it_in_its_own_words(message: dict[str, Any], found: object) -> None:
    assert told(json.dumps(message), None) == found


def test_sound_comes_with_its_rate() -> None:
    assert told(bytes(4), 24_000) == AudioTold(bytes(4), 24_000)
    assert told(bytes(4), None) is None
    frame = {"type": "audio_output", "data": "AAAAAAA=", "sample_rate": 16_000}
    assert told(json.dumps(frame), None) == AudioTold(bytes(4), 16_000)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "[]",
        "no json",
        '{"type": ["a"]}',
        '{"type": "partial_transcript", "stable_chars": [1]}',
        '{"type": "audio_output"}',
        '{"type": "audio_output", "data": "", "sample_rate": 0}',
        '{"type": "audio_output", "data": "!", "sample_rate": 16000}',
        '{"type": "tts_chunk", "audio_b64": ""}',
    ],
)
def test_what_makes_no_sense_is_nothing(frame: str) -> None:
    assert told(frame, None) is None
