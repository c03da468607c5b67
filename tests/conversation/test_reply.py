"""The reply: made, heard, suspended, over."""

from __future__ import annotations

import math

import pytest

from parley.conversation.record import TurnRecord
from parley.conversation.reply import MODEL_HELD_S, Reply, Stage


def record(turn: int = 1) -> TurnRecord:
    return TurnRecord(
        turn=turn, user_text="hi", first_sample_s=0.0, first_partial_s=None, final_s=0.0
    )


def begun() -> Reply:
    reply = Reply()
    reply.begin(record())
    return reply


def test_at_first_there_is_none() -> None:
    reply = Reply()
    assert (reply.stage, reply.live, reply.suspended) == (Stage.NONE, False, False)


def test_a_reply_is_made_and_then_heard_and_then_over() -> None:
    reply = begun()
    stages = [reply.stage]
    reply.audible()
    stages.append(reply.stage)
    reply.end()
    stages.append(reply.stage)
    assert stages == [Stage.MADE, Stage.HEARD, Stage.NONE]
    assert not reply.live


def test_a_second_reply_beside_a_live_one_is_a_mistake() -> None:
    reply = begun()
    with pytest.raises(RuntimeError, match="turn 1 is still live"):
        reply.begin(record(2))


def test_one_reply_follows_the_other() -> None:
    reply = begun()
    reply.end()
    reply.begin(record(2))
    assert reply.record is not None
    assert reply.record.turn == 2


@pytest.mark.parametrize("heard", [True, False])
def test_a_suspended_reply_is_live_and_silent(heard: bool) -> None:
    reply = begun()
    if heard:
        reply.audible()
    reply.suspend(3.0)
    assert (reply.stage, reply.live, reply.suspended) == (Stage.SUSPENDED, True, True)


def test_a_suspended_reply_is_not_heard_by_a_report_that_is_late() -> None:
    reply = begun()
    reply.suspend(3.0)
    reply.audible()
    assert reply.suspended


def test_a_reply_that_is_given_back_is_made_until_it_is_heard_again() -> None:
    reply = begun()
    reply.audible()
    reply.suspend(3.0)
    reply.give_back()
    stages = [reply.stage]
    reply.audible()
    assert [*stages, reply.stage] == [Stage.MADE, Stage.HEARD]


def test_only_a_suspended_reply_is_given_back() -> None:
    reply = begun()
    reply.audible()
    reply.give_back()
    assert reply.stage is Stage.HEARD


def test_where_there_is_no_reply_none_is_suspended_heard_or_given_back() -> None:
    reply = Reply()
    reply.suspend(3.0)
    reply.audible()
    reply.give_back()
    assert (reply.stage, reply.cut_off_s) == (Stage.NONE, math.inf)


def test_a_model_that_still_writes_is_held_for_a_while_only() -> None:
    reply = begun()
    assert reply.cut_off_s == math.inf
    reply.suspend(3.0)
    assert reply.cut_off_s == 3.0 + MODEL_HELD_S


def test_a_second_suspension_does_not_prolong_the_first() -> None:
    reply = begun()
    reply.suspend(3.0)
    reply.suspend(7.0)
    assert reply.cut_off_s == 3.0 + MODEL_HELD_S


def test_each_suspension_has_its_own_while() -> None:
    reply = begun()
    reply.suspend(3.0)
    reply.give_back()
    assert reply.cut_off_s == math.inf
    reply.suspend(7.0)
    assert reply.cut_off_s == 7.0 + MODEL_HELD_S


def test_a_model_that_has_written_all_is_not_cut_off() -> None:
    reply = begun()
    reply.suspend(3.0)
    assert reply.record is not None
    reply.record.written = True
    assert reply.cut_off_s == math.inf


def test_a_model_is_cut_off_once() -> None:
    reply = begun()
    reply.suspend(3.0)
    reply.cut_off = True
    assert reply.cut_off_s == math.inf


def test_the_next_reply_has_a_model_of_its_own() -> None:
    reply = begun()
    reply.suspend(3.0)
    reply.cut_off = True
    reply.end()
    assert not reply.cut_off
    reply.begin(record(2))
    assert (reply.cut_off, reply.suspended) == (False, False)
