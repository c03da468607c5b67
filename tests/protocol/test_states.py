"""The table of states."""

from __future__ import annotations

import pytest

from parley.protocol.states import TABLE, IllegalTransition, State, Trigger, next_state


def test_a_turn_goes_the_documented_way() -> None:
    way = [State.IDLE]
    for trigger in (
        Trigger.START,
        Trigger.SPEECH,
        Trigger.TURN,
        Trigger.AUDIO,
        Trigger.REPLY_OVER,
    ):
        way.append(next_state(way[-1], trigger))
    assert way == [
        State.IDLE,
        State.CAPTURING,
        State.CAPTURING,
        State.THINKING,
        State.RESPONDING,
        State.COMPLETE,
    ]


@pytest.mark.parametrize("trigger", [Trigger.START, Trigger.SPEECH])
def test_after_complete_a_start_or_new_speech_captures_again(trigger: Trigger) -> None:
    assert next_state(State.COMPLETE, trigger) is State.CAPTURING


@pytest.mark.parametrize("state", [State.THINKING, State.RESPONDING])
def test_an_interruption_captures(state: State) -> None:
    assert next_state(state, Trigger.INTERRUPT) is State.CAPTURING


@pytest.mark.parametrize("state", [State.THINKING, State.RESPONDING])
def test_an_interruption_that_was_nothing_brings_the_reply_back(state: State) -> None:
    interrupted = next_state(state, Trigger.INTERRUPT)
    assert next_state(interrupted, Trigger.RESUME) is State.THINKING


def test_a_reply_comes_back_though_the_microphone_was_closed_meanwhile() -> None:
    closed = next_state(State.CAPTURING, Trigger.STOP)
    assert next_state(closed, Trigger.RESUME) is State.THINKING


@pytest.mark.parametrize("state", [State.IDLE, State.THINKING, State.RESPONDING])
def test_a_reply_that_was_not_interrupted_does_not_come_back(state: State) -> None:
    with pytest.raises(IllegalTransition):
        next_state(state, Trigger.RESUME)


def test_a_start_speech_or_typed_words_leave_idle() -> None:
    assert [trigger for state, trigger in TABLE if state is State.IDLE] == [
        Trigger.START,
        Trigger.SPEECH,
        Trigger.TURN,
    ]


def test_a_pair_that_is_not_in_the_table_is_refused_and_named() -> None:
    with pytest.raises(IllegalTransition, match="'audio' is not possible while idle") as caught:
        next_state(State.IDLE, Trigger.AUDIO)
    assert (caught.value.state, caught.value.trigger) == (State.IDLE, Trigger.AUDIO)


def test_every_state_can_be_reached_and_left() -> None:
    assert set(TABLE.values()) | {State.IDLE} == set(State)
    assert {state for state, _ in TABLE} == set(State)
