"""What follows from the joint state of the four machines."""

from __future__ import annotations

import math

import pytest

from parley.conversation.early_reply import Begun, EarlyReply
from parley.conversation.ending import EndingState
from parley.conversation.floor import HOLD_S, Floor
from parley.conversation.machines import Machines, Step
from parley.conversation.record import TurnRecord
from parley.conversation.reply import MODEL_HELD_S, Reply


def machines() -> Machines[str]:
    return Machines(floor=Floor(), reply=Reply(), early=EarlyReply(2), ending=EndingState())


def record(turn: int = 1) -> TurnRecord:
    return TurnRecord(
        turn=turn, user_text="hi", first_sample_s=0.0, first_partial_s=None, final_s=0.0
    )


def replying() -> Machines[str]:
    m = machines()
    m.reply.begin(record())
    return m


def speech(m: Machines[str], number: int, now_s: float = 0.0) -> None:
    m.floor.began(number, now_s, guarded=False, during_reply=m.reply.live)


def suspended() -> Machines[str]:
    m = replying()
    speech(m, 2)
    m.reply.suspend(0.0)
    return m


# What to do next


def test_without_a_reply_there_is_nothing_to_do() -> None:
    m = machines()
    speech(m, 1)
    assert (m.step(0.0), m.deadline_s(0.0)) == (Step.NOTHING, math.inf)


def test_a_reply_that_nobody_speaks_over_goes_on() -> None:
    assert replying().step(100.0) is Step.NOTHING


def test_speech_over_a_reply_suspends_it() -> None:
    m = replying()
    speech(m, 2)
    assert m.step(0.0) is Step.SUSPEND


def test_a_sound_over_a_reply_does_not_suspend_it() -> None:
    m = replying()
    m.floor.began(2, 0.0, guarded=True, during_reply=True)
    assert m.step(0.0) is Step.NOTHING


def test_a_suspended_reply_stays_so_while_somebody_speaks() -> None:
    assert suspended().step(1.0) is Step.NOTHING


def test_a_reply_is_given_back_when_nobody_said_anything() -> None:
    m = suspended()
    m.floor.heard(2, "")
    assert m.step(1.0) is Step.GIVE_BACK


def test_a_model_that_is_held_for_too_long_is_cut_off() -> None:
    m = suspended()
    assert m.deadline_s(HOLD_S) == MODEL_HELD_S
    assert m.step(MODEL_HELD_S - 0.01) is Step.NOTHING
    assert m.step(MODEL_HELD_S) is Step.CUT_OFF


def test_a_reply_that_is_given_back_in_that_moment_is_not_cut_off() -> None:
    m = suspended()
    m.floor.heard(2, "")
    assert m.step(MODEL_HELD_S) is Step.GIVE_BACK


# The gate


def test_without_a_reply_the_gate_is_open() -> None:
    m = machines()
    speech(m, 1)
    m.floor.sound(0.0)
    assert m.gate_open(0.0)


def test_a_sound_closes_the_gate_for_a_moment() -> None:
    m = replying()
    m.floor.sound(0.0)
    assert not m.gate_open(0.0)
    assert m.deadline_s(0.0) == HOLD_S
    assert m.gate_open(HOLD_S)


def test_a_suspended_reply_finds_the_gate_closed() -> None:
    assert not suspended().gate_open(100.0)


def test_a_reply_that_was_given_back_finds_it_closed_while_another_sound_is_open() -> None:
    m = suspended()
    m.floor.heard(2, "")
    m.reply.give_back()
    m.floor.sound(1.0)
    assert not m.gate_open(1.0)
    assert m.gate_open(1.0 + HOLD_S)


# Whether an answer begins


def test_words_are_answered() -> None:
    m = machines()
    assert not m.may_answer
    m.floor.unanswered.append("hi")
    assert m.may_answer


def test_nothing_is_answered_while_somebody_speaks() -> None:
    m = machines()
    m.floor.unanswered.append("hi")
    speech(m, 2)
    assert not m.may_answer
    m.floor.heard(2, "")
    assert m.may_answer


def test_a_sound_that_is_not_sure_does_not_put_off_an_answer() -> None:
    m = machines()
    m.floor.unanswered.append("hi")
    m.floor.began(2, 0.0, guarded=True, during_reply=True)
    assert m.may_answer


@pytest.mark.parametrize("goodbye", [True, False])
def test_nothing_is_answered_when_the_session_ends(goodbye: bool) -> None:
    m = machines()
    m.floor.unanswered.append("hi")
    if goodbye:
        m.ending.say_goodbye(1001)
    else:
        m.ending.drain()
    assert not m.may_answer


# Whether an early reply begins


def test_a_reply_may_be_begun_early_while_the_words_are_still_to_come() -> None:
    m = machines()
    speech(m, 1)
    assert m.may_begin_early(1)


def test_none_is_begun_early_for_an_utterance_that_nobody_knows() -> None:
    assert not machines().may_begin_early(1)


def test_none_is_begun_early_for_a_sound_that_is_not_sure() -> None:
    m = machines()
    m.floor.began(1, 0.0, guarded=True, during_reply=True)
    assert not m.may_begin_early(1)


def test_none_is_begun_early_beside_a_live_reply() -> None:
    m = replying()
    speech(m, 2)
    assert not m.may_begin_early(2)


def test_none_is_begun_early_behind_a_cancel_that_is_on_its_way() -> None:
    m = machines()
    speech(m, 1)
    m.cancelling = 1
    assert not m.may_begin_early(1)


def test_none_is_begun_early_when_the_session_ends() -> None:
    m = machines()
    speech(m, 1)
    m.ending.drain()
    assert not m.may_begin_early(1)


def test_none_is_begun_early_beside_another() -> None:
    m = machines()
    speech(m, 1)
    m.early.begin(1, Begun(record=record(), conversation=[], exit=""))
    assert not m.may_begin_early(1)


# Rest


def test_at_first_everything_is_at_rest() -> None:
    assert machines().at_rest


def test_nothing_is_at_rest_while_something_goes_on() -> None:
    busy = [machines() for _ in range(6)]
    speaks, sounds, waits, replies, early, cancels = busy
    speech(speaks, 1)
    sounds.floor.sound(0.0)
    waits.floor.unanswered.append("hi")
    replies.reply.begin(record())
    early.early.begin(1, Begun(record=record(), conversation=[], exit=""))
    cancels.cancelling = 1
    assert not any(m.at_rest for m in busy)
