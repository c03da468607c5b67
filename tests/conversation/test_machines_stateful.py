"""The machines of a dialogue, told anything in any order while time passes.

It does with them what the dialogue does, without a task and without a clock: after each report one
step. What must hold whatever was told stands in the invariants.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from parley.conversation.backchannel_words import ENGLISH
from parley.conversation.early_reply import Begun, EarlyReply
from parley.conversation.ending import Ending, EndingState
from parley.conversation.floor import HOLD_S, Floor, Meaning
from parley.conversation.machines import Machines, Step
from parley.conversation.record import TurnRecord
from parley.conversation.reply import MODEL_HELD_S, Reply

HAIR_S = 1e-5
"""Nearer than this to a deadline it may have come."""

numbers = st.integers(1, 2)
texts = st.sampled_from(
    ["", "[noise]", "the", "mm", "yeah", "that makes", "Tuesday", "okay stop", "so what now"]
)
rarely = st.integers(0, 19).map(lambda n: n == 19)
"""For what ends the better part of a run."""


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.turns = 0
        self.machines = self.new_machines()

    def new_machines(self) -> Machines[str]:
        return Machines(
            floor=Floor(None, ENGLISH), reply=Reply(), early=EarlyReply(2), ending=EndingState()
        )

    # As the dialogue does it

    def settle(self) -> None:
        """One step, as after each report. There is never a second one to do."""
        machines = self.machines
        match machines.step(self.now_s):
            case Step.SUSPEND:
                machines.reply.suspend(self.now_s)
            case Step.GIVE_BACK if machines.reply.cut_off:
                machines.reply.end()
                self.begin_reply()
            case Step.GIVE_BACK:
                machines.reply.give_back()
            case Step.CUT_OFF:
                machines.reply.cut_off = True
            case Step.NOTHING:
                pass
        assert machines.step(self.now_s) is Step.NOTHING

    def begin_reply(self) -> None:
        self.machines.reply.begin(self.new_record())

    def new_record(self) -> TurnRecord:
        self.turns += 1
        return TurnRecord(
            turn=self.turns,
            user_text="hi",
            first_sample_s=self.now_s,
            first_partial_s=None,
            final_s=self.now_s,
        )

    def means(self, meaning: Meaning) -> None:
        if meaning is Meaning.WORDS and self.machines.reply.live:
            self.machines.reply.end()

    def answer(self) -> None:
        if self.machines.may_answer:
            assert not self.machines.floor.taken
            self.machines.floor.unanswered.clear()
            self.machines.early.take()
            self.machines.reply.end()
            self.begin_reply()

    # Time

    @rule(seconds=st.sampled_from([1e-7, 0.1, 0.5]))
    def a_moment_passes(self, seconds: float) -> None:
        self.time_passes(seconds)

    @rule(seconds=st.sampled_from([HOLD_S, 1.5]))
    def a_while_passes(self, seconds: float) -> None:
        self.time_passes(seconds)

    @rule(seconds=st.sampled_from([MODEL_HELD_S, 60.0]))
    def a_long_time_passes(self, seconds: float) -> None:
        self.time_passes(seconds)

    def time_passes(self, seconds: float) -> None:
        """No report comes meanwhile; the dialogue wakes at every deadline."""
        until_s = self.now_s + seconds
        while (deadline_s := self.machines.deadline_s(self.now_s)) <= until_s:
            assert deadline_s > self.now_s
            self.now_s = deadline_s
            self.settle()
        self.now_s = until_s
        self.settle()

    # What is heard

    @rule()
    def sound(self) -> None:
        self.machines.floor.sound(self.now_s)
        self.settle()

    @rule()
    def sound_passed(self) -> None:
        self.machines.floor.sound_passed()
        self.settle()

    @rule()
    def asked(self) -> None:
        """A whole utterance, of which nothing came out of its order."""
        self.began(9, guarded=False)
        self.over(9)
        self.heard(9, "what is the time")

    @rule(number=numbers)
    def somebody_speaks_for_long(self, number: int) -> None:
        self.began(number, guarded=True)
        self.confirmed(number)
        self.long(number)

    @rule(number=numbers, guarded=st.booleans())
    def began(self, number: int, guarded: bool) -> None:
        live = self.machines.reply.live
        self.machines.floor.began(number, self.now_s, guarded=guarded, during_reply=live)
        self.settle()

    @rule(number=numbers)
    def confirmed(self, number: int) -> None:
        self.machines.floor.confirmed(number, self.now_s)
        self.settle()

    @rule(number=numbers)
    def long(self, number: int) -> None:
        self.machines.floor.long(number, self.now_s)
        self.settle()

    @rule(number=numbers)
    def over(self, number: int) -> None:
        self.machines.floor.over(number, self.now_s)
        self.settle()

    @rule(number=numbers)
    def dropped(self, number: int) -> None:
        self.machines.floor.dropped(number)
        self.machines.early.take()
        self.answer()
        self.settle()

    @rule(number=numbers)
    def failed(self, number: int) -> None:
        self.machines.floor.failed(number)
        self.machines.early.take()
        self.answer()
        self.settle()

    @rule(number=numbers, text=texts, spoken_ms=st.integers(0, 2000))
    def words(self, number: int, text: str, spoken_ms: int) -> None:
        self.means(self.machines.floor.words(number, text, spoken_ms, self.now_s))
        self.settle()

    @rule(number=numbers, text=texts)
    def foreseen(self, number: int, text: str) -> None:
        meaning = self.machines.floor.concluded(number, text, self.now_s)
        self.machines.early.take()
        self.means(meaning)
        if meaning is Meaning.WORDS and self.machines.may_begin_early(number):
            begun = Begun(record=self.new_record(), conversation=[], exit="")
            self.machines.early.begin(number, begun)
        self.settle()

    @rule(number=numbers, text=texts)
    def heard(self, number: int, text: str) -> None:
        meaning = self.machines.floor.heard(number, text)
        self.means(meaning)
        if meaning is Meaning.WORDS and not self.machines.cancelling:
            self.machines.floor.unanswered.append(text)
        self.answer()
        self.machines.early.take()
        self.settle()

    # What is typed and asked

    @rule()
    def typed(self) -> None:
        if self.machines.ending.may_begin:
            self.machines.reply.end()
            self.machines.floor.unanswered.append("typed")
            self.answer()
        self.settle()

    @rule(indeed=rarely)
    def cancel(self, indeed: bool) -> None:
        if not indeed:
            return
        self.machines.cancelling += 1
        self.machines.floor.unanswered.clear()
        self.machines.early.take()
        self.machines.reply.end()
        self.settle()

    @precondition(lambda self: self.machines.cancelling)
    @rule()
    def cancel_arrived(self) -> None:
        self.machines.cancelling -= 1
        self.settle()

    # What becomes of a reply

    @rule()
    def audible(self) -> None:
        self.machines.reply.audible()
        self.settle()

    @precondition(lambda self: self.machines.reply.live)
    @rule()
    def written(self) -> None:
        assert self.machines.reply.record is not None
        self.machines.reply.record.written = True
        self.settle()

    @rule(indeed=rarely)
    def reply_over(self, indeed: bool) -> None:
        """Also of a suspended one: its report may have been on its way."""
        if not indeed:
            return
        self.machines.reply.end()
        self.settle()

    # The end

    @rule(indeed=rarely)
    def drain(self, indeed: bool) -> None:
        if not indeed:
            return
        self.machines.ending.drain()
        self.machines.floor.unanswered.clear()
        self.machines.early.take()
        self.settle()

    @rule(indeed=rarely)
    def goodbye(self, indeed: bool) -> None:
        if not indeed:
            return
        self.machines.reply.end()
        self.machines.early.take()
        first = self.machines.ending.stage is not Ending.GOODBYE
        assert self.machines.ending.say_goodbye(1001) is first
        self.settle()

    # A long quiet time

    @rule(end=st.sampled_from(["heard", "failed", "dropped"]), over_first=st.booleans())
    def quiet(self, end: str, over_first: bool) -> None:
        """Every utterance gets its end, and then nothing is told for a minute."""
        for number in range(1, 3):
            if over_first:
                self.over(number)
            match end:
                case "heard":
                    self.heard(number, "")
                case "failed":
                    self.failed(number)
                case _:
                    self.dropped(number)
            if not over_first:
                self.over(number)
        self.time_passes(60.0)
        machines = self.machines
        assert not machines.floor.holds(self.now_s) and not machines.floor.claims()
        assert not machines.floor.taken
        assert machines.gate_open(self.now_s)
        assert not machines.reply.suspended
        assert machines.deadline_s(self.now_s) == math.inf
        assert not machines.floor.unanswered or not machines.ending.may_begin
        machines.floor.sound_passed()
        assert machines.floor.at_rest

    # What holds whatever was told

    @invariant()
    def the_gate_is_open_when_there_is_no_reply(self) -> None:
        assert self.machines.reply.live or self.machines.gate_open(self.now_s)

    @invariant()
    def the_gate_is_closed_while_a_reply_is_suspended(self) -> None:
        assert not (self.machines.reply.suspended and self.machines.gate_open(self.now_s))

    @invariant()
    def a_reply_is_suspended_as_long_as_somebody_claims_the_floor(self) -> None:
        if self.machines.reply.live:
            assert self.machines.reply.suspended == self.machines.floor.claims()

    @invariant()
    def there_is_nothing_left_to_do(self) -> None:
        assert self.machines.step(self.now_s) is Step.NOTHING

    @invariant()
    def nothing_changes_by_time_alone_before_the_deadline(self) -> None:
        machines, now_s = self.machines, self.now_s
        deadline_s = machines.deadline_s(now_s)
        assert deadline_s > now_s
        until_s = min(deadline_s, now_s + 1000.0) - HAIR_S
        if until_s <= now_s:
            return
        for share in (0.01, 0.5, 0.99, 1.0):
            then_s = now_s + share * (until_s - now_s)
            assert machines.step(then_s) is Step.NOTHING
            assert machines.gate_open(then_s) == machines.gate_open(now_s)

    @invariant()
    def an_early_reply_and_a_live_one_are_never_together(self) -> None:
        assert not (self.machines.early.begun and self.machines.reply.live)

    @invariant()
    def rest_is_rest(self) -> None:
        machines = self.machines
        if machines.at_rest:
            assert not machines.floor.taken and not machines.floor.claims()
            assert not machines.floor.holds(self.now_s)
            assert machines.gate_open(self.now_s)
            assert machines.deadline_s(self.now_s) == math.inf


class AnyOrderListening(AnyOrder):
    """Where a listener's words do not interrupt."""

    def new_machines(self) -> Machines[str]:
        return Machines(
            floor=Floor(ENGLISH, ENGLISH), reply=Reply(), early=EarlyReply(2), ending=EndingState()
        )


HOW = settings(max_examples=200, stateful_step_count=40, deadline=None)
pytestmark = pytest.mark.no_cover  # many runs of code that other tests cover

TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = HOW
TestAnyOrderListening = AnyOrderListening.TestCase
TestAnyOrderListening.settings = HOW
