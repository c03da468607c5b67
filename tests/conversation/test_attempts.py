"""A hand keeps what is worked on, and counts how often that was begun."""

from __future__ import annotations

from parley.conversation.attempts import MAX_ATTEMPTS, Attempts


def test_a_new_hand_is_empty_and_not_spent() -> None:
    hand: Attempts[str] = Attempts()
    assert (hand.item, hand.attempts, hand.spent) == (None, 0, False)


def test_it_gives_back_what_it_takes() -> None:
    hand: Attempts[str] = Attempts()
    assert hand.take("phrase") == "phrase"
    assert hand.item == "phrase"


def test_it_is_spent_after_the_second_attempt() -> None:
    hand: Attempts[str] = Attempts()
    spent = []
    for _ in range(MAX_ATTEMPTS + 1):
        spent.append(hand.spent)
        hand.attempt()
    assert spent == [False, False, True]


def test_it_takes_as_many_attempts_as_it_is_told() -> None:
    hand: Attempts[str] = Attempts(max_attempts=1)
    hand.attempt()
    assert hand.spent


def test_the_next_thing_has_attempts_of_its_own() -> None:
    hand: Attempts[str] = Attempts()
    for thing in ("first", "second"):
        hand.take(thing)
        assert not hand.spent
        hand.attempt()
        hand.attempt()
        assert hand.spent


def test_put_down_it_is_as_new() -> None:
    hand: Attempts[str] = Attempts()
    hand.take("phrase")
    hand.attempt()
    hand.put_down()
    assert hand == Attempts()
