"""Thoughts, tool markup and special tokens out of a text, however it is cut."""

from __future__ import annotations

import random
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.hidden_markup import BEGINNING, MAX_TAG_CHARS, OPENING, TAG
from parley.conversation.thoughts import Thoughts

BAR = "\uff5c"
CASES = {
    "<think>\nshort?\n</think>\n\nHello there.": "Hello there.",
    "<THINK>a</Think> b": "b",
    "<think type='deep'>a</think >b": "b",
    "<thinking>a</think>b</thinking>c": "c",
    "<thought>a</thought>b": "b",
    "<reasoning>a</reasoning>b": "b",
    "<reflection>a</reflection>b": "b",
    "[THINK]a[/THINK]b": "b",
    "◁think▷a◁/think▷b": "b",
    "One. <think>a</think>Two.": "One. Two.",
    "</think>Yes.": "Yes.",
    "a < b and b > c, i <3 you": "a < b and b > c, i <3 you",
    "a <": "a <",
    "<th": "<th",
    "Use <b>this</b> and [the docs](x), `code`.": "Use <b>this</b> and [the docs](x), `code`.",
    "<think>never closed": "",
    "Word. <think>never closed": "Word. ",
    "  \n<think>a</think>\n\nb": "  \nb",
    "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b": "b",
    "<|channel|>analysis<|message|>a<|channel|>final<|message|>b<|return|>": "b",
    "<|channel|>commentary to=functions.x <|constrain|>json<|message|>{}<|call|>": "",
    "<|start|>assistant<|message|>b": "b",
    "<tool_call>\n{}\n</tool_call>b": "b",
    "<function_call>{}</function_call>b": "b",
    "<function=time>{}</function>b": "b",
    'Sure. [TOOL_CALLS][{"name": "x"}]': "Sure. ",
    "<|python_tag|>x()<|eom_id|>b": "b",
    "a ```tool_code\nx()\n``` b": "a  b",
    "a ```python\nx()\n``` b": "a ```python\nx()\n``` b",
    f"<{BAR}tool▁calls▁begin{BAR}>x<{BAR}tool▁calls▁end{BAR}>b<{BAR}end▁of▁sentence{BAR}>": "b",
    "Hello<|im_end|>": "Hello",
    "Hello<|eot_id|>": "Hello",
    "Hello<end_of_turn>": "Hello",
    "<s>Hello</s>": "Hello",
    "<|start_header_id|>assistant<|end_header_id|>\n\nHello": "Hello",
    "<|im_start|>assistant\nHello": "Hello",
}


def seen(*chunks: str) -> str:
    thoughts = Thoughts()
    return "".join(map(thoughts.push, chunks)) + thoughts.finish()


@pytest.mark.parametrize("text", CASES)
def test_what_is_not_for_people_is_taken_out(text: str) -> None:
    assert seen(text) == CASES[text]
    assert seen(*text) == CASES[text]


_PARTS = st.one_of(st.sampled_from([*CASES, "<", "</", "<|", "`", "[", "\n", " "]), st.text())


@given(parts=st.lists(_PARTS, max_size=5), seed=st.integers(0, 2**32))
def test_however_a_text_is_cut_the_same_of_it_is_seen(parts: list[str], seed: int) -> None:
    text = "".join(parts)
    dice = random.Random(seed)
    cuts = sorted(dice.randrange(len(text) + 1) for _ in range(dice.randrange(20)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert seen(*chunks) == seen(text) == seen(*text)


@given(text=st.text(alphabet=st.characters(exclude_characters="<[◁`")))
def test_a_text_without_the_beginning_of_a_tag_passes_at_once(text: str) -> None:
    assert Thoughts().push(text) == text


@pytest.mark.parametrize(
    ("chunks", "told"),
    [
        (("a <", " b"), ["a ", "< b"]),
        (("a <t", "he"), ["a ", "<the"]),
        (("[t", "he docs]"), ["", "[the docs]"]),
        (("<3",), ["<3"]),
    ],
)
def test_only_what_may_begin_a_tag_waits(chunks: tuple[str, ...], told: list[str]) -> None:
    thoughts = Thoughts()
    assert [thoughts.push(chunk) for chunk in chunks] == told


def test_it_says_whether_it_is_inside_of_something_hidden() -> None:
    thoughts = Thoughts()
    found = []
    for chunk in ("a", "<think>", "b", "</think>", "<tool_call>", "</tool_call>"):
        thoughts.push(chunk)
        found.append((thoughts.hidden, thoughts.thinking))
    assert found == [
        *((False, False), (True, True), (True, True), (False, False), (True, False)),
        (False, False),
    ]


@given(text=st.text(alphabet="<>/|thinkTOL_CAS[]`=e \n", max_size=400))
def test_nothing_waits_that_is_longer_than_a_tag(text: str) -> None:
    thoughts = Thoughts()
    for character in text:
        thoughts.push(character)
        assert len(thoughts._rest) <= MAX_TAG_CHARS


@pytest.mark.parametrize("text", CASES)
def test_every_tag_begins_like_one_and_is_found_wherever_it_is_cut(text: str) -> None:
    for tag in TAG.finditer(text):
        whole = tag[0]
        assert OPENING.match(whole)
        assert all(BEGINNING.match(whole[:cut]) for cut in range(1, len(whole)))


@pytest.mark.few(3)
@pytest.mark.no_cover
@pytest.mark.parametrize("piece", ["x", "<", "[think", "<think ", "`", "<|x"])
@pytest.mark.parametrize("opened", ["", "<think>"])
def test_a_million_characters_take_a_moment(piece: str, opened: str) -> None:
    text = opened + piece * (1_000_000 // len(piece))
    began_s = process_time()
    seen(*(text[at : at + 1000] for at in range(0, len(text), 1000)))
    assert process_time() - began_s < 20  # quadratic would be an hour
