"""What the words alone say of the end of a turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.languages import LANGUAGES
from parley.engines.turn.interface import Pause, TurnEndEngine
from parley.engines.turn.tables import TABLES
from parley.engines.turn.text import CERTAIN, NO_OPINION, TextTurnEnd, completeness

COMPLETE = [
    "yes",
    "no thank you",
    "turn on the lights in the kitchen",
    "what is the weather like today",
    "how are you",
    "can you hear me",
    "i would like a table for two tomorrow evening please",
    "i live in london",
    "when does the train leave",
    "is it raining",
    "i would like one as well",
]

INCOMPLETE = [
    "i would like a",
    "i want to fly to",
    "turn on the lights in the kitchen and",
    "it is very",
    "um",
    "i need a table for um",
    "could you",
    "what is",
    "i think we should",
    "my number is five five five",
    "i would like a large",
    "if it rains tomorrow",
    "when i get home",
    "send a message to my",
    "let me see",
    "i was looking for well",
]


@pytest.mark.parametrize("text", COMPLETE)
def test_what_is_whole_is_likely_over(text: str) -> None:
    assert completeness(text, TABLES["en"]) > 0.7


@pytest.mark.parametrize("text", INCOMPLETE)
def test_what_wants_more_is_likely_not_over(text: str) -> None:
    assert completeness(text, TABLES["en"]) < 0.35


@pytest.mark.parametrize(
    ("language", "whole", "half"),
    [
        ("de", "mach das licht im wohnzimmer aus bitte", "ich möchte einen"),
        ("de", "wie wird das wetter morgen in berlin", "ich fahre nach hause und"),
        ("es", "quiero una mesa para dos por favor", "quiero una mesa para"),
        ("fr", "quel temps fait-il à paris demain", "je voudrais une"),
        ("fr", "oui merci", "je cherche euh"),
    ],
)
def test_other_languages_have_tables_too(language: str, whole: str, half: str) -> None:
    assert completeness(whole, TABLES[language]) > 0.7
    assert completeness(half, TABLES[language]) < 0.3


def test_a_full_stop_counts_less_behind_a_word_that_wants_more() -> None:
    table = TABLES["en"]
    assert completeness("I live in London.", table) > completeness("I live in London", table)
    assert completeness("I would like a.", table) < 0.3
    assert completeness("Shall we?", table) > 0.9


@pytest.mark.parametrize(
    "text", ["I live in London...", "I live in London \u2014", "I live in London:"]
)
def test_a_mark_that_leaves_it_open_is_believed(text: str) -> None:
    assert completeness(text, TABLES["en"]) < 0.2


@pytest.mark.parametrize("text", ["Two people,", "I live in London,", "Turn the light on,"])
def test_a_comma_leaves_it_open_whether_more_comes(text: str) -> None:
    """Recognizers write one where somebody paused, whatever was said."""
    table = TABLES["en"]
    assert completeness(text, table) == 0.4 < completeness(text.rstrip(","), table)


def test_a_comma_makes_nothing_more_complete_than_its_words() -> None:
    assert completeness("I would like a,", TABLES["en"]) < 0.1


def test_a_number_of_many_digits_may_be_complete_and_one_of_few_is_not() -> None:
    table = TABLES["en"]
    few = completeness("my number is two zero seven", table)
    whole = completeness("my number is two zero seven nine four six zero", table)
    assert few < 0.3 < NO_OPINION < whole
    assert completeness("my number is 2 0 7", table) == few
    assert completeness("i was born in nineteen eighty four", table) >= NO_OPINION


@pytest.mark.parametrize("text", ["", "  ", "...", "?!", "\u2014"])
def test_without_words_there_is_no_telling(text: str) -> None:
    assert completeness(text, TABLES["en"]) == NO_OPINION


def test_apostrophes_of_both_kinds_are_the_same() -> None:
    table = TABLES["en"]
    assert completeness("I\u2019m", table) == completeness("i'm", table) < 0.2
    assert completeness("aujourd'hui il fait beau dans l\u2019", TABLES["fr"]) < 0.2


@given(st.text(), st.sampled_from(sorted(TABLES)))
def test_whatever_is_said_it_is_a_likelihood(text: str, language: str) -> None:
    assert 0.0 <= completeness(text, TABLES[language]) <= 1.0


@pytest.mark.parametrize("language", sorted(TABLES))
def test_tables_are_in_lower_case_and_of_known_languages(language: str) -> None:
    table = TABLES[language]
    assert language in LANGUAGES
    for name in table.__dataclass_fields__:
        for entry in getattr(table, name):
            assert entry == entry.lower().strip()
            assert name in ("answers", "closings", "hesitations") or " " not in entry


async def test_the_engine_asks_the_table_of_its_language() -> None:
    engine: TurnEndEngine = TextTurnEnd("en-GB")
    assert engine.needs_text
    assert await engine.likelihood(Pause(text="yes", pcm16=b"")) == CERTAIN
    assert await engine.likelihood(Pause(text="ja", pcm16=b"")) != CERTAIN
    assert await TextTurnEnd("de").likelihood(Pause(text="ja", pcm16=b"")) == CERTAIN


@pytest.mark.parametrize("language", ["auto", "ja", "", "xx"])
async def test_a_language_without_a_table_has_no_opinion(language: str) -> None:
    engine = TextTurnEnd(language)
    assert not engine.has_table
    assert await engine.likelihood(Pause(text="yes", pcm16=b"")) == NO_OPINION
