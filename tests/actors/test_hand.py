"""A hand keeps what is worked on, and counts how often that was begun."""

from __future__ import annotations

from parley.actors.hand import MAX_ATTEMPTS, Hand


def test_a_new_hand_is_empty_and_not_spent() -> None:
    hand: Hand[str] = Hand()
    assert (hand.item, hand.attempts, hand.spent) == (None, 0, False)


def test_it_gives_back_what_it_takes() -> None:
    hand: Hand[str] = Hand()
    assert hand.take("phrase") == "phrase"
    assert hand.item == "phrase"


def test_it_is_spent_after_the_second_attempt() -> None:
    hand: Hand[str] = Hand()
    spent = []
    for _ in range(MAX_ATTEMPTS + 1):
        spent.append(hand.spent)
        hand.attempt()
    assert spent == [False, False, True]


def test_it_takes_as_many_attempts_as_it_is_told() -> None:
    hand: Hand[str] = Hand(max_attempts=1)
    hand.attempt()
    assert hand.spent


def test_the_next_thing_has_attempts_of_its_own() -> None:
    hand: Hand[str] = Hand()
    for thing in ("first", "second"):
        hand.take(thing)
        assert not hand.spent
        hand.attempt()
        hand.attempt()
        assert hand.spent


def test_put_down_it_is_as_new() -> None:
    hand: Hand[str] = Hand()
    hand.take("phrase")
    hand.attempt()
    hand.put_down()
    assert hand == Hand()
