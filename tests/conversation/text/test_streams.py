"""The corpus of model streams: what each is spoken as, however it was cut into tokens."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.model_streams import SENTENCES, SHORT, phrases_of, streams

KINDS = sorted({stream.kind for stream in streams()})


def cuts_of(text: str) -> Iterator[list[str]]:
    """The text as models cut it: by words, by letters, in pairs, at random, all at once."""
    yield [text]
    yield list(text)
    yield re.findall(r"\s*\S+|\s+\Z", text)
    yield [text[at : at + 2] for at in range(0, len(text), 2)]
    yield [text[at : at + 7] for at in range(0, len(text), 7)]
    chance = random.Random(text)
    for _ in range(3):
        ends = sorted({chance.randrange(len(text) + 1) for _ in range(len(text) // 3)})
        yield [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True) if a < b]


def test_the_corpus_is_large_and_of_every_kind() -> None:
    assert len(streams()) >= 150
    assert len(KINDS) >= 25


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_spoken_as_a_person_reads_it_however_it_was_cut(kind: str) -> None:
    for stream in (stream for stream in streams() if stream.kind == kind):
        for chunks in cuts_of(stream.text):
            found = phrases_of(chunks, stream.language)
            assert tuple(phrase.text for phrase in found) == stream.phrases, chunks
            assert tuple(phrase.spoken for phrase in found) == stream.spoken, chunks


def test_nothing_that_is_spoken_holds_markup() -> None:
    for stream in streams():
        for spoken in stream.spoken:
            assert not re.search(r"\*\*|__|`|https?://|\]\(|</?[a-z]", spoken), spoken


WORDS = (
    "Dr. |3|.| |\n|```|`|**|[|](|http|s://|www.|a.b|)|Hello|!|?|…|。|你好|ส|วัน|😀|1. |- |e.g.|p.m."
)
MORE = ' the| The|<|b>|,|:|—|"|I.|J. |many words go here and '
PIECES = st.sampled_from([*WORDS.split("|"), *MORE.split("|"), "|"])


@given(st.lists(PIECES, min_size=1, max_size=50), st.integers(1, 9), st.booleans())
def test_any_text_gives_the_same_phrases_however_it_was_cut(
    pieces: list[str], length: int, short: bool
) -> None:
    text, rules = "".join(pieces), SHORT if short else SENTENCES
    whole = phrases_of([text], rules=rules)
    assert (
        phrases_of([text[at : at + length] for at in range(0, len(text), length)], rules=rules)
        == whole
    )
    assert phrases_of(pieces, rules=rules) == whole


@given(st.lists(PIECES, min_size=1, max_size=50), st.booleans())
def test_no_written_word_is_lost_or_said_twice(pieces: list[str], short: bool) -> None:
    text = "".join(pieces)
    whole = phrases_of([text], rules=SHORT if short else SENTENCES)
    written = "".join(phrase.before + phrase.text for phrase in whole)
    assert text.startswith(written)  # what is not in a phrase at its end is not said at all


@given(st.lists(PIECES, min_size=1, max_size=40))
def test_the_marks_of_a_phrase_lead_from_its_first_word_to_its_last(pieces: list[str]) -> None:
    for phrase in phrases_of(["".join(pieces)]):
        assert phrase.marks
        written, spoken = zip(*phrase.marks, strict=True)
        assert list(written) == sorted(written)
        assert list(spoken) == sorted(spoken)
        assert written[-1] == len(phrase.text)
        assert spoken[-1] <= len(phrase.spoken)
