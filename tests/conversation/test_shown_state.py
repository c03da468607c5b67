"""What a client is told of where the conversation stands."""

from __future__ import annotations

import pytest

from parley.conversation.shown_state import ShownState
from parley.protocol.states import IllegalTransition, State, Trigger


@pytest.mark.parametrize("state", [State.THINKING, State.RESPONDING])
def test_a_reply_that_is_over_leaves_its_states(state: State) -> None:
    shown = ShownState(state=state, listening=True)
    shown.reply_over()
    assert shown.seen() == (State.COMPLETE, True)


@pytest.mark.parametrize("state", [State.IDLE, State.CAPTURING, State.COMPLETE])
def test_one_that_fell_silent_has_left_them_already(state: State) -> None:
    shown = ShownState(state=state)
    shown.reply_over()
    assert shown.state is state


def test_a_way_that_the_table_does_not_know_changes_nothing() -> None:
    shown = ShownState()
    with pytest.raises(IllegalTransition):
        shown.go(Trigger.AUDIO)
    assert shown.seen() == (State.IDLE, False)
