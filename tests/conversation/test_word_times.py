"""When each written word was heard: by the voice's times, by an estimate, and in the ledger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.ledger import Entry, Ledger
from parley.conversation.text.speakable import speakable
from parley.conversation.text.tables import table_for
from parley.conversation.text.weights import cumulative_weights, expected_s
from parley.conversation.word_times import WordTime, moments


def entry(
    written: str, duration_s: float, words: tuple[WordTime, ...] = (), **more: object
) -> Entry:
    spoken = speakable(written, table_for("en"), whole=True)
    return Entry(
        written,
        duration_s,
        spoken=spoken.text,
        marks=spoken.marks,
        words=words,
        **more,  # type: ignore[arg-type]
    )


def times(*words: tuple[int, int, float, float]) -> tuple[WordTime, ...]:
    return tuple(WordTime(start=a, end=b, start_s=s, end_s=e) for a, b, s, e in words)


def test_the_voices_own_times_are_believed() -> None:
    known = times((0, 3, 0.1, 0.3), (4, 7, 0.3, 0.7), (8, 12, 0.7, 1.2))
    one = entry("one two four", 1.3, known)
    assert [one.text_of(s) for s in (0.2, 0.31, 0.6, 0.71, 1.3)] == [
        *("", "one", "one", "one two", "one two four")
    ]


def test_a_pause_behind_a_word_is_none_of_it() -> None:
    one = entry("one, two", 3.0, times((0, 4, 0.0, 2.5), (5, 8, 2.5, 3.0)))
    assert one.text_of(0.2) == ""
    assert one.text_of(1.0) == "one,"


def test_a_written_word_is_heard_when_all_that_says_it_was() -> None:
    """ "$5.50" is "5 dollars and 50 cents"."""
    words = ((0, 1), (2, 9), (10, 13), (14, 16), (17, 22), (23, 27))
    known = times(*[(a, b, n * 0.5, n * 0.5 + 0.5) for n, (a, b) in enumerate(words)])
    one = entry("$5.50 only", 3.0, known)
    assert one.spoken == "5 dollars and 50 cents only."
    assert one.text_of(2.4) == ""
    assert one.text_of(2.5) == "$5.50"
    assert one.text_of(3.0) == "$5.50 only"


def test_what_the_voice_does_not_know_yet_is_estimated_behind_what_it_knows() -> None:
    known = times((0, 3, 0.0, 0.4))
    one = entry("one two six", 3.0, known, whole=False)
    assert one.text_of(0.4) == "one"
    assert one.text_of(0.3) == ""
    assert one.text_of(3.0) == "one two six"


@pytest.mark.parametrize(
    ("shorter", "longer"), [("the", "482"), ("word", "NASA"), ("a b", "a, b"), ("ab", "你好")]
)
def test_digits_capitals_pauses_and_syllables_take_longer(shorter: str, longer: str) -> None:
    assert cumulative_weights(longer)[-1] > 1.5 * cumulative_weights(shorter)[-1]


def test_the_silence_around_a_phrase_belongs_to_no_word() -> None:
    one = entry("aaaa bbbb", 3.0, sound_s=(1.0, 2.0))
    assert [one.text_of(s) for s in (0.9, 1.4, 1.6, 2.01)] == ["", "", "aaaa", "aaaa bbbb"]


def test_a_phrase_that_is_still_coming_is_as_long_as_its_text_lets_one_expect() -> None:
    text = "many words are in this phrase, and most of them are still to come"
    one = entry(text, 0.5, whole=False)
    assert one.expected_s == pytest.approx(expected_s(one.spoken))
    assert one.text_of(0.5) == "many"
    one.whole = True
    assert one.text_of(0.5) == text


def test_what_was_said_aside_is_no_part_of_the_reply() -> None:
    ledger = Ledger()
    for one in (entry("It is four", 1.0), entry("Sorry.", 1.0, aside=True)):
        ledger.add(one)
        ledger.queued(one, 1.0)
        ledger.sent(0.0)
    assert ledger.heard(5.0) == ledger.said() == "It is four"
    assert ledger.heard_s(5.0) == 2.0


def test_what_was_written_between_phrases_is_remembered_with_what_follows() -> None:
    ledger = Ledger()
    for one in (entry("Look:", 1.0, before=""), entry("Fine.", 1.0, before="\n\n😀 ")):
        ledger.add(one)
        ledger.queued(one, 1.0)
        ledger.sent(0.0)
    assert ledger.heard(0.99) == ""
    assert ledger.heard(1.5) == "Look:"
    assert ledger.heard(2.0) == "Look:\n\n😀 Fine."


WRITTEN = st.lists(
    st.sampled_from(["$5.50", "word", "**bold**", "10:30", "p.m.", "😀", "Dr.", "你好", "x@y.org"]),
    min_size=1,
    max_size=12,
).map(" ".join)


@given(WRITTEN, st.floats(0.1, 10), st.booleans())
def test_more_is_heard_as_time_goes_by_and_all_of_it_at_the_end(
    written: str, duration_s: float, known: bool
) -> None:
    one = entry(written, duration_s)
    if known and one.spoken:
        step = duration_s / len(one.spoken)
        one.words = times((0, len(one.spoken), 0.0, step * len(one.spoken)))
    texts = [one.text_of(duration_s * n / 20) for n in range(21)]
    assert all(written.startswith(text) for text in texts)
    assert [len(text) for text in texts] == sorted(len(text) for text in texts)
    assert not one.spoken or texts[-1] == written


def test_moments_of_nothing_are_at_the_beginning() -> None:
    assert moments("", [0, 0], (), begin_s=0.5, end_s=1.0) == [0.5, 0.5]
