"""Tools in a conversation: called, slow, wrong, interrupted; the conversation goes on."""

from __future__ import annotations

import pytest
import trio

from parley.agent import Agent, Call, ToolFailed, ToolsDropped
from parley.conversation.items import ToolUse
from parley.engines.failures import EngineFailure
from parley.engines.llm.scripted import Step
from support.conducted import calls, conversation

SHOP: Agent[None] = Agent("You sell flowers.", name="shop", spoken_style="")
FINISHED: list[str] = []


@SHOP.tool
async def opening_hours(day: str) -> str:
    """When the shop is open."""
    return "9 to 18" if day == "Monday" else "closed"


@SHOP.tool
async def slow(seconds: float) -> str:
    """Takes its time."""
    await trio.sleep(seconds)
    return "at last"


@SHOP.tool(must_finish=True)
async def pay(seconds: float) -> str:
    """Pays."""
    await trio.sleep(seconds)
    FINISHED.append("paid")
    return "paid"


@SHOP.tool
async def broken() -> str:
    """Raises."""
    raise OSError("the till is stuck")


@SHOP.tool
async def hangs() -> None:
    """Never ends."""
    await trio.sleep_forever()


@SHOP.tool(timeout_s=2)
async def stubborn() -> None:
    """Does not let itself be cancelled."""
    with trio.CancelScope(shield=True):
        await trio.sleep(60)


@SHOP.tool
def megabyte() -> str:
    """Says a lot, in a thread."""
    return "x" * 1_000_000


@SHOP.tool
async def closed() -> str:
    """Cannot, and says why."""
    raise ToolFailed("the till is closed until nine")


@SHOP.tool
async def thing() -> object:
    """Returns what is no JSON."""
    return object()


MONDAY = calls("opening_hours", '{"day": "Monday"}', "one")


async def answered(*rounds: Step | tuple[Step, ...], wait_s: float = 30.0) -> list[str]:
    """The results as the model saw them, for a reply of these rounds and "So it is."."""
    script = [r if isinstance(r, tuple) else (r,) for r in rounds]
    async with conversation(SHOP, [*script, ("So it is.",)]) as talk:
        await talk.types("hello")
        await trio.sleep(wait_s)
        assert talk.replies[-1].endswith("So it is.")
        assert talk.session.parts.machines.at_rest
        return [text for role, text in talk.asked() if role == "tool"]


async def test_a_tool_is_called_and_its_result_answered(autojump_clock: object) -> None:
    async with conversation(SHOP, [("Let me see. ", MONDAY), ("From nine ", "to six.")]) as talk:
        await talk.types("when are you open on Monday?")
        await trio.sleep(5)
        assert talk.replies == ["Let me see. From nine to six."]
        assert talk.heard == talk.replies
        assert talk.results == [("opening_hours", "done", "9 to 18")]
        assert talk.asked() == [
            ("user", "when are you open on Monday?"),
            ("assistant", "Let me see."),
            ("tool", "9 to 18"),
        ]
        await talk.types("thanks")
        await trio.sleep(5)
        assert talk.asked() == [
            ("user", "when are you open on Monday?"),
            ("assistant", "Let me see."),
            ("tool", "9 to 18"),
            ("assistant", "From nine to six."),
            ("user", "thanks"),
        ]


async def test_several_tools_run_at_once(autojump_clock: object) -> None:
    both = (calls("slow", '{"seconds": 1}', "a"), calls("slow", '{"seconds": 1.5}', "b"))
    async with conversation(SHOP, [both, ("Done.",)]) as talk:
        await talk.types("go")
        await trio.sleep(1.6)
        assert [output for _, _, output in talk.results] == ["at last", "at last"]
        assert len(talk.responder.conversations) == 2


async def test_each_round_offers_the_tools_until_there_were_too_many(
    autojump_clock: object,
) -> None:
    async with conversation(SHOP, [(MONDAY,)] * 3, then=("Enough.",), stream_tool_rounds=2) as talk:
        await talk.types("go")
        await trio.sleep(10)
        # The third round is offered none, calls one all the same, and is told off.
        assert [bool(tools) for tools in talk.responder.offered] == [True, True, False]
        assert [m["code"] for m in talk.client.of("error")] == ["LLM_FAIL"]
        await talk.types("again")
        await trio.sleep(5)
        assert talk.replies[-1] == "Enough."


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (calls("broken"), "error: the tool failed (OSError)"),
        (calls("closed"), "error: the till is closed until nine"),
        (calls("hangs"), "error: the tool took longer than 20 s and was cancelled"),
        (calls("stubborn"), "error: the tool took longer than 2 s and was cancelled"),
        (calls("opening_hours"), "error: wrong arguments: day: Field required"),
        (
            calls("opening_hours", '{"day": "Monday", "hour": 3}'),
            "error: wrong arguments: hour: Extra inputs are not permitted",
        ),
        (
            calls("slow", '{"seconds": "soon"}'),
            "error: wrong arguments: seconds: Input should be a valid number, unable to parse "
            "string as a number",
        ),
        (calls("opening_hours", "[1]"), "error: the arguments are no JSON object"),
    ],
)
async def test_what_goes_wrong_is_told_to_the_model(
    autojump_clock: object, call: Step, told: str
) -> None:
    assert await answered(call, wait_s=70) == [told]


async def test_half_a_json_is_told_to_the_model(autojump_clock: object) -> None:
    (told,) = await answered(calls("opening_hours", '{"day": "Mon'))
    assert told.startswith("error: the arguments are no JSON: ")


async def test_a_tool_that_does_not_exist_is_told_with_those_that_do(
    autojump_clock: object,
) -> None:
    (told,) = await answered(calls("fly"))
    assert told.startswith("error: there is no tool 'fly'; there are: opening_hours, slow, pay")


async def test_what_is_no_json_is_told_to_the_model(autojump_clock: object) -> None:
    (told,) = await answered(calls("thing"))
    assert told.startswith("error: it returned a object, which is no JSON")


async def test_of_a_megabyte_the_model_is_shown_the_beginning(autojump_clock: object) -> None:
    async with conversation(SHOP, [(calls("megabyte"),), ("Long.",)]) as talk:
        await talk.types("hello")
        with trio.fail_after(100):
            while len(talk.responder.conversations) < 2:
                await trio.sleep(0.1)  # its thread runs in real time
        ((_, told),) = [message for message in talk.asked() if message[0] == "tool"]
        assert len(told) <= 20_000
        assert told.endswith("[980060 more characters were left out]")


async def test_two_calls_with_one_id_are_two_calls_and_the_same_call_twice_is_one(
    autojump_clock: object,
) -> None:
    other = calls("opening_hours", '{"day": "Sunday"}', "one")
    assert await answered((MONDAY, other, MONDAY)) == ["9 to 18", "closed"]


async def test_an_id_that_was_used_in_an_earlier_round_is_made_anew(
    autojump_clock: object,
) -> None:
    async with conversation(SHOP, [(MONDAY,), (MONDAY,), ("So.",)]) as talk:
        await talk.types("hello")
        await trio.sleep(5)
        ids = [m.call_id for m in talk.responder.conversations[-1] if m.role == "tool"]
        assert len(ids) == len(set(ids)) == 2
        assert all(i == "one" or (len(i) == 9 and i.isalnum()) for i in ids)


async def test_more_calls_than_a_round_may_have_are_told_so(autojump_clock: object) -> None:
    many = tuple(calls("opening_hours", f'{{"day": "{n}"}}') for n in range(34))
    told = await answered(many)
    assert told.count("closed") == 32
    assert told[32:] == ["error: only 32 tools can be called at once; call it again"] * 2


# A slow tool


async def test_a_slow_tool_is_bridged_by_a_sentence_that_nobody_remembers(
    autojump_clock: object,
) -> None:
    script = [(calls("slow", '{"seconds": 5}'),), ("There.",)]
    async with conversation(SHOP, script) as talk:
        await talk.types("go")
        await trio.sleep(2.1)
        assert talk.synthesizer.texts == ["One moment, please."]
        await trio.sleep(8)
        assert talk.synthesizer.texts == ["One moment, please.", "There."]
        assert talk.replies == ["There."]


async def test_who_said_something_before_needs_no_such_sentence(autojump_clock: object) -> None:
    script = [("I look it up. ", calls("slow", '{"seconds": 5}')), ("There.",)]
    async with conversation(SHOP, script) as talk:
        await talk.types("go")
        await trio.sleep(10)
        assert talk.synthesizer.texts == ["I look it up.", "There."]


async def test_a_tool_may_say_something_itself(autojump_clock: object) -> None:
    agent: Agent[None] = Agent("Be brief.", name="a")

    @agent.tool
    async def work(call: Call[None]) -> str:
        """Works."""
        await call.say("Nearly done.")
        await trio.sleep(1)
        return "ready"

    async with conversation(agent, [(calls("work"),), ("Ready.",)]) as talk:
        await talk.types("go")
        await trio.sleep(5)
        assert talk.synthesizer.texts == ["Nearly done.", "Ready."]
        assert talk.replies == ["Ready."]


# Interrupted


async def test_an_interruption_cancels_a_tool_and_the_model_knows(autojump_clock: object) -> None:
    script = [("I look. ", calls("slow", '{"seconds": 10}', "x")), ("Fine.",)]
    async with conversation(SHOP, script) as talk:
        await talk.types("go")
        await trio.sleep(2)
        await talk.types("never mind")
        await trio.sleep(3)
        assert talk.results == [
            ("slow", "cancelled", "The person interrupted, and the tool was cancelled.")
        ]
        assert len(talk.of(ToolsDropped)) == 1
        await talk.types("what happened?")
        await trio.sleep(3)
        assert talk.asked() == [
            ("user", "go"),
            ("assistant", "I look."),
            ("tool", "The person interrupted, and the tool was cancelled."),
            ("assistant", "… [interrupted]"),
            ("user", "never mind"),
            ("assistant", "Fine."),
            ("user", "what happened?"),
        ]


async def test_a_tool_that_must_finish_does_and_its_result_is_known(
    autojump_clock: object,
) -> None:
    FINISHED.clear()
    script = [(calls("pay", '{"seconds": 4}'),), ("Right.",)]
    async with conversation(SHOP, script) as talk:
        await talk.types("pay")
        await trio.sleep(1)
        await talk.types("hello?")
        await trio.sleep(1)
        assert ("tool", "(the person interrupted: there is no result)") in talk.asked()
        await trio.sleep(3)
        assert talk.results == [("pay", "done", "paid")]
        await talk.types("did you?")
        await trio.sleep(3)
        assert ("tool", "paid") in talk.asked()
    assert FINISHED == ["paid"]


async def test_a_tool_that_must_finish_does_so_when_the_caller_hangs_up(
    autojump_clock: object,
) -> None:
    FINISHED.clear()
    async with conversation(SHOP, [(calls("pay", '{"seconds": 4}'),)]) as talk:
        await talk.types("pay")
        await trio.sleep(1)
    assert FINISHED == ["paid"]


async def test_a_tool_of_a_reply_that_was_begun_early_waits_until_the_end_is_certain(
    autojump_clock: object,
) -> None:
    async with conversation(
        SHOP, [(MONDAY,)], then=("Fine.",), words=["when are you open"], stream_turn_engine="text"
    ) as talk:
        await talk.speaks(600, 150)
        await trio.sleep(0.02)
        early = list(talk.called)
        await talk.quiet(2500)
        assert (early, talk.called) == ([], ["opening_hours"])


async def test_a_turn_that_called_a_tool_is_not_taken_back(autojump_clock: object) -> None:
    script = [(calls("slow", '{"seconds": 0.1}'),), (0.3, "The answer is long enough.")]
    words = ["what is the weather today", "in paris please"]
    async with conversation(SHOP, script, words=words) as talk:
        await talk.speaks(900, 950)
        await talk.speaks(900, 3500)
        uses = [item for item in talk.session.parts.items if isinstance(item, ToolUse)]
        assert [use.result is not None for use in uses] == [True]
        assert talk.called == ["slow"]
        assert not talk.client.of("reply_taken_back")


# The model fails


async def test_a_model_that_fails_behind_a_tool_is_asked_again_and_the_tool_is_not(
    autojump_clock: object,
) -> None:
    script: list[tuple[Step, ...]] = [(MONDAY,), (EngineFailure("down"),), ("From nine.",)]
    async with conversation(SHOP, script) as talk:
        await talk.types("hello")
        await trio.sleep(5)
        assert talk.called == ["opening_hours"]
        assert talk.replies == ["From nine."]


async def test_a_bug_in_the_model_behind_a_tool_begins_the_round_again_and_not_the_tool(
    autojump_clock: object,
) -> None:
    script: list[tuple[Step, ...]] = [(MONDAY,), (RuntimeError("bug"),), ("From nine.",)]
    async with conversation(SHOP, script) as talk:
        await talk.types("hello")
        await trio.sleep(5)
        assert talk.called == ["opening_hours"]
        assert talk.replies == ["From nine."]


async def test_a_call_without_any_agent_is_told_that_there_are_no_tools(
    autojump_clock: object,
) -> None:
    agent: Agent[None] = Agent("Be brief.", name="a")
    async with conversation(agent, [(MONDAY,), ("Sorry.",)]) as talk:
        await talk.types("hello")
        await trio.sleep(5)
        assert talk.asked()[-1] == (
            "tool",
            "error: there is no tool 'opening_hours'; there are: none",
        )
        assert talk.replies == ["Sorry."]
