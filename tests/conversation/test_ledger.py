"""What of a reply has left, and what was heard of it by a given moment."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.ledger import Entry, Ledger


def leaves(ledger: Ledger, entry: Entry, now_s: float, duration_s: float) -> None:
    """A piece of a phrase is on its way and is taken at once."""
    ledger.queued(entry, duration_s)
    ledger.sent(now_s)


def four_words(now_s: float = 10.0) -> tuple[Ledger, Entry]:
    """A second for each word, all of it sent at once."""
    ledger = Ledger()
    entry = ledger.begin("aa bb cc dd", 4.0)
    leaves(ledger, entry, now_s, 4.0)
    return ledger, entry


# Heard


def test_nothing_was_heard_before_anything_was_sent() -> None:
    assert Ledger().heard(100.0) == ""


def test_a_phrase_is_heard_word_by_word() -> None:
    ledger, _ = four_words()
    heard = [ledger.heard(now_s) for now_s in (10.0, 10.9, 11.0, 12.5, 13.99, 14.0, 99.0)]
    assert heard == ["", "", "aa", "aa bb", "aa bb cc", "aa bb cc dd", "aa bb cc dd"]


def test_a_long_word_takes_longer_than_a_short_one() -> None:
    ledger = Ledger()
    leaves(ledger, ledger.begin("a bbbbbbbbb", 1.0), 0.0, 1.0)
    assert ledger.heard(0.1) == "a"
    assert ledger.heard(0.9) == "a"
    assert ledger.heard(1.0) == "a bbbbbbbbb"


def test_a_phrase_that_is_sent_early_is_due_behind_the_one_before() -> None:
    ledger = Ledger()
    leaves(ledger, ledger.begin("one", 2.0), 0.0, 2.0)
    leaves(ledger, ledger.begin("two", 2.0), 0.5, 2.0)
    assert ledger.due_s == 4.0
    assert ledger.heard(3.9) == "one"
    assert ledger.heard(4.0) == "one two"


def test_a_pause_between_phrases_is_not_heard_as_audio() -> None:
    ledger = Ledger()
    leaves(ledger, ledger.begin("one", 1.0), 0.0, 1.0)
    leaves(ledger, ledger.begin("two", 1.0), 5.0, 1.0)
    assert ledger.heard(5.5) == "one"
    assert ledger.due_s == 6.0


def test_a_phrase_sent_in_pieces_is_heard_by_its_pieces() -> None:
    ledger = Ledger()
    entry = ledger.begin("aa bb", 2.0)
    leaves(ledger, entry, 0.0, 1.0)
    assert ledger.heard(9.0) == "aa"
    leaves(ledger, entry, 9.0, 1.0)
    assert ledger.heard(9.5) == "aa"
    assert ledger.heard(10.0) == "aa bb"


def test_a_phrase_without_sound_says_nothing() -> None:
    assert Entry("aa", 0.0).text_of(1.0) == ""


@pytest.mark.parametrize(
    ("heard_s", "text"),
    [
        (-1.0, ""),
        (0.0, ""),
        (1.0, "aa"),
        (2.0, "aa bb"),
        (3.5, "aa bb cc"),
        (4.0, "aa bb cc dd"),
        (99, "aa bb cc dd"),
    ],
)
def test_the_words_in_the_first_seconds_of_a_phrase(heard_s: float, text: str) -> None:
    assert Entry("aa bb cc dd", 4.0).text_of(heard_s) == text


@given(
    st.lists(st.sampled_from(["a", "go", "there", "understand"]), min_size=1, max_size=12),
    st.floats(0, 10),
    st.floats(0, 10),
)
def test_more_time_never_means_fewer_words(words: list[str], one: float, two: float) -> None:
    ledger = Ledger()
    text = " ".join(words)
    leaves(ledger, ledger.begin(text, 5.0), 1.0, 5.0)
    early, late = sorted((one, two))
    assert ledger.heard(late).startswith(ledger.heard(early))
    assert text.startswith(ledger.heard(late))
    assert ledger.heard(6.0) == text


# Said


def test_said_is_what_was_sent_at_all() -> None:
    ledger = Ledger()
    leaves(ledger, ledger.begin("one", 1.0), 0.0, 1.0)
    ledger.queued(ledger.begin("two", 1.0), 1.0)
    ledger.begin("three", 1.0)
    assert ledger.said() == "one"
    assert [entry.text for entry in ledger.phrases] == ["one"]


def test_what_is_on_its_way_was_neither_said_nor_heard() -> None:
    ledger = Ledger()
    entry = ledger.begin("one", 1.0)
    ledger.queued(entry, 1.0)
    assert (ledger.waiting, ledger.said(), ledger.heard(99.0)) == (True, "", "")
    assert ledger.left_s(0.0) == 0.0
    assert (ledger.due_s, ledger.expected_due_s(5.0)) == (-inf, 6.0)
    ledger.sent(7.0)
    assert (ledger.waiting, ledger.said()) == (False, "one")
    assert (ledger.due_s, ledger.expected_due_s(7.5)) == (8.0, 8.0)


def test_what_leaves_late_is_heard_late() -> None:
    """So it is with a link that is stalled."""
    ledger = Ledger()
    entry = ledger.begin("aa bb", 2.0)
    ledger.queued(entry, 1.0)
    ledger.queued(entry, 1.0)
    ledger.sent(0.0)
    ledger.sent(30.0)
    assert ledger.heard(30.9) == "aa"
    assert ledger.due_s == 31.0


def test_pieces_leave_in_the_order_in_which_they_were_queued() -> None:
    ledger = Ledger()
    one, two = ledger.begin("one", 1.0), ledger.begin("two", 2.0)
    ledger.queued(one, 1.0)
    ledger.queued(two, 2.0)
    ledger.sent(0.0)
    assert [entry.left for entry in (one, two)] == [True, False]
    assert ledger.expected_due_s(0.0) == 3.0
    ledger.sent(0.0)
    assert [entry.pieces for entry in (one, two)] == [[(0.0, 1.0)], [(1.0, 2.0)]]


def test_the_position_of_a_phrase_counts_what_left_and_what_is_on_its_way() -> None:
    ledger = Ledger()
    entry = ledger.begin("aa bb cc dd", 4.0)
    assert entry.position_s == 0.0
    leaves(ledger, entry, 0.0, 1.0)
    ledger.queued(entry, 2.0)
    assert (entry.position_s, entry.queued_s) == (3.0, 2.0)
    ledger.sent(1.0)
    assert (entry.position_s, entry.queued_s) == (3.0, 0.0)


# Cut


def test_nothing_is_heard_behind_a_cut() -> None:
    ledger, _ = four_words()
    assert ledger.left_s(11.5) == 2.5
    ledger.cut(12.5)
    assert (ledger.heard(12.5), ledger.heard(99.0)) == ("aa bb", "aa bb")
    assert ledger.left_s(12.5) == 0.0
    assert ledger.said() == "aa bb cc dd"


def test_what_was_on_its_way_at_a_cut_is_still_to_be_played() -> None:
    ledger = Ledger()
    entry = ledger.begin("aa bb cc dd", 4.0)
    leaves(ledger, entry, 0.0, 2.0)
    ledger.queued(entry, 2.0)
    ledger.cut(1.0)
    assert not ledger.waiting
    assert (entry.position_s, entry.queued_s, ledger.expected_due_s(1.0)) == (1.0, 0.0, -inf)
    ledger.sent(1.0)
    assert (entry.position_s, ledger.heard(99.0)) == (1.0, "aa")


def test_behind_a_cut_a_phrase_goes_on_from_where_it_was_heard() -> None:
    ledger, entry = four_words(0.0)
    ledger.cut(1.5)
    assert entry.position_s == 1.5
    leaves(ledger, entry, 10.0, 2.5)
    assert [ledger.heard(now_s) for now_s in (10.0, 10.5, 12.5)] == ["aa", "aa bb", "aa bb cc dd"]
    assert ledger.due_s == 12.5


def test_a_reply_can_be_cut_again_and_again() -> None:
    ledger, entry = four_words(0.0)
    ledger.cut(1.0)
    for began_s in (10.0, 20.0, 30.0):
        leaves(ledger, entry, began_s, 4.0 - entry.position_s)
        ledger.cut(began_s + 1.0)
    assert ledger.heard(99.0) == "aa bb cc dd"
    assert entry.position_s == 4.0


def test_a_client_that_played_late_before_a_cut_has_heard_less() -> None:
    ledger, entry = four_words(0.0)
    ledger.played(2.0, 1.0)
    ledger.cut(3.0)
    assert (entry.position_s, ledger.heard(99.0)) == (2.0, "aa bb")


def test_lateness_is_forgotten_with_the_part_that_was_late() -> None:
    ledger, entry = four_words(0.0)
    ledger.played(2.0, 0.0)
    ledger.cut(2.0)
    leaves(ledger, entry, 10.0, 4.0)
    assert (ledger.over_s, ledger.heard(11.0)) == (14.0, "aa")


# What the client tells


def test_what_the_client_plays_late_is_heard_late() -> None:
    ledger, _ = four_words()
    ledger.played(12.0, 1.0)
    assert (ledger.heard(12.0), ledger.heard(13.0)) == ("aa", "aa bb")
    ledger.played(13.0, 3.0)
    assert ledger.heard(13.0) == "aa bb cc", "it has caught up"
    assert ledger.over_s == 14.0
    ledger.played(13.0, 2.5)
    assert ledger.over_s == 14.5
    ledger.played(13.0, 99.0)
    assert ledger.heard(13.0) == "aa bb cc", "nothing is heard before it was due"


def test_what_the_client_has_played_counts_from_the_last_cut() -> None:
    ledger, entry = four_words(0.0)
    ledger.cut(2.0)
    leaves(ledger, entry, 10.0, 2.0)
    ledger.played(12.0, 1.0)
    assert (ledger.heard(12.0), ledger.over_s) == ("aa bb cc", 13.0)


def test_what_the_client_threw_away_was_not_heard() -> None:
    ledger, entry = four_words(0.0)
    ledger.cut(3.0)
    ledger.flushed(1.5)
    assert (ledger.heard(99.0), entry.position_s) == ("aa", 1.5)


def test_what_the_client_played_is_shared_among_the_phrases_that_were_cut() -> None:
    ledger = Ledger()
    one, two, three = (ledger.begin(text, 2.0) for text in ("aa bb", "cc dd", "ee ff"))
    for entry in (one, two):
        leaves(ledger, entry, 0.0, 2.0)
    ledger.cut(1.0)
    ledger.flushed(3.0)
    assert [entry.position_s for entry in (one, two, three)] == [2.0, 1.0, 0.0]
    assert ledger.heard(99.0) == "aa bb cc"


@pytest.mark.parametrize(("told_s", "heard"), [(-5.0, ""), (99.0, "aa bb cc dd")])
def test_no_client_has_played_less_than_nothing_or_more_than_left(
    told_s: float, heard: str
) -> None:
    ledger, entry = four_words(0.0)
    ledger.cut(2.0)
    ledger.flushed(told_s)
    assert ledger.heard(99.0) == heard
    assert 0.0 <= entry.position_s <= 4.0


def test_what_the_client_threw_away_is_of_the_part_that_was_cut_last() -> None:
    ledger, entry = four_words(0.0)
    ledger.cut(1.0)
    leaves(ledger, entry, 10.0, 3.0)
    ledger.cut(12.5)
    ledger.flushed(1.0)
    assert (entry.position_s, ledger.heard(99.0)) == (2.0, "aa bb")


@pytest.mark.parametrize("taken", [True, False])
def test_what_a_client_threw_away_is_of_no_use_when_the_next_part_has_begun(taken: bool) -> None:
    ledger, entry = four_words(0.0)
    ledger.cut(2.0)
    ledger.queued(entry, 2.0)
    if taken:
        ledger.sent(10.0)
    ledger.flushed(0.0)
    assert entry.position_s == 4.0


def test_a_second_cut_without_sound_between_leaves_the_client_its_word_on_the_first() -> None:
    """A reply that is suspended and then ended is cut twice; its client may tell late."""
    ledger, _ = four_words(0.0)
    ledger.cut(3.0)
    ledger.cut(5.0)
    ledger.flushed(1.0)
    assert ledger.heard(99.0) == "aa"
