"""Words get their times from what a voice tells, however little and in whatever order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.text.speakable import pronounceable
from parley.engines.tts.interface import Speech, WordTime
from parley.engines.tts.word_times import from_marks, from_starts, moved, words_of


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in words_of(text)]


def told(text: str, words: tuple[WordTime, ...]) -> list[tuple[str, float, float]]:
    return [(text[word.start : word.end], word.start_s, word.end_s) for word in words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" ... — ?! ", []),
        ("One, two.", ["One,", "two."]),
        ("a  b\n\tc", ["a", "b", "c"]),
        ("It is 5 % — or $1,250.50!", ["It", "is", "5", "%", "or", "$1,250.50!"]),
        ("see https://x.org/a?b=c now", ["see", "https://x.org/a?b=c", "now"]),
        ("Grüße 😀 ok", ["Grüße", "😀", "ok"]),
        ("我是。你好", ["我", "是。", "你", "好"]),
        ("「東京」 ok", ["東", "京」", "ok"]),
        ("i用Python写", ["i", "用", "Python", "写"]),
    ],
)
def test_words_stand_between_spaces_and_han_alone(text: str, words: list[str]) -> None:
    assert cut(text) == words


def test_a_word_ends_where_the_next_begins_and_the_last_with_the_sound() -> None:
    text = "One two three."
    assert told(text, from_marks(text, [(0, 0.0), (4, 0.3), (8, 0.7)], 1.5)) == [
        ("One", 0.0, 0.3),
        ("two", 0.3, 0.7),
        ("three.", 0.7, 1.5),
    ]


def test_several_moments_of_a_word_are_one_word_from_the_first_of_them() -> None:
    text = "It costs $1,250 now"
    marks = [(0, 0.0), (3, 0.1), (12, 0.9), (9, 0.4), (11, 0.7), (15, 1.1), (16, 1.4)]
    assert told(text, from_marks(text, marks, 2.0))[2:] == [("$1,250", 0.4, 1.4), ("now", 1.4, 2.0)]


def test_a_word_without_a_moment_lies_between_its_neighbours_as_long_as_it_is() -> None:
    text = "end of the road"
    words = told(text, from_marks(text, [(0, 0.0), (4, 1.0), (11, 1.7)], 2.0))
    assert words[1][1:] == (1.0, 1.3)  # "of" and "the" share 0.7 s as 3 to 4
    assert words[2][1:] == (1.3, 1.7)
    late = told(text, from_marks(text, [(7, 1.0)], 2.0))
    assert [start_s for _, start_s, _ in late[:3]] == pytest.approx([0.0, 4 / 7, 1.0], abs=1e-4)


def test_digits_and_symbols_last_longer_than_letters_and_signs_alone_hardly() -> None:
    text = "a 25 b"
    words = from_marks(text, [(0, 0.0)], 1.4)
    assert told(text, words) == [("a", 0.0, 0.2), ("25", 0.2, 1.2), ("b", 1.2, 1.4)]
    text = "a | b"
    bar = from_marks(text, [(0, 0.0), (4, 1.05)], 2.0)[1]
    assert bar.end_s - bar.start_s == pytest.approx(0.05, abs=1e-3)


@pytest.mark.parametrize("marks", [[], [(0, -1.0)], [(0, 9.0)], [(-1, 0.0)]])
def test_nothing_is_made_up_where_no_beginning_is_known(marks: list[tuple[int, float]]) -> None:
    assert from_marks("One two.", marks, 1.0) == ()
    assert from_marks("...", [(0, 0.0)], 1.0) == ()


def test_a_moment_that_runs_backwards_is_left_out_and_not_all_behind_it() -> None:
    text = "a b c d e"
    marks = [(0, 0.0), (2, 4.0), (4, 1.0), (6, 2.0), (8, 3.0)]
    words = from_marks(text, marks, 5.0)
    assert [word.start_s for word in words] == [0.0, 0.5, 1.0, 2.0, 3.0]


def test_in_a_longer_text_the_words_stand_further_on() -> None:
    words = (WordTime(start=0, end=2, start_s=0.0, end_s=1.0),)
    speech = Speech(pcm16=b"ab", rate_hz=8000, words=words)
    assert moved(speech, 0) is speech
    assert moved(speech, 3).words == (WordTime(start=3, end=5, start_s=0.0, end_s=1.0),)


@given(
    text=st.text(st.sampled_from("ab9 %—\n.日본é\u0301😀"), max_size=30),
    marks=st.lists(st.tuples(st.integers(-2, 32), st.floats(-1, 6)), max_size=12),
)
def test_whatever_is_told_words_are_in_order_and_within_the_sound(
    text: str, marks: list[tuple[int, float]]
) -> None:
    words = from_marks(text, marks, 5.0)
    assert not words or [(word.start, word.end) for word in words] == words_of(text)
    assert all(any(map(pronounceable, text[word.start : word.end])) for word in words)
    moments = [moment_s for word in words for moment_s in (word.start_s, word.end_s)]
    assert moments == sorted(moments)
    assert all(0 <= moment_s <= 5.0 for moment_s in moments)
    assert all(one.end_s == other.start_s for one, other in pairwise(words))


@given(st.dictionaries(st.integers(0, 9), st.floats(0, 9, width=16), min_size=1))
def test_beginnings_in_order_are_kept(known: dict[int, float]) -> None:
    in_order = dict(zip(sorted(known), sorted(known.values()), strict=True))
    text = "a b c d e f g h i j"
    words = from_starts(text, words_of(text), in_order, 10.0)
    assert {n: words[n].start_s for n in known} == pytest.approx(in_order, abs=1e-4)
