"""The reply that was begun in case."""

from __future__ import annotations

from parley.conversation.early_reply import Begun, EarlyReply
from parley.conversation.record import TurnRecord


def begun(turn: int = 1) -> Begun[str]:
    record = TurnRecord(
        turn=turn, user_text="hi", first_sample_s=0.0, first_partial_s=None, final_s=0.0
    )
    return Begun(record=record, conversation=[], exit="its exit")


def test_at_first_none_is_begun_and_one_may_be() -> None:
    early: EarlyReply[str] = EarlyReply(2)
    assert (early.begun, early.may_begin(1), early.take()) == (False, True, None)


def test_there_is_one_at_a_time() -> None:
    early: EarlyReply[str] = EarlyReply(2)
    early.begin(1, begun())
    assert early.begun
    assert not early.may_begin(1) and not early.may_begin(2)


def test_what_was_begun_is_taken_once() -> None:
    early: EarlyReply[str] = EarlyReply(2)
    one = begun()
    early.begin(1, one)
    assert early.take() is one
    assert early.take() is None
    assert not early.begun


def test_for_one_utterance_so_many_are_begun_and_no_more() -> None:
    early: EarlyReply[str] = EarlyReply(2)
    for _ in range(2):
        assert early.may_begin(1)
        early.begin(1, begun())
        early.take()
    assert not early.may_begin(1)


def test_the_next_utterance_counts_anew() -> None:
    early: EarlyReply[str] = EarlyReply(1)
    early.begin(1, begun())
    early.take()
    assert not early.may_begin(1)
    assert early.may_begin(2)
    early.begin(2, begun())
    early.take()
    assert not early.may_begin(2)


def test_where_none_is_wanted_none_is_begun() -> None:
    early: EarlyReply[str] = EarlyReply(0)
    assert not early.may_begin(1)
