"""The machines of a dialogue, and the rules that join them.

`Floor` knows who is speaking, `Reply` what is being said, `EarlyReply` what was begun in case,
`Later` what is to be said without being asked, and `EndingState` how the session ends. Each moves
by what it is told. What follows from their joint state is said here and nowhere else: what to do
next (`step`), whether reply audio may leave (`gate_open`), whether an answer may begin. After each
report the dialogue asks once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Generic

from .early_reply import EarlyReply, Exit
from .ending import EndingState
from .floor import CLOSE_S, Floor
from .later import Later
from .reply import Reply


class Step(Enum):
    """What the joint state asks for."""

    NOTHING = "nothing"
    SUSPEND = "somebody speaks: the reply falls silent, and may go on later"
    GIVE_BACK = "it was nothing that anybody said: the reply goes on"
    CUT_OFF = "the model has been held for too long"


@dataclass(slots=True, kw_only=True)
class Machines(Generic[Exit]):
    floor: Floor
    reply: Reply
    early: EarlyReply[Exit]
    ending: EndingState
    later: Later = field(default_factory=Later)
    more_wanted: bool = False
    """What was said last wants more: it is not answered before more is said."""
    cancelling: int = 0
    """Cancels of the client whose marker is still on its way through the audio: what was said
    before them is not answered."""

    def step(self, now_s: float) -> Step:
        if not self.reply.live:
            return Step.NOTHING
        claimed = self.floor.claims()
        if claimed and not self.reply.suspended:
            return Step.SUSPEND
        if not claimed and self.reply.suspended:
            return Step.GIVE_BACK
        if now_s >= self.reply.cut_off_s - CLOSE_S:
            return Step.CUT_OFF
        return Step.NOTHING

    def gate_open(self, now_s: float) -> bool:
        """Whether reply audio may leave."""
        if not self.reply.live:
            return True
        return not self.reply.suspended and not self.floor.holds(now_s)

    def deadline_s(self, now_s: float) -> float:
        """The next moment at which `step`, `gate_open` or `may_speak_first` changes by time alone;
        inf: none."""
        if not self.reply.live:
            return self.later.due_s if self.at_rest and self.ending.may_begin else float("inf")
        return min(self.floor.deadline_s(now_s), self.reply.cut_off_s)

    @property
    def may_answer(self) -> bool:
        """Whether there are words to answer, nobody is speaking, and the session is not ending."""
        waiting = bool(self.floor.unanswered) and not self.more_wanted
        return waiting and not self.floor.taken and self.ending.may_begin

    def may_begin_early(self, utterance: int) -> bool:
        """Whether a reply may be begun for an utterance that may be over."""
        return (
            self.floor.is_open(utterance)
            and self.early.may_begin(utterance)
            and not self.reply.live
            and not self.cancelling
            and self.ending.may_begin
        )

    def may_speak_first(self, now_s: float) -> bool:
        """Whether something is due that nobody asks for now, and nobody would be talked over."""
        return self.later.due_s - CLOSE_S <= now_s and self.at_rest and self.ending.may_begin

    @property
    def at_rest(self) -> bool:
        """Nothing is going on, and nothing will be but by a new report."""
        return (
            self.floor.at_rest
            and not (self.floor.unanswered and not self.more_wanted)
            and not self.reply.live
            and not self.early.begun
            and not self.cancelling
        )
