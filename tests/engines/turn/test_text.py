"""What the words alone say of the end of a turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.languages import LANGUAGES
from parley.conversation.patience import NO_OPINION
from parley.engines.turn.interface import Pause, TurnEndEngine
from parley.engines.turn.tables import TABLES
from parley.engines.turn.text import CERTAIN, TextTurnEnd, completeness

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
    assert completeness(text, TABLES["en"]) > 0.6


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


@pytest.mark.parametrize("text", ["I live in London", "I would like a", "Shall we", "Could you"])
@pytest.mark.parametrize("mark", [".", "?", "!"])
def test_a_mark_that_recognizers_set_behind_everything_proves_nothing(text: str, mark: str) -> None:
    table = TABLES["en"]
    assert completeness(text + mark, table) == completeness(text.lower(), table)


@pytest.mark.parametrize("text", ["I live in London", "Well, I live in London"])
def test_no_mark_speaks_against_an_end_where_the_recognizer_sets_them(text: str) -> None:
    table = TABLES["en"]
    assert completeness(text, table) < 0.4 < completeness(text.lower().replace(",", ""), table)


@pytest.mark.parametrize(
    "text", ["I live in London...", "I live in London \u2014", "I live in London:"]
)
def test_a_mark_that_leaves_it_open_is_believed(text: str) -> None:
    assert completeness(text, TABLES["en"]) < 0.2


@pytest.mark.parametrize("text", ["Two people,", "I live in London,", "Turn the light on,"])
def test_a_comma_speaks_a_little_against_an_end(text: str) -> None:
    """Recognizers write one where somebody paused, whatever was said."""
    table = TABLES["en"]
    without = completeness(text.rstrip(",").lower(), table)
    assert without - 0.2 < completeness(text, table) < without


def test_a_comma_makes_nothing_more_complete_than_its_words() -> None:
    assert completeness("I would like a,", TABLES["en"]) < 0.1


WRITINGS = [
    ("my number is five five five", "my number is five five five oh one two three"),
    ("My number is 555.", "My number is 555-0123."),
    ("5-5-5", "5-5-5 0-1-2-3"),
    ("It's double five five.", "It's double five five, oh, one, two, three."),
    ("1-0-0-0-1. 9-0-2.", "1-0-0-0-1. 9-0-2-1-0."),
    ("the code is four seven", "the code is four seven one nine"),
    ("My PIN is 4 7", "My PIN is 4719."),
]


@pytest.mark.parametrize(("half", "whole"), WRITINGS)
def test_a_dictated_number_is_one_in_any_writing(half: str, whole: str) -> None:
    table = TABLES["en"]
    assert completeness(half, table) <= 0.2 < NO_OPINION < completeness(whole, table)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("My number is zero, sad and free.", ""),
        ("My number is five, four to you.", ""),
        ("Eight for it,", "What is your telephone number?"),
        ("A one, too.", "What is the code?"),
        ("Five-nine-eight.", "What is the code?"),
    ],
)
def test_digits_that_were_misheard_are_digits_where_digits_are_expected(
    text: str, asked: str
) -> None:
    assert completeness(text, TABLES["en"], asked=asked) <= 0.2


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("My number is wrong.", ""),
        ("I have no telephone at home.", "What is your telephone number?"),
        ("Why do you want my number at all?", "What is your telephone number?"),
        ("Come to my house for it tonight please", ""),
    ],
)
def test_other_words_about_numbers_are_no_digits(text: str, asked: str) -> None:
    assert completeness(text, TABLES["en"], asked=asked) >= 0.4


@pytest.mark.parametrize(
    "text", ["my name is S M", "S-M-I", "It is spelled S. M. I.", "that is b o", "plate b 4 7"]
)
def test_letters_that_are_spelled_go_on(text: str) -> None:
    assert completeness(text, TABLES["en"]) <= 0.2


@pytest.mark.parametrize(
    "text",
    [
        "i was born in nineteen eighty four",
        "I was born in 1984.",
        "my flight leaves at 9:30",
        "room three hundred and twelve",
        "Wake me up at 7.",
        "i take plan b",
        "the third and the 4th",
    ],
)
def test_other_numbers_and_letters_are_not_dictated(text: str) -> None:
    assert completeness(text, TABLES["en"]) >= NO_OPINION


def test_what_was_asked_says_what_is_expected() -> None:
    table = TABLES["en"]
    number, day = "What is your telephone number?", "When would you like to come?"
    assert completeness("five five", table, asked=number) < 0.2
    assert completeness("five", table, asked=number) < 0.2 < completeness("five", table)
    assert completeness("On Friday.", table, asked=day) > completeness("On Friday.", table)
    assert completeness("on the", table, asked=day) == completeness("on the", table)


@pytest.mark.parametrize(
    ("language", "half"),
    [
        ("de", "meine nummer ist null eins fünf"),
        ("de", "Meine Nummer ist 0-1-5."),
        ("es", "mi número es seis cero"),
        ("fr", "mon numéro est zéro six"),
    ],
)
def test_numbers_are_dictated_in_other_languages(language: str, half: str) -> None:
    assert completeness(half, TABLES[language]) <= 0.2


@pytest.mark.parametrize(
    "text", ["What's the weather like?", "Where are you from?", "Who is that for?"]
)
def test_a_question_may_end_with_its_preposition(text: str) -> None:
    table = TABLES["en"]
    assert completeness(text, table) > 0.7
    assert 0.3 < completeness(text.lower().rstrip("?"), table) < 0.5
    assert completeness("I am from", table) < 0.1


def test_of_several_sentences_the_last_one_counts() -> None:
    table = TABLES["en"]
    assert completeness("I got home. What is the time?", table) == completeness(
        "What is the time?", table
    )
    assert completeness("What is the time? When I", table) < 0.3


@pytest.mark.parametrize("text", ["", "  ", "...", "?!", "\u2014"])
def test_without_words_there_is_no_telling(text: str) -> None:
    assert completeness(text, TABLES["en"]) == NO_OPINION


def test_apostrophes_of_both_kinds_are_the_same() -> None:
    table = TABLES["en"]
    assert completeness("i\u2019m", table) == completeness("i'm", table) < 0.2
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
            assert name in ("answers", "closings", "hesitations", "requests") or " " not in entry


async def test_the_engine_asks_the_table_of_its_language() -> None:
    engine: TurnEndEngine = TextTurnEnd("en-GB")
    assert engine.needs_text
    assert await engine.likelihood(Pause(text="yes", pcm16=b"")) == CERTAIN
    assert await engine.likelihood(Pause(text="ja", pcm16=b"")) != CERTAIN
    assert await TextTurnEnd("de").likelihood(Pause(text="ja", pcm16=b"")) == CERTAIN


async def test_where_the_language_is_found_out_each_pause_has_its_own_table() -> None:
    engine = TextTurnEnd("auto")
    assert engine.has_table
    german, french = (Pause(text="ja", pcm16=b"", language=code) for code in ("de", "fr"))
    assert await engine.likelihood(german) == CERTAIN
    assert await engine.likelihood(french) != CERTAIN
    assert await engine.likelihood(Pause(text="ja", pcm16=b"", language="ja")) == NO_OPINION
    assert await engine.likelihood(Pause(text="ja", pcm16=b"")) == NO_OPINION


@pytest.mark.parametrize("language", ["ja", "", "xx"])
async def test_a_language_without_a_table_has_no_opinion(language: str) -> None:
    engine = TextTurnEnd(language)
    assert not engine.has_table
    assert await engine.likelihood(Pause(text="yes", pcm16=b"")) == NO_OPINION
