"""Which language is spoken: how a model's guesses are weighed, and when they are believed."""

from __future__ import annotations

from typing import Any

import pytest

from parley.engines.asr.decoded import Decoded
from parley.engines.asr.spoken_language import (
    DOUBTFUL,
    LOOK_S,
    SURE_ALONE,
    Found,
    Look,
    Piece,
    SpokenLanguage,
    found,
    language_of,
    likelier,
    to_compare,
    wrongly_heard,
)


def decoded(text: str = "words", **different: Any) -> Decoded:
    known: dict[str, Any] = {"log_probability": -0.3, "capped": False, "ms": 1.0}
    return Decoded(text=text, **{**known, **different})


def piece(language: str, sure: float, *, seconds: float = 1.0, words: str = "some words") -> Piece:
    return Piece(bytes(int(seconds * 16_000) * 2), tuple(words.split()), language, sure)


@pytest.mark.parametrize(
    ("told", "look", "audio_s", "language"),
    [
        ({"de": 0.6, "en": 0.3}, Look(), 1.0, "de"),
        # A second of speech changes no language by a small margin, four seconds do.
        ({"de": 0.6, "en": 0.3}, Look(before="en"), 1.0, "en"),
        ({"de": 0.7, "en": 0.2}, Look(before="en"), 4.0, "de"),
        ({"de": 0.95, "en": 0.03}, Look(before="en"), 1.0, "de"),
        # What the model knows little of is seldom what it says.
        ({"cy": 0.6, "en": 0.2}, Look(), 2.0, "en"),
        ({"cy": 0.95, "en": 0.02}, Look(), 2.0, "cy"),
        ({"cy": 0.6, "en": 0.2}, Look(among=("cy", "en")), 2.0, "cy"),
        ({"cy": 0.6, "en": 0.2}, Look(before="cy"), 2.0, "cy"),
        # Only what is spoken here.
        ({"nl": 0.9, "de": 0.05, "en": 0.01}, Look(among=("en", "de")), 2.0, "de"),
        ({"nl": 0.9}, Look(among=("yue",)), 2.0, "yue"),
        ({"nl": 0.9}, Look(before="en", among=("yue",)), 2.0, "en"),
    ],
)
def test_guesses_are_weighed(
    told: dict[str, float], look: Look, audio_s: float, language: str
) -> None:
    assert found(list(told.items()), look, audio_s).language == language


def test_how_sure_it_is_and_what_comes_next_are_told() -> None:
    seen = found([("de", 0.6), ("en", 0.3), ("fr", 0.1)], Look(), 2.0)
    assert (seen.language, seen.other) == ("de", "en")
    assert seen.sure == pytest.approx(0.6)
    kept = found([("de", 0.6), ("en", 0.4)], Look(before="en"), 4.0)
    assert (kept.language, kept.other) == ("en", "de")
    assert kept.sure == pytest.approx(0.8 / 1.4)


def test_partials_are_in_the_language_of_the_conversation_until_two_looks_agree() -> None:
    spoken_language = SpokenLanguage("", Look(before="en"))
    assert spoken_language.look_of_partial(LOOK_S - 0.1) is None
    assert spoken_language.look_of_partial(LOOK_S) == Look(before="en")
    assert not spoken_language.seen("de", LOOK_S - 0.1)  # too early to count
    assert not spoken_language.seen("de", 1.6)
    assert spoken_language.of_partials == "en"
    assert not spoken_language.seen("fr", 1.9)  # they do not agree
    assert not spoken_language.seen("de", 2.2)
    assert spoken_language.seen("de", 2.5)
    assert spoken_language.of_partials == "de"
    assert spoken_language.look_of_partial(3.0) is None
    assert not spoken_language.seen("fr", 2.8) and not spoken_language.seen("fr", 3.1)
    assert spoken_language.of_partials == "de"


def test_two_looks_that_find_the_same_as_before_change_nothing() -> None:
    spoken_language = SpokenLanguage("", Look(before="en"))
    spoken_language.seen("en", 1.6)
    assert not spoken_language.seen("en", 1.9)
    assert spoken_language.look_of_partial(2.2) is None  # and nobody looks again


def test_before_anything_was_said_partials_are_what_they_seem_and_nothing_is_fixed() -> None:
    spoken_language = SpokenLanguage("", Look())
    assert spoken_language.of_partials == ""
    assert spoken_language.look_of_partial(0.3) == Look()
    assert not spoken_language.seen("cy", 0.3) and not spoken_language.seen("cy", 0.6)
    assert spoken_language.of_partials == ""


def test_a_language_that_is_set_is_not_looked_for() -> None:
    spoken_language = SpokenLanguage("de", Look())
    assert spoken_language.of_partials == "de"
    assert spoken_language.look_of_partial(9.0) is None
    assert spoken_language.look_of_piece([]) is None
    assert not spoken_language.seen("en", 3.0) and not spoken_language.seen("en", 4.0)
    assert spoken_language.of_partials == "de"


def test_a_piece_expects_the_language_of_the_one_before() -> None:
    spoken_language = SpokenLanguage("", Look(before="en", among=("en", "de", "fr")))
    among = ("en", "de", "fr")
    assert spoken_language.look_of_piece([]) == Look(before="en", among=among)
    silent = piece("", 0.0, words="")
    assert spoken_language.look_of_piece([piece("de", 0.9), silent]) == Look(
        before="de", among=among
    )


def test_an_utterance_is_in_the_language_of_most_of_it() -> None:
    assert language_of([]) == Found("", 0.0)
    assert language_of([piece("de", 0.9, words="")]) == Found("", 0.0)
    both = language_of([piece("en", 0.9, seconds=2), piece("de", 0.9, seconds=6)])
    assert both.language == "de"
    assert both.sure == pytest.approx(0.675)


def test_what_was_heard_in_another_language_for_no_good_reason_is_heard_again() -> None:
    assert wrongly_heard(piece("en", SURE_ALONE - 0.1), "de")
    assert not wrongly_heard(piece("en", SURE_ALONE), "de")
    assert not wrongly_heard(piece("de", 0.2), "de")
    assert not wrongly_heard(piece("", 0.0, words=""), "de")
    assert not wrongly_heard(piece("de", 0.2), "")


def test_in_doubt_the_words_decide() -> None:
    doubtful = decoded(language="en", found="en", other="de", sure=DOUBTFUL - 0.1)
    assert to_compare(doubtful) == "de"
    assert to_compare(decoded(language="en", found="en", other="de", sure=DOUBTFUL)) == ""
    assert to_compare(decoded(language="en")) == ""  # nobody looked
    stumbles = decoded(language="de", log_probability=-0.4)
    fluent = decoded(language="de", log_probability=-0.1)
    assert likelier(doubtful, None) is doubtful
    assert likelier(doubtful, stumbles) is doubtful
    assert likelier(doubtful, fluent).language == "de"
