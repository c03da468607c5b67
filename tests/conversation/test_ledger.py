"""What was heard by a given moment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.ledger import Ledger


def test_nothing_was_heard_before_anything_was_sent() -> None:
    assert Ledger().heard(100.0) == ""


def test_a_phrase_is_heard_word_by_word() -> None:
    ledger = Ledger()
    ledger.begin("aa bb cc dd", 4.0)
    ledger.sent(10.0, 4.0)
    heard = [ledger.heard(now_s) for now_s in (10.0, 10.9, 11.0, 12.5, 13.99, 14.0, 99.0)]
    assert heard == ["", "", "aa", "aa bb", "aa bb cc", "aa bb cc dd", "aa bb cc dd"]


def test_a_long_word_takes_longer_than_a_short_one() -> None:
    ledger = Ledger()
    ledger.begin("a bbbbbbbbb", 1.0)
    ledger.sent(0.0, 1.0)
    assert ledger.heard(0.1) == "a"
    assert ledger.heard(0.9) == "a"
    assert ledger.heard(1.0) == "a bbbbbbbbb"


def test_a_phrase_that_is_sent_early_is_due_behind_the_one_before() -> None:
    ledger = Ledger()
    ledger.begin("one", 2.0)
    ledger.sent(0.0, 2.0)
    ledger.begin("two", 2.0)
    ledger.sent(0.5, 2.0)
    assert ledger.due_s == 4.0
    assert ledger.heard(3.9) == "one"
    assert ledger.heard(4.0) == "one two"


def test_a_pause_between_phrases_is_not_heard_as_audio() -> None:
    ledger = Ledger()
    ledger.begin("one", 1.0)
    ledger.sent(0.0, 1.0)
    ledger.begin("two", 1.0)
    ledger.sent(5.0, 1.0)
    assert ledger.heard(5.5) == "one"
    assert ledger.due_s == 6.0


def test_a_phrase_sent_in_pieces_is_heard_by_its_pieces() -> None:
    ledger = Ledger()
    ledger.begin("aa bb", 2.0)
    ledger.sent(0.0, 1.0)
    assert ledger.heard(9.0) == "aa"
    ledger.sent(9.0, 1.0)
    assert ledger.heard(9.5) == "aa"
    assert ledger.heard(10.0) == "aa bb"


def test_said_is_what_was_sent_at_all() -> None:
    ledger = Ledger()
    ledger.begin("one", 1.0)
    ledger.sent(0.0, 1.0)
    ledger.begin("two", 1.0)
    assert ledger.said() == "one"


@given(
    st.lists(st.sampled_from(["a", "go", "there", "understand"]), min_size=1, max_size=12),
    st.floats(0, 10),
    st.floats(0, 10),
)
def test_more_time_never_means_fewer_words(words: list[str], one: float, two: float) -> None:
    ledger = Ledger()
    text = " ".join(words)
    ledger.begin(text, 5.0)
    ledger.sent(1.0, 5.0)
    early, late = sorted((one, two))
    assert ledger.heard(late).startswith(ledger.heard(early))
    assert text.startswith(ledger.heard(late))
    assert ledger.heard(6.0) == text


def test_nothing_is_heard_behind_a_cut() -> None:
    ledger = Ledger()
    ledger.begin("aa bb cc dd", 4.0)
    ledger.sent(10.0, 4.0)
    assert ledger.left_s(11.5) == 2.5
    ledger.cut(12.5)
    assert (ledger.heard(12.0), ledger.heard(99.0)) == ("aa bb", "aa bb")
    assert ledger.left_s(12.5) == 0.0
    assert ledger.said() == "aa bb cc dd"


def test_what_the_client_plays_late_is_heard_late() -> None:
    ledger = Ledger()
    ledger.begin("aa bb cc dd", 4.0)
    ledger.sent(10.0, 4.0)
    ledger.played(12.0, 1.0)
    assert (ledger.heard(12.0), ledger.heard(13.0)) == ("aa", "aa bb")
    ledger.played(13.0, 3.0)
    assert ledger.heard(13.0) == "aa bb cc", "it has caught up"
    assert ledger.over_s == 14.0
    ledger.played(13.0, 2.5)
    assert ledger.over_s == 14.5
    ledger.played(13.0, 99.0)
    assert ledger.heard(13.0) == "aa bb cc", "nothing is heard before it was due"


@pytest.mark.parametrize(
    ("heard_s", "text"),
    [
        (0.0, ""),
        (1.0, "aa"),
        (2.0, "aa bb"),
        (3.5, "aa bb cc"),
        (4.0, "aa bb cc dd"),
        (99, "aa bb cc dd"),
    ],
)
def test_the_words_in_the_first_seconds_of_what_was_sent(heard_s: float, text: str) -> None:
    ledger = Ledger()
    ledger.begin("aa bb", 2.0)
    ledger.sent(10.0, 1.0)
    ledger.sent(12.0, 1.0)
    ledger.begin("cc dd", 2.0)
    ledger.sent(13.0, 2.0)
    ledger.begin("ee", 1.0)
    assert ledger.heard_of(heard_s) == text
