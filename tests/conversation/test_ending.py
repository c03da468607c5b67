"""How a session ends: open, draining, goodbye said."""

from __future__ import annotations

from parley.conversation.ending import EndingState


def test_an_open_session_begins_turns() -> None:
    ending = EndingState()
    assert (ending.may_begin, ending.draining) == (True, False)


def test_a_session_that_drains_begins_no_turn() -> None:
    ending = EndingState()
    ending.drain()
    assert (ending.may_begin, ending.draining) == (False, True)


def test_a_goodbye_is_said_once() -> None:
    ending = EndingState()
    assert [ending.say_goodbye(1001) for _ in range(3)] == [True, False, False]
    assert not ending.may_begin


def test_a_session_that_drains_says_goodbye_in_the_end() -> None:
    ending = EndingState()
    ending.drain()
    assert ending.say_goodbye(1001)
    assert not ending.draining


def test_there_is_no_way_back_from_a_goodbye() -> None:
    ending = EndingState()
    ending.say_goodbye(1001)
    ending.drain()
    assert not ending.draining and not ending.may_begin
    assert not ending.say_goodbye(1001)
