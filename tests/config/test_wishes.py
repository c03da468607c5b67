"""Wishes: what a client may set of its own session, and how it is told what it may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.config import BadWish, Settings, wished

SERVER = Settings.defaults(stream_onset_ms=120, openai_api_key="sk-x")


def changed(query: dict[str, str], voice: str | None = "stream_tts_voice") -> dict[str, object]:
    """The fields that the wishes changed."""
    assert voice in (None, "stream_tts_voice", "openai_tts_voice")
    found = wished(SERVER, query, voice)  # type: ignore[arg-type]
    return {
        name: getattr(found, name)
        for name in Settings.model_fields
        if getattr(found, name) != getattr(SERVER, name)
    }


@pytest.mark.parametrize(
    "query", [{}, {"record": "x" * 20, "token": "a"}, {"silence_ms": "", "voice": " "}]
)
def test_without_wishes_the_settings_are_the_servers(query: dict[str, str]) -> None:
    assert wished(SERVER, query, None) is SERVER


def test_a_silence_holds_on_every_endpoint() -> None:
    found = wished(SERVER, {"silence_ms": "450"}, None)
    for dialect in ("prompt-voice", "io-speech", "newspeech"):
        assert found.hearing_for(dialect).silence_ms == 450
        assert found.hearing_for(dialect).onset_ms == 120
    assert SERVER.hearing.silence_ms == 700


@pytest.mark.parametrize(
    ("sensitivity", "aggressiveness", "threshold"),
    [
        *(("0", 3, 0.1), ("0.25", 2, 0.0316), ("0.5", 2, 0.01)),
        *(("0.75", 1, 0.00316), ("1", 0, 0.001), ("1.0", 0, 0.001)),
    ],
)
def test_a_sensitivity_turns_every_detectors_knob(
    sensitivity: str, aggressiveness: int, threshold: float
) -> None:
    hearing = wished(SERVER, {"sensitivity": sensitivity}, None).hearing
    assert hearing.sensitivity == float(sensitivity)
    assert hearing.vad_aggressiveness == aggressiveness
    assert hearing.threshold == pytest.approx(min(0.95, max(0.05, 1 - float(sensitivity))))
    assert hearing.energy_threshold == pytest.approx(threshold, rel=0.01)


@given(st.floats(0, 1))
def test_whatever_the_sensitivity_the_settings_are_valid(sensitivity: float) -> None:
    found = wished(SERVER, {"sensitivity": repr(sensitivity)}, None)
    Settings.defaults(
        vad_sensitivity=found.vad_sensitivity,
        vad_energy_threshold=found.vad_energy_threshold,
        stream_vad_aggressiveness=found.stream_vad_aggressiveness,
        stream_vad_threshold=found.stream_vad_threshold,
    )


@pytest.mark.parametrize("setting", ["stream_tts_voice", "openai_tts_voice"])
@pytest.mark.parametrize(
    "voice", ["de", "en-us+f3", "English (America)", "gmw/en-us", "Zoë", "a.b"]
)
def test_a_voice_is_that_of_the_engine_that_speaks(setting: str, voice: str) -> None:
    assert changed({"voice": voice}, setting) == {setting: voice}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"silence_ms": "299"}, "silence_ms: '299' is refused; allowed: whole number, 300 to 2000"),
        ({"silence_ms": "2001"}, "300 to 2000 ms"),
        ({"silence_ms": "soon"}, "'soon' is refused"),
        ({"silence_ms": "500.5"}, "whole number"),
        ({"sensitivity": "1.1"}, "sensitivity: '1.1' is refused; allowed: number, 0 to 1"),
        ({"sensitivity": "nan"}, "'nan' is refused"),
        ({"sensitivity": "-0.1"}, "0 to 1"),
        ({"voice": "../../x"}, r"voice: '\.\./\.\./x' is refused; allowed: a voice's name"),
        ({"voice": "/dev/zero"}, "is refused"),
        ({"voice": "en/../de"}, "is refused"),
        ({"voice": "en+../x"}, "is refused"),
        ({"voice": "en//x"}, "is refused"),
        ({"voice": "en\0"}, "is refused"),
        ({"voice": "a\nb"}, r"'a\\nb' is refused"),
        ({"voice": "a" * 101}, r"'a{40}\.\.\.' is refused.*100 characters"),
        ({"silence_ms": "500", "sensitivity": "x"}, "sensitivity: 'x'"),
    ],
)
def test_a_bad_wish_is_refused_in_words(query: dict[str, str], words: str) -> None:
    with pytest.raises(BadWish, match=words):
        wished(SERVER, query, "stream_tts_voice")


def test_an_engine_with_one_voice_says_so() -> None:
    with pytest.raises(BadWish, match="voice: the engine that speaks here has one voice only"):
        wished(SERVER, {"voice": "de"}, None)


@given(st.text(max_size=120))
def test_any_text_is_a_voice_or_refused(voice: str) -> None:
    try:
        found = wished(SERVER, {"voice": voice}, "stream_tts_voice").stream_tts_voice
    except BadWish as problem:
        assert str(problem).isascii()
    else:
        assert found is None or (found.isprintable() and ".." not in found and found[0] != "/")


@pytest.mark.parametrize("speak", ["sentences", "short"])
def test_a_client_may_ask_for_sentences_or_short_phrases(speak: str) -> None:
    assert changed({"speak": speak}) == {"stream_phrases": speak}


def test_what_is_neither_is_refused() -> None:
    with pytest.raises(BadWish, match="speak: 'tokens' is refused; allowed: sentences, short"):
        wished(SERVER, {"speak": "tokens"}, None)
