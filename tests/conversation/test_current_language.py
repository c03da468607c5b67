"""Which language a conversation is in, and what a model is told of it."""

from __future__ import annotations

import pytest

from parley.conversation.current_language import CurrentLanguage
from parley.conversation.items import Items
from parley.conversation.languages import base_language, code_of, languages_of, name_of

GERMAN = "The person speaks German. Answer in German."
ENGLISH = "The person speaks English. Answer in English."


def test_a_language_that_is_set_is_that_of_every_utterance() -> None:
    current = CurrentLanguage("de")
    assert (current.now, current.of("en"), current.of(None)) == (
        "de",
        "de",
        "de",
    )
    assert current.note("de") == GERMAN


def test_one_that_is_found_out_is_that_of_what_was_said_last() -> None:
    current = CurrentLanguage("auto")
    assert (current.now, current.of(None), current.of("de-AT")) == (
        "",
        "",
        "de",
    )
    current.heard("de")
    assert (current.now, current.of(None), current.of("fr")) == (
        "de",
        "de",
        "fr",
    )


def test_that_english_is_spoken_goes_without_saying_until_another_language_was() -> None:
    current = CurrentLanguage("auto")
    told = []
    for language in ("", "en", "de", "en"):
        current.heard(language)
        told.append(current.note(language))
    assert told == ["", "", GERMAN, ENGLISH]
    assert CurrentLanguage("en").note("en") == ""


def test_a_model_need_not_be_told() -> None:
    assert CurrentLanguage("de", tells_model=False).note("de") == ""


def test_the_note_stands_with_the_system_prompt_and_is_not_kept() -> None:
    items = Items("Be brief.", 10)
    items.commit(1, "hello", "Hi.")
    asked = items.request("wie geht es", GERMAN)
    assert [message.role for message in asked] == ["system", "user", "assistant", "user"]
    assert asked[0].text == f"Be brief.\n{GERMAN}"
    assert items.request("and now")[0].text == "Be brief."


@pytest.mark.parametrize(
    ("told", "code"),
    [
        *(("German", "de"), ("de", "de"), ("de_AT", "de"), ("cmn", "zh"), ("nb", "no")),
        *((" english ", "en"), ("Klingon", None), ("", None), (None, None), (5, None)),
    ],
)
def test_other_programs_words_for_a_language_are_understood(told: object, code: str | None) -> None:
    assert code_of(told) == code


def test_lists_of_languages_are_read() -> None:
    assert languages_of("en, DE,fr en") == ("en", "de", "fr")
    assert languages_of("") == ()
    for bad in ("auto", "en,deutsch"):
        with pytest.raises(ValueError, match="language"):
            languages_of(bad)


def test_languages_have_names() -> None:
    assert (name_of("de"), name_of("xx"), base_language("en_GB")) == ("German", "Xx", "en")
