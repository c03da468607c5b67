"""The languages: the same as Whisper's, and a wrong one is answered with the likely right one."""

from __future__ import annotations

import pytest
from faster_whisper.tokenizer import _LANGUAGE_CODES

from parley.config import SettingsError, load_settings
from parley.conversation.languages import LANGUAGES, check_language


def test_they_are_the_codes_that_the_recognizer_takes() -> None:
    assert sorted(LANGUAGES) == sorted(_LANGUAGE_CODES)
    assert len(set(LANGUAGES.values())) == len(LANGUAGES)


@pytest.mark.parametrize("code", ["en", "yue", "haw", "auto"])
def test_a_code_that_is_known_passes(code: str) -> None:
    assert check_language(code) == code


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("EN", "en (english)"),
        ("en-US", "en (english)"),
        ("pt_BR", "pt (portuguese)"),
        ("german", "de (german)"),
        ("Cantonse", "yue (cantonese)"),
        ("haitian", "ht (haitian creole)"),
        ("enn", "en (english)"),
    ],
)
def test_what_was_probably_meant_is_named(code: str, meant: str) -> None:
    with pytest.raises(ValueError, match="is no language code") as caught:
        check_language(code)
    assert meant in str(caught.value).partition("did you mean ")[2]


@pytest.mark.parametrize("code", ["", "klingon!", "12"])
def test_where_nothing_is_near_all_are_named(code: str) -> None:
    with pytest.raises(ValueError, match="known are auto and af, am, "):
        check_language(code)


@pytest.mark.parametrize("value", ["EN", "auto", "Yue"])
def test_the_setting_takes_any_case(value: str) -> None:
    settings = load_settings(environ={"STREAM_LANGUAGE": value}, env_file=None)
    assert settings.transcribing.language == value.lower()


def test_a_setting_that_is_no_language_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={"STREAM_LANGUAGE": "english"}, env_file=None)
    assert str(caught.value) == (
        "STREAM_LANGUAGE: 'english' is refused; allowed: auto, or a language code "
        "such as en, de or yue; did you mean en (english)? (from the environment)"
    )


def test_a_setting_that_resembles_nothing_is_refused_without_a_guess() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"stream_language": 7}, environ={}, env_file=None)
    assert "did you mean" not in str(caught.value)
