"""The machines of a dialogue, and the rules that join them.

`Floor` knows who is speaking, `Reply` what is being said, `EarlyReply` what was begun in case,
`Later` and `Conducting` what is to be said without being asked, `SilentCaller` how long nobody has
spoken, and `EndingState` how the session ends. Each moves
by what it is told. What follows from their joint state is said here and nowhere else: what to do
next (`step`), whether reply audio may leave (`gate_open`), whether an answer may begin. After each
report the dialogue asks once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, Literal, TypeAlias

from .conducting import Conducting
from .digits import PressedDigits
from .early_reply import EarlyReply, Exit
from .ending import EndingState
from .floor import CLOSE_S, Floor
from .later import Later
from .reply import Reply
from .silent_caller import SilentCaller
from .who_answers import WhoAnswers

AtSound: TypeAlias = Literal["wait", "pause", "clear"]

CLEARED_S = 0.5
"""A reply that goes on waits for so long to be told how much of it was played: else words would be
said twice, or not at all."""


class Step(Enum):
    """What the joint state asks for."""

    NOTHING = "nothing"
    HOLD = (
        "there is a sound: what the client has of the reply is held, until it is known what it is"
    )
    RELEASE = "it was nothing: what was held goes on"
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
    conducting: Conducting = field(default_factory=Conducting)
    silence: SilentCaller = field(default_factory=SilentCaller)
    who_answers: WhoAnswers = field(default_factory=WhoAnswers)
    digits: PressedDigits = field(default_factory=PressedDigits)
    more_wanted: bool = False
    """What was said last wants more: it is not answered before more is said."""
    at_sound: AtSound = "wait"
    """What becomes of what the client has of a reply at a sound; see Profile."""
    tells_cleared: bool = False
    """Whether the client says how much of a reply it had played when it threw the rest away."""
    cleared_until_s: float = -math.inf
    """So long that is waited for before a reply goes on; -inf: it is not."""
    only_pauses: bool = False
    """A reply over which somebody speaks pauses until there are words, and its client is told
    nothing before. Else it is suspended: the client throws away what it has of it."""
    results_until_s: float = -math.inf
    """A response that was asked for behind the first of several results waits for the others, but
    no longer than to here; -inf: none waits."""
    committing: int = 0
    """Utterances that the client has ended and whose words are still to come."""
    cancelling: int = 0
    """Cancels of the client whose marker is still on its way through the audio: what was said
    before them is not answered."""

    def step(self, now_s: float) -> Step:
        if not self.reply.live:
            return Step.NOTHING
        claimed = self.floor.claims() and self._interruptible and not self.only_pauses
        fallen_silent = self.reply.fallen_silent
        if claimed and not fallen_silent and not self._asked_in_quiet(now_s):
            return Step.SUSPEND
        holds = self.at_sound != "wait" and self._interruptible and self.floor.holds(now_s)
        if self.reply.held and not (claimed or holds):
            return Step.RELEASE
        if holds and not claimed and not self.reply.suspended and self._may_hold(now_s):
            return Step.HOLD
        if not claimed and fallen_silent:
            return Step.GIVE_BACK
        if now_s >= self.reply.cut_off_s - CLOSE_S:
            return Step.CUT_OFF
        return Step.NOTHING

    def gate_open(self, now_s: float) -> bool:
        """Whether reply audio may leave."""
        if not self.reply.live:
            return True
        pauses = self.only_pauses and self.floor.claims() and not self._asked_in_quiet(now_s)
        held = self._interruptible and (pauses or self.floor.holds(now_s))
        told = self.cleared_until_s <= now_s + CLOSE_S
        return not self.reply.suspended and not held and told

    def _may_hold(self, now_s: float) -> bool:
        """Whether the client has something of the reply that it could go on playing."""
        record = self.reply.record
        if record is None or self.reply.held or self._asked_in_quiet(now_s):
            return False
        return record.ledger.waiting or record.ledger.over_s > now_s + CLOSE_S

    def clearing(self, now_s: float) -> None:
        """The client is told to throw away what it has."""
        if self.tells_cleared:
            self.cleared_until_s = now_s + CLEARED_S

    def deadline_s(self, now_s: float) -> float:
        """The next moment at which `step`, `gate_open` or `may_speak_first` changes by time alone;
        inf: none."""
        answer_s = self.conducting.answer_due_s
        if not self.reply.live:
            if not (self.at_rest and self.ending.may_begin):
                return min(self.digits.due_s, self.who_answers.deadline_s)
            results_s = self.results_until_s if self.results_until_s > now_s + CLOSE_S else math.inf
            return min(
                self.later.due_s,
                self.silence.due_s,
                answer_s,
                results_s,
                self.digits.due_s,
                self.who_answers.deadline_s,
            )
        asked_s = self._asked_until_s(now_s)
        told_s = self.cleared_until_s if self.cleared_until_s > now_s + CLOSE_S else math.inf
        return min(
            self.floor.deadline_s(now_s),
            self.reply.cut_off_s,
            answer_s,
            asked_s,
            told_s,
            self.digits.due_s,
            self.who_answers.deadline_s,
        )

    @property
    def may_answer(self) -> bool:
        """Whether there are words to answer, nobody is speaking, and the session is not ending."""
        waiting = bool(self.floor.unanswered) and not self.more_wanted
        free = not self.floor.taken and self._interruptible
        return waiting and free and self.conducting.ready and self.ending.may_begin

    def may_begin_early(self, utterance: int) -> bool:
        """Whether a reply may be begun for an utterance that may be over."""
        return (
            self.floor.is_open(utterance)
            and self.early.may_begin(utterance)
            and not self.reply.live
            and not self.cancelling
            and self.answers_by_model
        )

    @property
    def answers_by_model(self) -> bool:
        """Whether the model may be asked now, without a wish of the client."""
        conducting = self.conducting
        by_itself = conducting.model and conducting.by_itself and not conducting.asking
        return by_itself and conducting.ready and self.ending.may_begin

    @property
    def _interruptible(self) -> bool:
        """Whether the person may speak over what is being said, if anything is."""
        return self.reply.record is None or self.reply.record.interruptible

    @property
    def expects_words(self) -> bool:
        """Whether a tool of the live turn has asked the person something: what they say now is its
        answer, and no interruption."""
        record = self.reply.record
        return bool(self.conducting.asking) and record is not None and record.rounds.calling

    def _asked_until_s(self, now_s: float) -> float:
        """When a tool's question will have been heard; inf: it has, or there is none."""
        record = self.reply.record
        if not self.expects_words or record is None or record.ledger.over_s <= now_s + CLOSE_S:
            return float("inf")
        return record.ledger.over_s

    def awaits_answer(self, now_s: float) -> bool:
        """Whether a question is open and nobody speaks, neither the person nor Parley."""
        spoken = not (self.floor.at_rest and not self.floor.unanswered)
        asked = self.at_rest and not self.conducting.waiting
        return (
            bool(self.conducting.asking) and not spoken and (asked or self._asked_in_quiet(now_s))
        )

    def _asked_in_quiet(self, now_s: float) -> bool:
        """Whether words are expected and nothing is being said that they would be spoken over."""
        record = self.reply.record
        over = record is not None and record.ledger.over_s <= now_s + CLOSE_S
        return self.expects_words and over

    @property
    def muted(self) -> bool:
        """Whether nobody is heard now."""
        record = self.reply.record
        return self.conducting.muted or (record is not None and record.muted)

    def may_speak_first(self, now_s: float) -> bool:
        """Whether something is due that nobody asks for now, and nobody would be talked over."""
        due_s = min(self.later.due_s, self.silence.due_s)
        waiting = self.conducting.waiting and self.results_until_s <= now_s
        due = waiting or due_s - CLOSE_S <= now_s
        return due and self.at_rest and self.ending.may_begin

    def pressed(self, now_s: float) -> str:
        """Keys that are whole by now, and no longer kept; empty: none are."""
        return self.digits.take() if self.digits.due_s <= now_s + CLOSE_S else ""

    @property
    def at_rest(self) -> bool:
        """Nothing is going on, and nothing will be but by a new report."""
        return (
            self.floor.at_rest
            and not (self.floor.unanswered and not self.more_wanted)
            and not self.reply.live
            and not self.early.begun
            and not self.cancelling
            and not self.committing
        )
