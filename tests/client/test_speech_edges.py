"""Onset and end of speech by energy."""

from __future__ import annotations

from parley.client.speech_edges import SpeechEdges, speech_edges
from support.stand_in import quiet, tone


def test_the_edges_of_a_tone_are_found_to_the_window() -> None:
    found = speech_edges(quiet(300) + tone(500) + quiet(1000), 16_000)
    assert found == SpeechEdges(onset_ms=300, last_ms=800)


def test_noise_40_db_below_the_peak_is_not_speech() -> None:
    noise = tone(200, amplitude=70)
    found = speech_edges(noise + tone(100) + noise, 16_000)
    assert found == SpeechEdges(onset_ms=200, last_ms=300)


def test_a_pause_inside_is_inside() -> None:
    found = speech_edges(tone(50) + quiet(300) + tone(50), 16_000)
    assert found == SpeechEdges(onset_ms=0, last_ms=400)


def test_silence_has_no_edges() -> None:
    assert speech_edges(quiet(100), 16_000) is None


def test_less_than_a_window_has_no_edges() -> None:
    assert speech_edges(tone(9) + b"\1", 16_000) is None
