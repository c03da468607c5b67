"""The scripted responder is exact: what it says, when, and what it saw."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from parley.engines.failures import EngineFailure
from parley.engines.llm.interface import (
    ReplyPart,
    Responder,
    ToolCall,
    ToolOffer,
    offering,
    second_of,
)
from parley.engines.llm.scripted import ENTERED, HANG, ScriptedResponder, Step
from parley.protocol.chat import ChatMessage

HELLO = [ChatMessage(role="user", text="hello")]
Clock = trio.testing.MockClock


async def listen(responder: Responder) -> list[tuple[float, ReplyPart]]:
    """Every token with the virtual second, since the asking, at which it came."""
    begun = trio.current_time()
    async with responder.reply(HELLO) as reply:
        return [(trio.current_time() - begun, token) async for token in reply]


async def test_tokens_come_at_their_exact_times(autojump_clock: Clock) -> None:
    responder = ScriptedResponder([[0.5, "One", " two", 1, " three."], ["Next."], []])
    assert await listen(responder) == [(0.5, "One"), (0.5, " two"), (1.5, " three.")]
    assert await listen(responder) == [(0.0, "Next.")]
    assert await listen(responder) == []


async def test_entering_can_take_its_time(autojump_clock: Clock) -> None:
    responder = ScriptedResponder([[2.0, ENTERED, 0.25, "Yes."]])
    async with responder.reply(HELLO) as reply:
        assert trio.current_time() == 2.0
        assert [token async for token in reply] == ["Yes."]
    assert trio.current_time() == 2.25


async def test_an_exception_is_raised_where_it_stands(autojump_clock: Clock) -> None:
    lost, refused = EngineFailure("lost"), EngineFailure("refused", retryable=False)
    responder = ScriptedResponder([["So", lost, " far"], [0.5, refused, ENTERED, "So"]])
    async with responder.reply(HELLO) as reply:
        assert await anext(reply) == "So"
        with pytest.raises(EngineFailure) as caught:
            await anext(reply)
    assert caught.value is lost
    with pytest.raises(EngineFailure) as caught:
        async with responder.reply(HELLO):
            pass  # pragma: no cover
    assert caught.value is refused
    assert trio.current_time() == 0.5
    assert (responder.active, responder.cancelled) == (0, 0)


@pytest.mark.parametrize("script", [["So", HANG, " far"], [HANG, ENTERED, "So"]])
async def test_it_hangs_until_it_is_cancelled_and_counts_that(
    autojump_clock: Clock, script: list[Step]
) -> None:
    responder = ScriptedResponder([script])
    with trio.move_on_after(60) as scope:
        await listen(responder)
    assert scope.cancelled_caught
    assert trio.current_time() == 60
    assert (responder.active, responder.cancelled) == (0, 1)


async def test_a_cancellation_inside_a_group_counts_too(autojump_clock: Clock) -> None:
    responder = ScriptedResponder([[HANG]])
    with trio.move_on_after(1):
        async with responder.reply(HELLO) as reply, trio.open_nursery() as nursery:
            nursery.start_soon(anext, reply)
            nursery.start_soon(trio.sleep_forever)
    assert (responder.active, responder.cancelled) == (0, 1)


async def test_a_reply_left_early_was_not_cancelled() -> None:
    responder = ScriptedResponder([["One", " two"]])
    async with responder.reply(HELLO) as reply:
        assert await anext(reply) == "One"
        assert responder.active == 1
    assert (responder.active, responder.cancelled) == (0, 0)


async def test_it_remembers_what_it_was_asked_as_it_was_then() -> None:
    responder = ScriptedResponder(then=["Yes."])
    conversation = list(HELLO)
    async with responder.reply(conversation):
        conversation.append(ChatMessage(role="assistant", text="Yes."))
    async with responder.reply(conversation):
        pass
    assert responder.conversations == [tuple(HELLO), tuple(conversation)]


async def test_after_the_script_comes_what_comes_for_ever() -> None:
    responder = ScriptedResponder([["One"]], then=["And", " so on"])
    said = [[token for _, token in await listen(responder)] for _ in range(3)]
    assert said == [["One"], ["And", " so on"], ["And", " so on"]]


async def test_one_reply_too_many_is_the_tests_fault() -> None:
    responder = ScriptedResponder([["One"]])
    await listen(responder)
    with pytest.raises(LookupError, match="asked for reply 2, and 1 are in the script"):
        await listen(responder)
    assert responder.active == 0


@pytest.mark.parametrize(
    "script", [["too soon", ENTERED], ["an empty", ""], [ENTERED, "twice", ENTERED]]
)
def test_a_script_that_makes_no_sense_is_refused(script: list[Step]) -> None:
    with pytest.raises(ValueError, match=r"token|entered once"):
        ScriptedResponder([script])
    with pytest.raises(ValueError, match=r"token|entered once"):
        ScriptedResponder(then=script)


async def test_a_call_may_be_a_step_and_what_was_offered_is_seen(autojump_clock: Clock) -> None:
    call = ToolCall(id="c1", name="now", arguments="{}")
    tool = ToolOffer(name="now", description="The time.")
    responder = ScriptedResponder([["Hm.", 0.5, call], ["Noon."], ["Yes."]])
    offers = offering(responder, [tool])
    assert await listen(offers) == [(0.0, "Hm."), (0.5, call)]
    assert await listen(responder) == [(0.0, "Noon.")]
    async with offers.reply(HELLO):
        assert responder.active == 1
    assert responder.offered == [(tool,), (), (tool,)]
    assert len(responder.conversations) == 3


async def test_its_second_offers_the_same(autojump_clock: Clock) -> None:
    tool = ToolOffer(name="now", description="The time.")
    behind = ScriptedResponder([["Two."]])
    second = second_of(offering(ScriptedResponder(second=behind), [tool]))
    assert second is not None
    assert await listen(second) == [(0.0, "Two.")]
    assert behind.offered == [(tool,)]
    assert second_of(offering(ScriptedResponder(), [tool])) is None
