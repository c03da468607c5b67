"""The LLMActor: tokens out, deadlines, and one more try while nothing has left."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from parley.actors.llm import LLMActor
from parley.actors.messages import Aside, EndOfReply, ReplyWritten, Report, TextPiece
from parley.conversation.attempts import Attempts
from parley.conversation.record import TurnRecord
from parley.conversation.writing import LLMDeadlines
from parley.engines.failures import EngineFailure
from parley.engines.llm.scripted import ENTERED, HANG, ScriptedResponder, Step
from parley.protocol.chat import ChatMessage
from parley.protocol.codes import Code
from parley.protocol.events import Failure, Token
from parley.telemetry import Telemetry
from support.channels import drain, open_outbox

DEADLINES = LLMDeadlines(first_token_s=5, gap_s=4, total_s=30, first_word_s=60)


class Bench:
    def __init__(self, *replies: Sequence[Step], room: int = 1000) -> None:
        self.responder = ScriptedResponder(replies)
        self.pieces_out, self.pieces = trio.open_memory_channel[TextPiece | Aside | EndOfReply](
            room
        )
        self.reports_out, self.reports = trio.open_memory_channel[Report](100)
        self.outbox, self.out = open_outbox()
        self.attempts: Attempts[TurnRecord] = Attempts()
        self.telemetry = Telemetry()
        self.record = TurnRecord(
            turn=1, user_text="hi", first_sample_s=0.0, first_partial_s=None, final_s=0.0
        )

    def actor(self) -> LLMActor:
        return LLMActor(
            conversation=[ChatMessage(role="user", text="hi")],
            responder=self.responder,
            pieces=self.pieces_out,
            reports=self.reports_out,
            outbox=self.outbox,
            record=self.record,
            attempts=self.attempts,
            deadlines=DEADLINES,
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
