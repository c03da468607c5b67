"""What Whisper says that nobody said."""

from __future__ import annotations

import pytest

from parley.engines.asr.decoded import Decoded, Guard, doubled, repeats
from parley.engines.asr.whisper_guards import guard_of


def decoded(
    text: str = "turn the light off",
    *,
    log_probability: float = -0.2,
    no_speech: float = 0.01,
    capped: bool = False,
) -> Decoded:
    return Decoded(
        text=text, log_probability=log_probability, no_speech=no_speech, capped=capped, ms=1.0
    )


def test_an_ordinary_sentence_is_believed() -> None:
    assert guard_of(decoded()) is None
    assert guard_of(decoded("")) is None


@pytest.mark.parametrize(
    ("found", "guard"),
    [
        (decoded("you", no_speech=0.95), Guard.SILENCE),
        (decoded("Thanks for watching!", no_speech=0.1), Guard.SILENCE),
        (decoded("you", no_speech=0.7, log_probability=-1.5), Guard.SILENCE),
        (decoded("you", no_speech=0.7), None),
        (decoded("you", no_speech=0.4, log_probability=-1.7), Guard.SILENCE),
        (decoded("you", no_speech=0.2, log_probability=-1.7), Guard.UNSURE),
        (decoded("and so on", capped=True), Guard.ENDLESS),
        (decoded("go go go go go go go"), Guard.REPETITION),
        (decoded("turn it off turn it off turn it off"), Guard.REPETITION),
        (decoded("abcabcabc" * 12), Guard.COMPRESSION),
        (decoded("mumble", log_probability=-1.2), Guard.UNSURE),
        (decoded("", log_probability=-1.2), None),
    ],
)
def test_each_guard_knows_its_case(found: Decoded, guard: Guard | None) -> None:
    assert guard_of(found) is guard


@pytest.mark.parametrize(
    "said",
    [
        "no no no no",
        "very very very good",
        "the more the more the merrier",
        "one two three one two three",
        "bye bye",
        "ha ha ha ha ha",
    ],
)
def test_what_people_do_say_twice_is_no_loop(said: str) -> None:
    assert not repeats(said.split())


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ("hey guys hey guys", True),
        ("half an hour half an hour", True),
        ("what is the weather like today what is the weather like to", True),
        ("no no", False),
        ("no no no no", True),
        ("what is the time", False),
        ("one zero zero zero one nine oh two one oh eight zero three", False),
        ("the child almost hurt the small dog", False),
        ("", False),
    ],
)
def test_the_same_words_twice_are_noticed(text: str, twice: bool) -> None:
    assert doubled(text.split()) is twice
    found = guard_of(decoded(text)) if text else None
    assert (found is Guard.DOUBLED) is twice
