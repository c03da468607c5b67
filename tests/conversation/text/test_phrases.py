"""Where phrases end because of a gap, a length, a block; and what is written between them."""

from __future__ import annotations

from math import inf

import pytest

from parley.conversation.text.boundaries import boundaries
from parley.conversation.text.phrases import SENTENCE_GAP_S, Phrase, PhraseRules, Phrases
from parley.conversation.text.tables import table_for
from support.model_streams import SENTENCES, SHORT, phrases_of


def with_gaps(*chunks: str, rules: PhraseRules = SHORT, language: str = "en") -> list[str]:
    """The phrases where a long gap follows each chunk."""
    splitter = Phrases(rules, table_for(language))
    found: list[Phrase] = []
    for chunk in chunks:
        found += splitter.push(chunk)
        while splitter.patience_s < inf:
            found += splitter.gap()
    return [phrase.text for phrase in found + splitter.flush()]


def test_a_gap_never_cuts_a_word() -> None:
    assert with_gaps("The an", "swer is four", "teen.") == ["The", "answer is", "fourteen."]
    whole = with_gaps("The an", "swer is four", "teen.", rules=SENTENCES)
    assert whole == ["The answer is fourteen."]


@pytest.mark.parametrize("rules", [SHORT, SENTENCES])
def test_a_gap_ends_a_sentence_that_is_over(rules: PhraseRules) -> None:
    splitter = Phrases(rules, table_for("en"))
    assert splitter.push("Let me look.") == []
    assert splitter.patience_s == SENTENCE_GAP_S
    assert [phrase.text for phrase in splitter.gap()] == ["Let me look."]
    assert splitter.patience_s == inf


@pytest.mark.parametrize("rules", [SHORT, SENTENCES])
@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [
        ("Pi is 3.", "14 exactly.", "3.14"),
        ("Ask Dr.", " Smith now.", "Dr. Smith"),
        ("See [the do", "cs](https://x.y) now.", "[the docs](https://x.y)"),
        ("Run `git sta", "tus` now.", "`git status`"),
        ("Go to https://exam", "ple.com now.", "https://example.com"),
        ("It is e.g.", " a cat.", "e.g. a"),
        ("Wait..", ". no.", "Wait..."),
    ],
)
def test_a_gap_never_cuts_what_belongs_together(
    rules: PhraseRules, first: str, then: str, kept: str
) -> None:
    assert any(kept in phrase for phrase in with_gaps(first, then, rules=rules))


@pytest.mark.parametrize("rules", [SHORT, SENTENCES])
def test_a_gap_in_a_block_of_code_ends_nothing(rules: PhraseRules) -> None:
    parts = with_gaps("Run:\n```ba", "sh\npip ins", "tall x\n``", "`\nDone.", rules=rules)
    assert parts == ["Run:", "```bash\npip install x\n```", "Done."]


def test_in_sentences_a_gap_ends_a_clause() -> None:
    parts = with_gaps("Well, it is a long story, and", " it goes on.", rules=SENTENCES)
    assert parts == ["Well, it is a long story,", "and it goes on."]


def test_where_words_follow_each_other_without_spaces_a_gap_holds_back_the_last_one() -> None:
    assert with_gaps("我们去公", "园吧。", language="zh") == ["我们去", "公园吧。"]


def test_thai_is_cut_where_icu_has_a_boundary_and_never_in_a_grapheme() -> None:
    text = "สวัสดีครับวันนี้อากาศดีมากเราควรไปเที่ยวทะเลกันดีไหมครับผมอยากไปหัวหินกับครอบครัวของผม" * 3
    phrases = [phrase.text for phrase in phrases_of([text], "th", SHORT)]
    assert "".join(phrases) == text
    ends = set(boundaries(text, "word")) & set(boundaries(text, "grapheme"))
    at = 0
    for phrase in phrases:
        assert len(phrase) <= 60
        at += len(phrase)
        assert at in ends


def test_a_long_sentence_is_cut_at_a_clause_and_a_link_is_not_cut() -> None:
    text = "Some words stand here before it all, and these words follow behind it, so it is long."
    assert [phrase.text for phrase in phrases_of([text], rules=SHORT)] == [
        "Some words stand here before it all,",
        "and these words follow behind it, so it is long.",
    ]
    link = f"[{'word ' * 15}end](https://example.com/{'x' * 60})"
    found = phrases_of([f"Here is it: {link} and so on and on."], rules=SHORT)
    assert link in [phrase.text for phrase in found]


def test_what_is_not_said_is_written_before_what_is() -> None:
    text = "Look:\n```python\na = 1\nb = 2\n```\n😀 Fine."
    first, code, last = phrases_of([text])
    assert (first.text, code.text, last.text) == ("Look:", "```python", "😀 Fine.")
    assert code.spoken == "Here is some code, which I won't read out."
    assert last.spoken == "Fine."
    assert first.before + first.text + code.before + code.text + last.before + last.text == text


@pytest.mark.parametrize("space", [" ", "\t", "\f", "\v", "\xa0", "\u3000", "\u2028", "\x1c"])
@pytest.mark.parametrize("head", ["", "- ", "1. "])
def test_code_behind_any_white_space_is_code_however_it_is_cut(space: str, head: str) -> None:
    text = f"{space}{head}```\nx = 1\ny = 2\n```\nThat was it."
    whole = [phrase.spoken for phrase in phrases_of([text])]
    assert whole == ["Here is some code, which I won't read out.", "That was it."]
    assert [phrase.spoken for phrase in phrases_of(list(text))] == whole


def test_code_is_announced_once_in_a_reply() -> None:
    block = "```\na\nb\n```\n"
    spoken = [phrase.spoken for phrase in phrases_of([f"{block}One.\n{block}Two."])]
    assert spoken == ["Here is some code, which I won't read out.", "One.", "Two."]


def test_an_aside_comes_behind_all_that_was_written() -> None:
    splitter = Phrases(SENTENCES, table_for("en"))
    assert splitter.push("This was") == []
    rest, aside = splitter.aside("Sorry, that failed.")
    assert (rest.text, rest.aside) == ("This was", False)
    assert (aside.text, aside.aside, aside.number) == ("Sorry, that failed.", True, 2)


def test_phrases_are_numbered_from_one() -> None:
    assert [phrase.number for phrase in phrases_of(["One. Two. 😀 Three."])] == [1, 2, 3]


BAD = {
    "a megabyte without a space": "a" * 1_000_000,
    "unclosed brackets": "[" * 10_000,
    "unclosed parentheses": "(" * 10_000 + "so it is.",
    "unclosed tags": "<a" * 10_000,
    "backticks": "`" * 10_000,
    "nested markdown": "*_" * 500 + "hi" + "_*" * 500,
    "nested links": "[" * 500 + "hi" + "](x)" * 500,
    "invisible characters": "\u200b\u200f\u202e\u2066" * 5000 + "abc",
    "combining marks": "\u0301" * 10_000,
    "one letter with many marks": "e" + "\u0301" * 10_000 + " x.",
    "control characters": "\x00\x01\x07\x1b" * 3000 + "abc. def.",
    "lone surrogates": "a\ud800 b\udfff c.",
    "full stops": "." * 100_000,
    "white space": " " * 1_000_000,
    "new lines": "\n" * 100_000,
    "emoji": "😀" * 50_000,
    "digits": "1" * 100_000,
    "an open block of code": "```\n" + "x = 1\n" * 50_000,
    "an endless address": "https://a.b/" + "c" * 100_000,
}


@pytest.mark.few(6)
@pytest.mark.no_cover
@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
@pytest.mark.parametrize("rules", [SHORT, SENTENCES])
def test_bad_text_costs_time_in_proportion_to_its_length(text: str, rules: PhraseRules) -> None:
    slices = [text[at : at + 500] for at in range(0, len(text), 500)]
    found = phrases_of(slices, rules=rules)
    longest = max((len(phrase.text) for phrase in found), default=0)
    assert longest <= 10_001
    for phrase in found:
        assert not any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in phrase.spoken)


def test_marks_alone_are_not_said() -> None:
    assert phrases_of(["\u0301" * 50]) == phrases_of(["..."]) == phrases_of([" — ** — "]) == []
