"""The session's states and every way between them, as one table.

Source: wire facts of dialect A, "States". `IDLE -> CAPTURING -> THINKING -> RESPONDING ->
COMPLETE`; after COMPLETE a new start, or in a continuing session simply new speech, goes back to
CAPTURING. A pair that is not in the table is a mistake, the peer's or ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class State(Enum):
    IDLE = "idle"
    CAPTURING = "capturing"
    THINKING = "thinking"
    RESPONDING = "responding"
    COMPLETE = "complete"


class Trigger(Enum):
    START = "start"
    """The client opened its microphone."""
    SPEECH = "speech"
    """An utterance began."""
    NOTHING = "nothing"
    """An utterance ended without words: it was noise, or the recognizer failed."""
    TURN = "turn"
    """A turn began: there are words to answer."""
    AUDIO = "audio"
    """The first audio of the reply was sent."""
    REPLY_OVER = "reply over"
    """The reply has been heard, was cancelled, or failed."""
    INTERRUPT = "interrupt"
    """The person spoke over the reply, and it was cut."""
    RESUME = "resume"
    """What interrupted the reply was nothing that anybody said: it goes on."""
    STOP = "stop"
    """The client closed its microphone, and nothing of it is pending."""


class IllegalTransition(Exception):
    """A trigger that the table does not know in this state."""

    def __init__(self, state: State, trigger: Trigger) -> None:
        super().__init__(f"{trigger.value!r} is not possible while {state.value}")
        self.state = state
        self.trigger = trigger


TABLE: Mapping[tuple[State, Trigger], State] = MappingProxyType(
    {
        (State.IDLE, Trigger.START): State.CAPTURING,
        (State.CAPTURING, Trigger.SPEECH): State.CAPTURING,
        # Speech is told at once, start and stop behind the audio: they may overtake each other.
        (State.IDLE, Trigger.SPEECH): State.CAPTURING,
        # Typed words need no microphone.
        (State.IDLE, Trigger.TURN): State.THINKING,
        (State.CAPTURING, Trigger.START): State.CAPTURING,
        (State.CAPTURING, Trigger.NOTHING): State.CAPTURING,
        (State.CAPTURING, Trigger.TURN): State.THINKING,
        (State.CAPTURING, Trigger.STOP): State.COMPLETE,
        (State.THINKING, Trigger.AUDIO): State.RESPONDING,
        (State.THINKING, Trigger.REPLY_OVER): State.COMPLETE,
        (State.RESPONDING, Trigger.REPLY_OVER): State.COMPLETE,
        # The microphone may be opened and closed, and sounds may come, while a reply is spoken.
        (State.THINKING, Trigger.START): State.THINKING,
        (State.THINKING, Trigger.STOP): State.THINKING,
        (State.THINKING, Trigger.SPEECH): State.THINKING,
        (State.THINKING, Trigger.NOTHING): State.THINKING,
        (State.THINKING, Trigger.INTERRUPT): State.CAPTURING,
        (State.RESPONDING, Trigger.START): State.RESPONDING,
        (State.RESPONDING, Trigger.STOP): State.RESPONDING,
        (State.RESPONDING, Trigger.SPEECH): State.RESPONDING,
        (State.RESPONDING, Trigger.NOTHING): State.RESPONDING,
        (State.RESPONDING, Trigger.INTERRUPT): State.CAPTURING,
        # A reply that goes on is made or heard again; its next audio says which.
        (State.CAPTURING, Trigger.RESUME): State.THINKING,
        (State.COMPLETE, Trigger.RESUME): State.THINKING,
        (State.COMPLETE, Trigger.START): State.CAPTURING,
        (State.COMPLETE, Trigger.SPEECH): State.CAPTURING,
        (State.COMPLETE, Trigger.STOP): State.COMPLETE,
        (State.COMPLETE, Trigger.NOTHING): State.COMPLETE,
        # The reply ended between the beginning of an utterance and its last word.
        (State.COMPLETE, Trigger.TURN): State.THINKING,
    }
)


def next_state(state: State, trigger: Trigger) -> State:
    """The state after `trigger`. Raises IllegalTransition where the table has no such pair."""
    try:
        return TABLE[state, trigger]
    except KeyError:
        raise IllegalTransition(state, trigger) from None
