"""What is spoken of a written text, and which of its words each part of it says."""

from __future__ import annotations

import re

import pytest

from parley.conversation.text.mapped import Mapped
from parley.conversation.text.speakable import pronounceable, speakable
from parley.conversation.text.tables import BadTable, table_for, tables_with
from parley.conversation.text.words import written_words

EN = table_for("en")


def heard(written: str, spoken_chars: int, language: str = "en") -> str:
    """What of `written` was heard when so many characters of the spoken text were."""
    marks = speakable(written, table_for(language), whole=True).marks
    ends = [end for end, spoken in marks if spoken <= spoken_chars]
    return written[: ends[-1]] if ends else ""


def test_a_replacement_counts_as_said_when_it_was_said_to_its_end() -> None:
    text = Mapped("ab 12 cd")
    text.sub(re.compile("12"), "twelve")
    assert text.text == "ab twelve cd"
    assert text.sources()[3:9] == [(3, 3)] * 5 + [(3, 5)]
    assert text.sources()[-1] == (7, 8)


def test_what_was_replaced_twice_still_knows_where_it_comes_from() -> None:
    text = Mapped("a **b** c")
    text.sub(re.compile(r"\*\*"), "")
    text.sub(re.compile("b"), "big")
    assert (text.text, text.sources()[2:5]) == ("a big c", [(4, 5), (5, 5), (5, 5)])


def test_an_unchanged_beginning_keeps_its_own_place() -> None:
    text = Mapped("1,250 x")
    text.sub(re.compile(r"\d+,\d+"), "1250")
    assert text.sources()[0] == (0, 1)
    assert text.sources()[3] == (1, 5)


@pytest.mark.parametrize(
    ("spoken_chars", "written"),
    [
        (2, ""),
        (3, "Say"),
        (20, "Say"),
        (31, "Say"),
        (32, "Say $1,250,000.50"),
    ],
)
def test_an_amount_is_heard_as_a_whole(spoken_chars: int, written: str) -> None:
    spoken = speakable("Say $1,250,000.50 now.", EN, whole=True)
    assert spoken.text == "Say 1250000 dollars and 50 cents now."
    assert heard("Say $1,250,000.50 now.", spoken_chars) == written


def test_a_word_of_two_is_heard_with_the_last_of_them() -> None:
    text = "At 10:30 p.m. we go."
    spoken = speakable(text, EN, whole=True).text
    assert spoken == "At 10 30 P M we go."
    assert heard(text, len("At 10 30")) == "At"
    assert heard(text, len("At 10 30 P M")) == "At 10:30 p.m."


def test_what_is_not_said_is_heard_with_the_word_before_it() -> None:
    assert heard("Nice 👍 work 🎉", 5) == "Nice 👍"
    assert heard("**Nice** work", 4) == "**Nice**"


def test_words_without_spaces_between_them_are_heard_one_by_one() -> None:
    text = "今天天气很好。"
    assert [text[a:b] for a, b in written_words(text)] == ["今天", "天气", "很好。"]
    assert heard(text, 4, "zh") == "今天天气"


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "it", ""])
def test_text_without_anything_special_is_left_alone(language: str) -> None:
    text = "Alpha, beta: gamma; (delta)!"
    spoken = speakable(text, table_for(language), whole=True)
    assert spoken.text == text


def test_signs_that_say_nothing_are_not_pronounceable() -> None:
    assert not pronounceable("... — !")
    assert pronounceable("5") and pronounceable("%")


OWN = """
[en]
never_end = ["Cmdr"]
[en.abbreviations]
"Cmdr." = "Commander"
[it]
never_end = ["sig"]
[it.abbreviations]
"Sig." = "Signor"
"""


def test_a_file_adds_to_a_language_and_adds_a_language() -> None:
    tables = tables_with(OWN)
    assert speakable("Cmdr. Data and Dr. Crusher", tables["en"], whole=True).text == (
        "Commander Data and Doctor Crusher."
    )
    assert speakable("Sig. Rossi", tables["it"], whole=True).text == "Signor Rossi."
    assert table_for("it-IT", tables).never_end == frozenset({"sig"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("never_end = [", "not TOML"),
        ('never_end = ["x"]', "outside of a language"),
        ("[en]\nmonths = 3", r"\[en\].*months"),
        ("[en]\nabreviations = {}", r"\[en\].*abreviations"),
    ],
)
def test_a_file_that_is_wrong_says_where(text: str, told: str) -> None:
    with pytest.raises(BadTable, match=told):
        tables_with(text)
