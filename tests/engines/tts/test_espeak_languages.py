"""The voice of the language that is spoken."""

from __future__ import annotations

import pytest

from parley.config import Settings
from parley.engines.tts.espeak_languages import espeak_languages, voice_of
from parley.engines.who import who_hears_and_speaks


@pytest.mark.parametrize(
    ("language", "voice"),
    [("de", "de"), ("fr", "fr-fr"), ("zh", "cmn"), ("sw", "sw"), ("en", None), ("auto", None)],
)
def test_a_language_has_a_voice(language: str, voice: str | None) -> None:
    assert voice_of(language) == voice
    assert voice is None or voice in espeak_languages()


def test_a_language_that_nobody_speaks_has_none() -> None:
    assert voice_of("zz") is None


def test_what_is_named_comes_before_the_language() -> None:
    chosen = {"asr": "pocketsphinx", "tts": "pyttsx3"}
    german = Settings.defaults(stream_language="de", parley_models_dir="/nowhere")
    assert who_hears_and_speaks(german, chosen)["speaks"] == "eSpeak NG, voice de"
    named = Settings.defaults(stream_language="de", stream_tts_voice="de+f3")
    assert who_hears_and_speaks(named, chosen)["speaks"] == "eSpeak NG, voice de+f3"
