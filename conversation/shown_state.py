"""Where a conversation stands, as its client is told: its state, and whether it is listened to.

Plain: it moves by triggers and by what the client does with its microphone. The dialogue tells the
client after each report that changed it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..protocol.states import State, Trigger, next_state


@dataclass(slots=True)
class ShownState:
    state: State = State.IDLE
    listening: bool = False

    def go(self, trigger: Trigger) -> None:
        """Raises IllegalTransition where the table knows no way."""
        self.state = next_state(self.state, trigger)

    def seen(self) -> tuple[State, bool]:
        """What is told: to be compared with what it was before."""
        return self.state, self.listening

    def reply_over(self) -> None:
        """A reply that fell silent has left these states already."""
        if self.state in (State.THINKING, State.RESPONDING):
            self.go(Trigger.REPLY_OVER)
