"""What is to be said later: kept, replaced, forgotten, taken back, said in its order."""

from __future__ import annotations

import math

from parley.conversation.later import LATER_MAX, ForgetLater, Later, SayLater


def say(text: str, after_s: float, name: str = "") -> SayLater:
    return SayLater(text=text, after_s=after_s, name=name)


def texts(later: Later, now_s: float = math.inf) -> list[str]:
    said = []
    while (text := later.next(now_s)) is not None:
        said.append(text)
    return said


def test_it_is_due_in_its_order_and_not_before_its_time() -> None:
    later = Later()
    assert later.due_s == math.inf
    for wish in (say("second", 5), say("first", 3), say("third", 5)):
        assert later.take(wish, 1, 10.0)
    assert later.due_s == 13.0
    assert later.next(12.9) is None
    assert later.next(13.0) == "first"
    assert texts(later) == ["second", "third"]
    assert later.due_s == math.inf


def test_a_wish_of_the_same_name_takes_the_place_of_the_one_before() -> None:
    later = Later()
    for wish in (say("old", 3, "egg"), say("tea", 4, "tea"), say("new", 9, "egg"), say("a", 1)):
        later.take(wish, 1, 0.0)
    later.take(say("b", 2), 1, 0.0)  # the empty name replaces nothing
    assert texts(later) == ["a", "b", "tea", "new"]


def test_one_name_or_all_is_forgotten() -> None:
    later = Later()
    for name in ("egg", "tea", ""):
        later.take(say(name, 1, name), 1, 0.0)
    later.take(ForgetLater(name="egg"), 2, 0.0)
    assert texts(later) == ["tea", ""]
    later.take(say("x", 1), 3, 0.0)
    later.take(ForgetLater(), 4, 0.0)
    assert texts(later) == []


def test_a_cancelled_turn_takes_back_its_own() -> None:
    later = Later()
    later.take(say("of one", 1), 1, 0.0)
    later.take(say("of two", 2), 2, 0.0)
    later.take_back(2)
    assert texts(later) == ["of one"]


def test_a_time_that_is_no_number_is_now_and_one_without_end_is_never() -> None:
    later = Later()
    later.take(say("never", math.inf), 1, 5.0)
    later.take(say("now", math.nan), 1, 5.0)
    assert later.due_s == 5.0
    assert texts(later, 1e12) == ["now"]


def test_what_lies_in_the_past_is_due_at_once_and_there_is_an_end_to_it() -> None:
    later = Later()
    assert all(later.take(say(str(n), -1), 1, 5.0) for n in range(LATER_MAX))
    assert later.due_s == 5.0
    assert not later.take(say("too much", 0), 1, 5.0)
    assert len(texts(later)) == LATER_MAX
