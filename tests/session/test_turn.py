"""A turn alone: its actors under their supervisor, with scripted engines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count

import pytest
import trio
import trio.testing

from parley.actors.gate import ReplyGate
from parley.actors.llm import Asked
from parley.actors.messages import ReplyAudible, ReplyWritten, TurnOver
from parley.actors.reply_exit import HeldEvent
from parley.config import Settings
from parley.conversation.pace import VoicePace
from parley.conversation.record import TurnRecord
from parley.conversation.spoken_sentences import failure_sentence
from parley.conversation.timings import Timings
from parley.engines.failures import EngineFailure, LaneLost
from parley.engines.llm.scripted import HANG, ScriptedResponder, Step
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.protocol.chat import ChatMessage
from parley.protocol.codes import Code
from parley.protocol.events import (
    Failure,
    Latency,
    Outbound,
    PhraseDone,
    ReplyAudio,
    ReplyComplete,
    Token,
)
from parley.protocol.prompt_voice import PROFILE
from parley.session.turn import MAX_RESTARTS, Turn
from parley.supervisor import Crashed, GaveUp, SupervisionEvent
from parley.telemetry import Telemetry
from support.channels import drain, open_exit

Clock = trio.testing.MockClock


class Scene:
    """A turn, and everything around it that a session would hand in."""

    def __init__(
        self,
        *replies: Sequence[Step],
        synthesizer: ScriptedSynthesizer | None = None,
        link_room: float = math.inf,
        **settings: object,
    ) -> None:
        self.responder = ScriptedResponder(replies)
        self.synthesizer = synthesizer or ScriptedSynthesizer()
        self.record = TurnRecord(
            turn=3, user_text="hi", first_sample_s=0.0, first_partial_s=None, final_s=0.0
        )
        self.exit, self._wire, self.reports = open_exit(3, self.record.ledger, room=0)
        self._taken, self.out = trio.open_memory_channel[Outbound](link_room)
        self.gate = ReplyGate()
        self.gate.begin(self.exit)
        self.crashes: list[str] = []
        self.seq = count(1)
        chosen = Settings.defaults(**settings)
        self.turn = Turn(
            record=self.record,
            asked=Asked([ChatMessage(role="user", text="hi")], self.responder),
            synthesizer=self.synthesizer,
            reply_exit=self.exit,
            gate=self.gate,
            next_seq=self.seq.__next__,
            profile=PROFILE,
            answering=chosen.answering,
            speaking=chosen.speaking,
            timings=Timings(0.0),
            telemetry=Telemetry(),
            pace=VoicePace(),
            observers=(self._observe,),
        )

    async def run(self) -> None:
        """The turn, and a link that takes what it says at once, as long as there is room."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._link)
            await self.turn.run()
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    async def _link(self) -> None:
        while True:
            event = await self._wire.receive()
            if not self.gate.passes(event):
                continue
            self.gate.writes(event)
            await self._taken.send(event)
            self.gate.left(event, trio.current_time())

    def suspend(self) -> None:
        """As the dialogue does it."""
        self.gate.set_open(False)
        self.gate.suspend(trio.current_time())

    async def give_back(self) -> None:
        while (held := self.exit.next()) is not None:
            if isinstance(held, HeldEvent):
                await self.exit.send(held.event)
        self.gate.set_open(True)

    def _observe(self, event: SupervisionEvent) -> None:
        if isinstance(event, Crashed):
            self.crashes.append(event.child)

    def spoken(self, events: Sequence[Outbound]) -> str:
        pcm16 = b"".join(event.pcm16 for event in events if isinstance(event, ReplyAudio))
        return self.synthesizer.read_back(pcm16)


def failures(events: Sequence[Outbound]) -> list[Code]:
    return [event.code for event in events if isinstance(event, Failure)]


async def test_a_reply_is_written_spoken_and_over_when_it_has_been_heard(
    autojump_clock: Clock,
) -> None:
    scene = Scene(["Hello.", " You", " there."])
    await scene.run()
    # 50 ms a character: "Hello." and "You there."
    assert trio.current_time() == pytest.approx(0.3 + 0.5)
    assert drain(scene.reports) == [
        ReplyWritten(turn=3),
        ReplyAudible(turn=3),
        TurnOver(turn=3),
    ]
    events = drain(scene.out)
    assert [event.text for event in events if isinstance(event, Token)] == [
        *("Hello.", " You", " there.")
    ]
    assert [type(event) for event in events if not isinstance(event, Token)] == [
        *(ReplyAudio, Latency, PhraseDone),
        *(ReplyAudio, PhraseDone),
        ReplyComplete,
    ]
    assert scene.spoken(events) == "Hello.You there."
    assert {event.turn for event in events if not isinstance(event, Latency)} == {3}
    assert [e.seq for e in events if isinstance(e, PhraseDone)] == [1, 2]
    assert scene.record.ledger.heard(trio.current_time()) == "Hello. You there."


async def test_the_first_phrase_is_spoken_while_the_reply_is_still_written(
    autojump_clock: Clock,
) -> None:
    scene = Scene(["One.", 3.0, " Two."], synthesizer=ScriptedSynthesizer(delay_s=0.5))
    await scene.run()
    assert (scene.record.first_token_s, scene.record.first_audio_s) == (0.0, 0.8)
    assert trio.current_time() == pytest.approx(3.5 + 0.2)


async def test_the_model_is_held_while_phrases_wait_for_their_playback(
    autojump_clock: Clock,
) -> None:
    sentence = "A sentence of twenty characters or so."
    scene = Scene([sentence] * 100, stream_max_pending_phrases=1)
    with trio.move_on_after(1):
        await scene.run()
    written = scene.record.text.count(".")
    # Played or waiting for it, spoken ahead, in the splitter's and the channels' hands; not 100.
    assert written < 30
    assert len(scene.synthesizer.texts) <= 5


async def test_an_empty_reply_is_over_at_once(autojump_clock: Clock) -> None:
    scene = Scene([])
    await scene.run()
    assert drain(scene.out) == [ReplyComplete(turn=3)]
    assert drain(scene.reports) == [ReplyWritten(turn=3), TurnOver(turn=3)]


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.7, 1.2, 2.0, 4.5])
async def test_cancelled_it_leaves_no_task_no_call_and_no_event(
    autojump_clock: Clock, after_s: float
) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    scene = Scene(
        [0.2, "First sentence.", 0.5, " Second sentence.", 1.0, " And", HANG],
        synthesizer=ScriptedSynthesizer(delay_s=0.5),
    )
    with trio.move_on_after(after_s) as scope:
        await scene.run()
    assert scope.cancelled_caught and trio.current_time() == after_s
    assert trio.lowlevel.current_statistics().tasks_living == before
    assert scene.responder.active == scene.synthesizer.active == 0
    assert not any(isinstance(report, TurnOver) for report in drain(scene.reports))
    drain(scene.out)
    await trio.sleep(60)
    assert not drain(scene.out) and not drain(scene.reports)


async def test_a_phrase_that_was_cut_before_it_left_has_no_number(autojump_clock: Clock) -> None:
    scene = Scene(["A long first sentence that takes a while to be heard.", " Second."])
    with trio.move_on_after(1):
        await scene.run()
    assert [e.seq for e in drain(scene.out) if isinstance(e, ReplyAudio)] == [1]
    assert next(scene.seq) == 2


async def test_cancelled_while_the_outbox_is_full_it_ends(autojump_clock: Clock) -> None:
    scene = Scene(["Hello.", " You."], link_room=0)
    with trio.move_on_after(3) as scope:
        await scene.run()
    assert scope.cancelled_caught and trio.current_time() == 3


async def test_a_phrase_whose_lane_is_lost_is_spoken_and_nothing_crashed(
    autojump_clock: Clock,
) -> None:
    scene = Scene(
        ["One.", " Two.", " Three."],
        synthesizer=ScriptedSynthesizer(failures={2: LaneLost("killed")}),
    )
    await scene.run()
    events = drain(scene.out)
    assert scene.spoken(events) == "One.Two.Three."
    assert failures(events) == []
    assert scene.crashes == []
    assert drain(scene.reports)[-1] == TurnOver(turn=3)


async def test_a_model_that_fails_at_first_is_asked_again_and_nobody_hears_of_it(
    autojump_clock: Clock,
) -> None:
    scene = Scene([EngineFailure("503")], ["Hello."])
    await scene.run()
    events = drain(scene.out)
    assert (scene.spoken(events), failures(events)) == ("Hello.", [])
    assert scene.crashes == []
    assert len(scene.responder.conversations) == 2


async def test_without_retries_the_first_failure_is_told(autojump_clock: Clock) -> None:
    scene = Scene([EngineFailure("503")], stream_llm_retries=0)
    await scene.run()
    assert failures(drain(scene.out)) == [Code.LLM_FAIL]
    assert len(scene.responder.conversations) == 1
    assert drain(scene.reports)[-1] == TurnOver(turn=3)


async def test_what_a_model_said_before_it_failed_is_spoken(autojump_clock: Clock) -> None:
    scene = Scene(["Well, I", EngineFailure("cut")])
    await scene.run()
    events = drain(scene.out)
    assert scene.spoken(events) == "Well, I" + failure_sentence("auto", "en")
    assert failures(events) == [Code.LLM_FAIL]
    assert scene.record.failed
    assert (scene.record.text, scene.record.ledger.said()) == ("Well, I", "Well, I")


async def test_where_it_is_not_wanted_no_sentence_is_spoken(autojump_clock: Clock) -> None:
    scene = Scene([EngineFailure("cut")], stream_failure_sentence="")
    await scene.run()
    assert scene.spoken(drain(scene.out)) == ""


async def test_a_sentence_of_ones_own_is_spoken_in_the_language_of_the_turn(
    autojump_clock: Clock,
) -> None:
    scene = Scene([EngineFailure("cut")], stream_failure_sentence="en: Oh no. / de: Oje.")
    scene.record.language = "de"
    await scene.run()
    assert scene.spoken(drain(scene.out)) == "Oje."


async def test_as_many_crashes_as_bad_luck_may_bring_are_borne(autojump_clock: Clock) -> None:
    bugs = {call: ZeroDivisionError() for call in range(1, MAX_RESTARTS + 1)}
    scene = Scene(
        ["One.", " Two.", " Three.", " Four."], synthesizer=ScriptedSynthesizer(failures=bugs)
    )
    await scene.run()
    events = drain(scene.out)
    assert scene.spoken(events) == "Four."
    assert failures(events) == [Code.TTS_FAIL] * 3
    assert drain(scene.reports)[-1] == TurnOver(turn=3)


async def test_one_crash_more_ends_the_turn_with_its_error(autojump_clock: Clock) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    bug = ZeroDivisionError()
    bugs = dict.fromkeys(range(1, 100), bug)
    scene = Scene([" Word."] * 10, synthesizer=ScriptedSynthesizer(failures=bugs))
    await scene.run()
    over = drain(scene.reports)[-1]
    assert isinstance(over, TurnOver) and over.turn == 3
    assert isinstance(over.error, GaveUp)
    assert over.error.__cause__ is bug
    assert len(scene.crashes) == MAX_RESTARTS + 1
    assert trio.lowlevel.current_statistics().tasks_living == before


async def test_a_synthesizer_that_hangs_costs_a_phrase_and_not_the_turn(
    autojump_clock: Clock,
) -> None:
    scene = Scene(
        ["One.", " Two."],
        synthesizer=ScriptedSynthesizer(delays_s={1: math.inf}),
        stream_tts_timeout_s=2.5,
    )
    await scene.run()
    events = drain(scene.out)
    assert (scene.spoken(events), failures(events)) == ("Two.", [Code.TTS_FAIL])
    assert scene.record.first_audio_s == 2.5


# Suspended


@pytest.mark.parametrize("after_s", [0.0, 0.2, 0.5, 0.9, 1.3, 2.6, 3.0])
async def test_a_turn_that_is_suspended_and_given_back_says_all_of_its_reply(
    autojump_clock: Clock, after_s: float
) -> None:
    scene = Scene(
        [0.2, "First one.", 0.5, " Second one.", 1.0, " And a third."],
        synthesizer=ScriptedSynthesizer(delay_s=0.5),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.run)
        await trio.sleep(after_s)
        scene.suspend()
        drain(scene.out)
        await trio.sleep(3)
        assert drain(scene.out) == []
        await scene.give_back()
    assert scene.record.ledger.heard(trio.current_time()) == "First one. Second one. And a third."
    assert drain(scene.reports)[-1] == TurnOver(turn=3)
    assert scene.responder.cancelled == 0
    assert [len(scene.responder.conversations), len(scene.synthesizer.texts)] == [1, 3]


async def test_each_token_is_told_once_though_the_turn_was_suspended(
    autojump_clock: Clock,
) -> None:
    scene = Scene(["First.", 1.0, " Second.", 1.0, " Third."])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.run)
        for _ in range(3):
            await trio.sleep(0.7)
            scene.suspend()
            await trio.sleep(0.7)
            await scene.give_back()
    events = drain(scene.out)
    assert [event.text for event in events if isinstance(event, Token)] == [
        *("First.", " Second.", " Third.")
    ]


async def test_a_suspended_turn_does_not_end(autojump_clock: Clock) -> None:
    scene = Scene(["Hello."])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.run)
        await trio.sleep(0.1)
        scene.suspend()
        drain(scene.reports)
        await trio.sleep(60)
        assert drain(scene.reports) == []
        await scene.give_back()
    assert drain(scene.reports) == [ReplyAudible(turn=3), TurnOver(turn=3)]


async def test_a_suspended_turn_that_is_cancelled_leaves_no_task_and_no_call(
    autojump_clock: Clock,
) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    scene = Scene(["First.", 0.5, " Second.", HANG])
    with trio.move_on_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.run)
            await trio.sleep(0.2)
            scene.suspend()
    assert trio.lowlevel.current_statistics().tasks_living == before
    assert scene.responder.active == scene.synthesizer.active == 0


async def test_a_turn_whose_link_is_stalled_has_said_nothing(autojump_clock: Clock) -> None:
    scene = Scene(["Hello.", " You."], link_room=0)
    with trio.move_on_after(30):
        await scene.run()
    assert scene.record.ledger.said() == ""
    assert not any(isinstance(report, ReplyAudible) for report in drain(scene.reports))
