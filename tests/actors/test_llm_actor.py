"""The LLMActor: tokens out, deadlines, and one more try while nothing has left."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from parley.actors.llm import Asked, LLMActor
from parley.actors.messages import Aside, EndOfReply, EndOfRound, ReplyWritten, Report, TextPiece
from parley.conversation.attempts import Attempts
from parley.conversation.record import TurnRecord
from parley.conversation.writing import LLMDeadlines
from parley.engines.failures import EngineFailure
from parley.engines.llm.interface import Alive, Remark
from parley.engines.llm.scripted import ENTERED, HANG, ScriptedResponder, Step
from parley.protocol.chat import ChatMessage
from parley.protocol.codes import Code
from parley.protocol.events import Failure, Info, Token
from parley.telemetry import Telemetry
from support.channels import drain, open_outbox

DEADLINES = LLMDeadlines(first_token_s=5, gap_s=4, total_s=30, first_word_s=60)


class Bench:
    def __init__(self, *replies: Sequence[Step], room: int = 1000) -> None:
        self.responder = ScriptedResponder(replies)
        self.pieces_out, self.pieces = trio.open_memory_channel[
            TextPiece | Aside | EndOfRound | EndOfReply
        ](room)
        self.reports_out, self.reports = trio.open_memory_channel[Report](100)
        self.outbox, self.out = open_outbox()
        self.attempts: Attempts[TurnRecord] = Attempts()
        self.sentence = ""
        self.telemetry = Telemetry()
        self.record = TurnRecord(
            turn=1, user_text="hi", first_sample_s=0.0, first_partial_s=None, final_s=0.0
        )

    def actor(self) -> LLMActor:
        return LLMActor(
            asked=Asked([ChatMessage(role="user", text="hi")], self.responder),
            pieces=self.pieces_out,
            reports=self.reports_out,
            outbox=self.outbox,
            record=self.record,
            attempts=self.attempts,
            deadlines=DEADLINES,
            failure_sentence=self.sentence,
            telemetry=self.telemetry,
        )

    def codes(self) -> list[Code]:
        return [event.code for event in drain(self.out) if isinstance(event, Failure)]

    def text(self) -> list[str]:
        return [m.text if isinstance(m, TextPiece) else "END" for m in drain(self.pieces)]


async def test_tokens_go_to_the_client_and_to_the_phraser(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench(["Hello", 0.5, " there."])
    await bench.actor().run()
    assert bench.text() == ["Hello", " there.", "END"]
    assert [e.text for e in drain(bench.out) if isinstance(e, Token)] == ["Hello", " there."]
    assert drain(bench.reports) == [ReplyWritten(turn=1)]
    assert (bench.record.text, bench.record.written, bench.record.failed) == (
        "Hello there.",
        True,
        False,
    )
    assert bench.record.first_token_s == 0.0


@pytest.mark.parametrize(
    ("reply", "after_s"),
    [
        (["a", HANG], 4.0),
        ([HANG], 5.0),
        ([HANG, ENTERED, "a"], 5.0),
        ([3.0, ENTERED, 3.0, "a"], 5.0),
        (["a"] + [3.9, "b"] * 20, 30.0),
    ],
)
async def test_a_model_that_keeps_one_waiting_too_long_is_a_timeout(
    autojump_clock: trio.testing.MockClock, reply: list[Step], after_s: float
) -> None:
    bench = Bench(reply)
    await bench.actor().run()
    assert trio.current_time() == pytest.approx(after_s)
    assert bench.codes() == [Code.LLM_TIMEOUT]
    assert bench.text()[-1] == "END"
    assert bench.record.failed
    assert bench.responder.active == 0


async def test_time_that_parley_itself_holds_the_stream_is_not_the_models(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench(["a", "b", "c", "d"], room=0)

    async def listen_slowly() -> None:
        for _ in range(5):
            await trio.sleep(20)
            await bench.pieces.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen_slowly)
        await bench.actor().run()
    assert trio.current_time() == 100
    assert bench.codes() == []


async def test_a_failure_before_the_first_token_is_tried_once_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench([EngineFailure("503")], ["fine"])
    await bench.actor().run()
    assert bench.codes() == []
    assert bench.text() == ["fine", "END"]
    assert not bench.record.failed


async def test_the_second_failure_is_told(autojump_clock: trio.testing.MockClock) -> None:
    bench = Bench([EngineFailure("503")], [EngineFailure("503 again")])
    await bench.actor().run()
    assert bench.codes() == [Code.LLM_FAIL]
    assert bench.text() == ["END"]


async def test_a_failure_after_the_first_token_is_not_tried_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench(["half", EngineFailure("cut")])
    await bench.actor().run()
    assert bench.codes() == [Code.LLM_FAIL]
    assert bench.text() == ["half", "END"]


async def test_a_refusal_is_not_tried_again(autojump_clock: trio.testing.MockClock) -> None:
    bench = Bench([EngineFailure("bad key", retryable=False)])
    await bench.actor().run()
    assert bench.codes() == [Code.LLM_FAIL]
    assert len(bench.responder.conversations) == 1


async def test_a_bug_and_a_failure_on_one_reply_are_its_two_attempts(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench([ZeroDivisionError()], [EngineFailure("503")])
    with pytest.raises(ZeroDivisionError):
        await bench.actor().run()
    await bench.actor().run()
    assert bench.codes() == [Code.LLM_FAIL]
    assert len(bench.responder.conversations) == 2


async def test_each_attempt_that_failed_is_counted_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench([EngineFailure("503")], [EngineFailure("503 again")])
    await bench.actor().run()
    counted = b'parley_engine_failures_total{engine="llm",failure="EngineFailure"} 2.0'
    assert counted in bench.telemetry.exposition()


async def test_a_bug_in_an_engine_crashes_the_actor_and_after_two_the_reply_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench([ZeroDivisionError()], [ZeroDivisionError()])
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await bench.actor().run()
    await bench.actor().run()
    assert bench.codes() == [Code.LLM_FAIL]
    assert bench.text() == ["END"]


async def test_a_restart_behind_the_last_token_only_ends_the_reply(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench()
    bench.record.written = True
    await bench.actor().run()
    assert bench.text() == ["END"]
    assert bench.responder.conversations == []


async def test_cancelling_it_ends_the_request(autojump_clock: trio.testing.MockClock) -> None:
    bench = Bench(["a", HANG])
    with trio.move_on_after(1):
        await bench.actor().run()
    assert (bench.responder.active, bench.responder.cancelled) == (0, 1)
    assert bench.text() == ["a"]


async def test_an_empty_reply_ends_without_a_token(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench([])
    await bench.actor().run()
    assert bench.text() == ["END"]
    assert bench.record.first_token_s is None


# Thoughts, signs of life and remarks


async def test_thoughts_reach_nobody(autojump_clock: trio.testing.MockClock) -> None:
    bench = Bench(["<thi", "nk>hm", "</think>\n\n", "Yes", "<|im_", "end|>"])
    await bench.actor().run()
    assert bench.text() == ["Yes", "END"]
    assert [e.text for e in drain(bench.out) if isinstance(e, Token)] == ["Yes"]
    assert bench.record.text == "Yes"


@pytest.mark.parametrize("thought", [Alive(), "<think>hm"])
async def test_twenty_seconds_of_thoughts_are_not_too_long(
    autojump_clock: trio.testing.MockClock, thought: Step
) -> None:
    begin: Step = thought if isinstance(thought, Alive) else "<think>"
    thinks: list[Step] = [1.0, thought]
    goes_on: list[Step] = [3.0, " More."]
    bench = Bench([begin, *thinks * 20, "</think>Yes.", *goes_on * 9])
    await bench.actor().run()
    assert bench.codes() == []
    assert bench.record.text == "Yes." + " More." * 9
    assert bench.record.first_token_s == pytest.approx(20)


@pytest.mark.parametrize(
    ("reply", "after_s", "words"),
    [
        ([Alive(), HANG], 4.0, "longer than 4 s"),
        (["<think>hm", HANG], 4.0, "longer than 4 s"),
        ([Alive(), *[3.0, Alive()] * 40, "late"], 60.0, "at work for 60 s without a word"),
        (["<think>", *[3.0, "hm"] * 40, "</think>late"], 60.0, "for 60 s without a word"),
        ([Alive(), 3.0, "a", *[3.9, "b"] * 20], 33.0, "longer than"),
    ],
)
async def test_a_model_that_thinks_for_too_long_is_a_timeout(
    autojump_clock: trio.testing.MockClock, reply: list[Step], after_s: float, words: str
) -> None:
    bench = Bench(reply)
    await bench.actor().run()
    assert trio.current_time() == pytest.approx(after_s)
    [failure] = [event for event in drain(bench.out) if isinstance(event, Failure)]
    assert failure.code is Code.LLM_TIMEOUT
    assert words in failure.message


@pytest.mark.parametrize("reply", [["...", " "], ["<think>hm"], ["<tool_call>{}</tool_call>"]])
async def test_a_reply_without_a_word_is_a_failure_and_is_not_asked_for_again(
    autojump_clock: trio.testing.MockClock, reply: list[Step]
) -> None:
    bench = Bench(reply)
    await bench.actor().run()
    assert bench.codes() == [Code.LLM_FAIL]
    assert bench.text() == ["END"]
    assert len(bench.responder.conversations) == 1


async def test_a_remark_is_told_and_the_reply_stands(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench(["So far", Remark(text="cut short")])
    await bench.actor().run()
    events = drain(bench.out)
    assert [e.message for e in events if isinstance(e, Info)] == ["cut short"]
    assert not any(isinstance(event, Failure) for event in events)
    assert not bench.record.failed
    assert b"parley_remarks_total 1.0" in bench.telemetry.exposition()


# What is said of a failure


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ([EngineFailure("no", retryable=False)], []),
        ([HANG], []),
        (["half", EngineFailure("cut")], ["half"]),
        (["half", HANG], ["half"]),
    ],
)
async def test_a_failure_is_spoken_of_and_is_no_part_of_the_reply(
    autojump_clock: trio.testing.MockClock, reply: list[Step], said: list[str]
) -> None:
    bench = Bench(reply)
    bench.sentence = "Sorry."
    await bench.actor().run()
    assert drain(bench.pieces) == [
        *[TextPiece(text=text) for text in said],
        Aside(text="Sorry."),
        EndOfReply(),
    ]
    assert bench.record.text == "".join(said)
    assert [e.text for e in drain(bench.out) if isinstance(e, Token)] == said


async def test_a_cancelled_reply_is_not_spoken_of(autojump_clock: trio.testing.MockClock) -> None:
    bench = Bench(["half", HANG])
    bench.sentence = "Sorry."
    with trio.move_on_after(1):
        await bench.actor().run()
    assert drain(bench.pieces) == [TextPiece(text="half")]


async def test_a_reply_that_is_whole_is_not_spoken_of(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench([EngineFailure("503")], ["fine"])
    bench.sentence = "Sorry."
    await bench.actor().run()
    assert drain(bench.pieces) == [TextPiece(text="fine"), EndOfReply()]


# When it is asked again


async def test_a_service_is_left_alone_as_long_as_it_wants(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench([EngineFailure("429", retry_after_s=3.0)], ["fine"])
    await bench.actor().run()
    assert bench.codes() == []
    assert trio.current_time() == pytest.approx(3.0)


async def test_nobody_waits_for_longer_than_for_a_first_token(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench([EngineFailure("429, again in 6 s", retry_after_s=6.0)])
    await bench.actor().run()
    assert bench.codes() == [Code.LLM_FAIL]
    assert trio.current_time() == 0.0


async def test_the_last_failure_is_not_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    bench = Bench(*[[EngineFailure("429", retry_after_s=2.0)]] * 2)
    await bench.actor().run()
    assert bench.codes() == [Code.LLM_FAIL]
    assert trio.current_time() == pytest.approx(2.0)


# The second model


@pytest.mark.parametrize(
    "reply", [[EngineFailure("no", retryable=False)], [HANG], ["..."], ["<think>hm"]]
)
async def test_a_second_model_is_asked_where_the_first_has_failed_without_a_word(
    autojump_clock: trio.testing.MockClock, reply: list[Step]
) -> None:
    bench = Bench(reply)
    second = bench.responder.second = ScriptedResponder([[4.0, "Second."]])
    await bench.actor().run()
    assert bench.codes() == []
    assert bench.text() == ["Second.", "END"]
    assert second.conversations == bench.responder.conversations
    assert b"parley_second_models_total 1.0" in bench.telemetry.exposition()
    assert b'parley_engine_failures_total{engine="llm"' in bench.telemetry.exposition()


async def test_the_second_model_is_asked_behind_the_firsts_own_attempts(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench([EngineFailure("503")], [EngineFailure("503")])
    bench.responder.second = ScriptedResponder([["Second."]])
    await bench.actor().run()
    assert len(bench.responder.conversations) == 2
    assert bench.text() == ["Second.", "END"]


async def test_where_both_fail_both_are_told_of(autojump_clock: trio.testing.MockClock) -> None:
    bench = Bench([EngineFailure("no key", retryable=False)])
    bench.responder.second = ScriptedResponder([[HANG]])
    await bench.actor().run()
    [failure] = [event for event in drain(bench.out) if isinstance(event, Failure)]
    assert failure.code is Code.LLM_TIMEOUT
    assert failure.message == "the language model took longer than 5 s; before it: no key"
    assert bench.record.failed


async def test_a_second_model_that_stops_in_mid_reply_has_begun_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench([EngineFailure("no", retryable=False)])
    bench.responder.second = ScriptedResponder([["half", EngineFailure("cut")]])
    await bench.actor().run()
    assert bench.codes() == [Code.LLM_FAIL]
    assert bench.text() == ["half", "END"]


async def test_it_is_not_asked_once_a_word_was_said(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench(["half", EngineFailure("cut")])
    second = bench.responder.second = ScriptedResponder([["Second."]])
    await bench.actor().run()
    assert second.conversations == []
    assert bench.codes() == [Code.LLM_FAIL]


async def test_a_bug_in_the_second_one_is_not_met_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench([EngineFailure("no", retryable=False)])
    bench.attempts.attempts = 1
    second = bench.responder.second = ScriptedResponder([[ZeroDivisionError()]])
    actor = bench.actor()
    with pytest.raises(ZeroDivisionError):
        await actor.run()
    await actor.run()
    assert len(second.conversations) == 1
    assert bench.codes() == [Code.LLM_FAIL]


async def test_cancelling_it_ends_the_second_ones_request(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench([EngineFailure("no", retryable=False)])
    second = bench.responder.second = ScriptedResponder([["a", HANG]])
    with trio.move_on_after(1):
        await bench.actor().run()
    assert (second.active, second.cancelled) == (0, 1)
