"""A reply in the making: what is told of it, how long to wait, and when it is none."""

from __future__ import annotations

import pytest

from parley.conversation.writing import LLMDeadlines, NoWord, Writing, has_word, visible_text

DEADLINES = LLMDeadlines(first_token_s=5, gap_s=4, total_s=30, first_word_s=60)


def without_a_word(*chunks: str) -> str:
    writing = Writing(DEADLINES)
    for chunk in chunks:
        assert writing.take(chunk) == []
    with pytest.raises(NoWord) as caught:
        writing.finish()
    return str(caught.value)


def test_words_are_told_as_they_come() -> None:
    writing = Writing(DEADLINES)
    assert [writing.take(token) for token in ("Hi", ",", " you")] == [["Hi"], [","], [" you"]]
    assert writing.finish() == []
    assert writing.spoke


def test_what_comes_before_the_first_word_waits_for_it() -> None:
    writing = Writing(DEADLINES)
    assert [writing.take(token) for token in ("\n", "…", " So")] == [[], [], ["\n", "…", " So"]]


def test_what_waits_for_a_tag_is_told_at_the_end() -> None:
    writing = Writing(DEADLINES)
    assert writing.take("a <") == ["a "]
    assert writing.finish() == ["<"]


def test_thoughts_are_not_told() -> None:
    writing = Writing(DEADLINES)
    assert [writing.take(token) for token in ("<think>", "hm", "</think>\n", "\nYes")] == [
        *([], [], []),
        ["Yes"],
    ]
    assert visible_text("<think>a</think>b <") == "b <"


@pytest.mark.parametrize(
    ("chunks", "what"),
    [
        (("...",), "answered '...' and no word"),
        ((" \n", "…"), "answered '…'"),
        (("  ",), "without a word"),
        (("<think>hm",), "still thinking when its reply ended: check OPENAI_MAX_TOKENS"),
        (("<think>hm</think>",), "thought and said nothing"),
        (("<tool_call>{}</tool_call>",), "called a tool"),
    ],
)
def test_a_reply_without_a_word_is_none(chunks: tuple[str, ...], what: str) -> None:
    assert what in without_a_word(*chunks)


def test_nothing_at_all_is_a_reply_that_someone_meant_so() -> None:
    assert Writing(DEADLINES).finish() == []


@pytest.mark.parametrize("text", ["a", "7", "好", "👍", "$"])
def test_letters_digits_and_symbols_are_words(text: str) -> None:
    assert has_word(text)


def test_before_a_sign_of_life_the_first_token_is_waited_for() -> None:
    writing = Writing(DEADLINES)
    assert (writing.limit_s, writing.overrun) == (5, None)
    writing.waited(3)
    writing.take("Hi")
    assert (writing.limit_s, writing.overrun) == (4, None)
    writing.waited(25)
    assert writing.limit_s == 2


@pytest.mark.parametrize("sign", ["Alive", "<think>hm", "…"])
def test_the_time_before_the_first_word_is_not_the_replys(sign: str) -> None:
    writing = Writing(DEADLINES)
    for _ in range(19):
        writing.waited(3)
        if sign == "Alive":
            writing.sign()
        else:
            writing.take(sign)
    assert writing.limit_s == 3
    assert writing.overrun == "the language model was at work for 60 s without a word"
    writing.take("</think>Word.")
    for _ in range(8):
        writing.waited(3)
        writing.take(" More.")
    assert writing.limit_s == 30 - 3 - 8 * 3
