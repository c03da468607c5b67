"""What two hypotheses in a row agree on is shown unchanged from then on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.agreement import Agreement

WORDS = st.lists(st.sampled_from(["a", "b", "c", "and", "so"]), max_size=8).map(" ".join)


def shown(*texts: str, apart_ms: int = 500) -> list[tuple[str, int]]:
    agreement = Agreement()
    return [(*agreement.update(text, n * apart_ms),) for n, text in enumerate(texts)]


def test_the_first_hypothesis_is_stable_nowhere() -> None:
    assert shown("go on") == [("go on", 0)]


def test_a_common_beginning_is_stable() -> None:
    assert shown("go on", "go on and", "go over and") == [
        ("go on", 0),
        ("go on and", 5),
        ("go on and", 9),
    ]


def test_hypotheses_that_come_too_soon_are_not_compared() -> None:
    assert [stable for _, stable in shown("go", "go", "go", "go", apart_ms=100)] == [0, 0, 0, 2]


def test_a_changed_beginning_is_shown_as_it_was_and_what_was_added_follows() -> None:
    assert shown("go four", "go four ten", "no four ten feet", "so for ten feet high")[2:] == [
        ("go four ten feet", 11),
        ("go four ten feet high", 16),
    ]


def test_a_word_that_came_into_the_middle_does_not_double_another() -> None:
    found = shown("turn the light", "turn the light", "turn off the light please")
    assert found[-1][0] == "turn the light please"


def test_a_hypothesis_that_became_shorter_hides_nothing_stable() -> None:
    assert shown("go on", "go on", "go", "")[2:] == [("go on", 5), ("go on", 5)]


@given(st.lists(WORDS, max_size=12))
def test_the_stable_part_only_grows_and_never_changes(texts: list[str]) -> None:
    agreement, stable = Agreement(), ""
    for number, text in enumerate(texts):
        now = agreement.update(text, number * 500)
        assert now.text[: len(stable)] == stable
        assert now.stable_chars >= len(stable)
        stable = now.text[: now.stable_chars]
