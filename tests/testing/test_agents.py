"""`talk_to`: an agent is called in a test, without sound, and the test sees what becomes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.agent import Agent, Call, CallerSilent, ReplyOver
from parley.engines.failures import EngineFailure
from parley.recording.mcap_records import RecordingError
from parley.testing import (
    PROMPT_VOICE,
    AgentFailed,
    NothingSaid,
    Outcome,
    RecordedModel,
    ScriptedModel,
    ScriptedSynthesizer,
    ScriptOver,
    ToolCall,
    Used,
    calls,
    talk_to,
)

RECORDINGS = Path(__file__).parents[1] / "recordings"


def shop(**more: Any) -> Agent[Any]:
    agent: Agent[Any] = Agent(
        "You are a shop for {{name}}.", name="shop", greeting="Flower shop, hello!", **more
    )

    @agent.tool
    async def opening_hours(day: str) -> str:
        "When the shop is open on a day of the week."
        if day == "Sunday":
            raise RuntimeError("closed for ever")
        return "9 to 18"

    @agent.tool
    async def leave(call: Call[Any]) -> None:
        "Ends the call."
        await call.end("Goodbye!", reason="all is said")

    @agent.tool
    async def person(call: Call[Any]) -> None:
        "Puts the caller through to a person."
        await call.transfer("+49 30 1234")

    @agent.tool
    async def deliver(call: Call[Any]) -> str:
        "Asks for a street."
        return f"to {await call.ask('Which street?')}"

    return agent


async def test_a_caller_hears_the_greeting_and_is_answered(autojump_clock: Any) -> None:
    model = ScriptedModel([calls("opening_hours", day="Monday"), "We open at nine."])
    async with talk_to(shop(), model=model, query={"name": "Ann"}) as caller:
        assert await caller.hears() == "Flower shop, hello!"
        assert await caller.says("When do you open on Monday?") == "We open at nine."
        assert caller.tools == [Used("opening_hours", {"day": "Monday"}, "9 to 18")]
        assert caller.said == ["Flower shop, hello!", "We open at nine."]
        assert caller.ended is None
        assert caller.agent == "shop"
        assert caller.instructions.startswith("You are a shop for Ann.")
        assert model.left == 0


async def test_the_test_sees_what_the_model_was_asked(autojump_clock: Any) -> None:
    model = ScriptedModel(["Yes.", "No."])
    async with talk_to(shop(), model=model) as caller:
        await caller.says("Roses?")
        await caller.says("Tulips?")
        assert [request.last for request in caller.asked] == ["Roses?", "Tulips?"]
        assert caller.asked[0].system == caller.instructions
        assert caller.asked[0].tools == ("opening_hours", "leave", "person", "deliver")
        assert "user: Roses?\n  assistant: Yes." in str(caller.asked[1])


async def test_a_round_may_hold_words_pauses_and_calls(autojump_clock: Any) -> None:
    model = ScriptedModel(
        [["Let me look.", 2.0, calls("opening_hours", day="Monday")], "Nine to six."]
    )
    async with talk_to(shop(), model=model) as caller:
        await caller.hears()
        began_s = trio.current_time()
        assert await caller.says("When?") == "Let me look. Nine to six."
        words_s = 0.05 * (len("Let me look.") + len("Nine to six."))
        assert trio.current_time() - began_s == pytest.approx(2.0 + 0.05 * 12, abs=0.1)
        assert trio.current_time() - began_s > words_s


async def test_a_rule_answers_what_it_reads(autojump_clock: Any) -> None:
    def rule(conversation: Any, tools: Any) -> Any:
        if conversation[-1].role == "tool":
            return f"Open {conversation[-1].text}."
        assert tools[0].name == "opening_hours"
        return calls("opening_hours", day=conversation[-1].text)

    async with talk_to(shop(), model=ScriptedModel(rule)) as caller:
        assert await caller.says("Monday") == "Open 9 to 18."
        assert await caller.says("Friday") == "Open 9 to 18."
        assert [used.arguments for used in caller.tools] == [{"day": "Monday"}, {"day": "Friday"}]


async def test_then_is_every_further_round(autojump_clock: Any) -> None:
    async with talk_to(shop(), model=ScriptedModel(["One."], then="More.")) as caller:
        assert [await caller.says("?") for _ in range(3)] == ["One.", "More.", "More."]


async def test_a_script_that_is_over_fails_the_test(autojump_clock: Any) -> None:
    async with talk_to(shop(), model=ScriptedModel(["Yes."])) as caller:
        await caller.says("Roses?")
        with pytest.raises(ScriptOver, match=r"round 2, and its script has 1 round(.|\n)*Tulips"):
            await caller.says("Tulips?")


async def test_a_problem_that_nobody_waited_for_is_raised_at_the_end(autojump_clock: Any) -> None:
    with pytest.raises(ScriptOver):
        async with talk_to(shop(), model=ScriptedModel([])) as caller:
            await caller.starts_saying("Roses?")
            await trio.sleep(1)


async def test_a_rule_that_raises_fails_the_test_with_what_it_raised(autojump_clock: Any) -> None:
    def rule(conversation: Any, tools: Any) -> Any:
        raise KeyError("rule")

    async with talk_to(shop(), model=ScriptedModel(rule)) as caller:
        with pytest.raises(KeyError, match="rule"):
            await caller.says("Roses?")


async def test_a_model_that_fails_is_heard_as_people_hear_it(autojump_clock: Any) -> None:
    broken = EngineFailure("no model", retryable=False)
    settings = {"stream_failure_sentence": "I cannot answer."}
    model = ScriptedModel([broken, RuntimeError("at all"), "Back again."])
    async with talk_to(shop(), model=model, settings=settings) as caller:
        assert await caller.says("One?") == "I cannot answer."
        assert await caller.says("Two?") == "I cannot answer."
        assert await caller.says("Three?") == "Back again."


async def test_a_tool_that_fails_is_told_and_the_call_goes_on(autojump_clock: Any) -> None:
    model = ScriptedModel(
        [
            [calls("opening_hours", day="Sunday"), ToolCall(id="a", name="leave", arguments="{")],
            "I do not know.",
        ]
    )
    async with talk_to(shop(), model=model) as caller:
        assert await caller.says("On Sunday?") == "I do not know."
        by_name = {used.name: used for used in caller.tools}
        assert by_name["opening_hours"].outcome is Outcome.FAILED
        assert "RuntimeError" in by_name["opening_hours"].output
        assert "closed for ever" not in by_name["opening_hours"].output  # see ToolFailed
        assert by_name["leave"].arguments == "{"


async def test_an_interruption_cuts_what_was_heard(autojump_clock: Any) -> None:
    model = ScriptedModel(["One two three four five six seven eight nine ten.", "All right."])
    async with talk_to(shop(), model=model) as caller:
        await caller.hears()
        await caller.starts_saying("Count!")
        assert await caller.interrupts("Stop.", after_s=0.6) == "All right."
        assert caller.said == ["Flower shop, hello!", "One two", "All right."]
        cut = [e for e in caller.events if isinstance(e, ReplyOver) and e.interrupted]
        assert [event.heard for event in cut] == ["One two"]


async def test_what_is_over_cannot_be_interrupted(autojump_clock: Any) -> None:
    async with talk_to(shop(), model=ScriptedModel([])) as caller:
        with pytest.raises(NothingSaid, match="over before it could be interrupted"):
            await caller.interrupts("Stop.", after_s=30)


async def test_hears_gives_the_rest_of_what_code_says(autojump_clock: Any) -> None:
    quiz: Agent[Any] = Agent(model=False, name="quiz")

    @quiz.on_call
    async def ask(call: Call[Any]) -> None:
        answer = await call.ask("Two and two?")
        await call.say("Right." if answer == "four" else "Wrong.")
        await call.say("That was all.")
        await call.end(reason="over")

    async with talk_to(quiz, model=None) as caller:
        assert await caller.hears() == "Two and two?"
        assert await caller.says("four") == "Right."
        assert await caller.hears() == "That was all."
        assert caller.ended == "over"
        with pytest.raises(NothingSaid, match=r"nothing more was said: over(.|\n)*caller: four"):
            await caller.hears()
        with pytest.raises(NothingSaid, match="the call is over"):
            await caller.says("Hello?")


async def test_a_tool_may_ask_something_on_the_way(autojump_clock: Any) -> None:
    model = ScriptedModel([calls("deliver"), "It will be there."])
    async with talk_to(shop(), model=model) as caller:
        await caller.hears()
        assert await caller.says("Bring me roses.") == "Which street?"
        assert await caller.says("High Street") == "It will be there."
        assert caller.tools == [Used("deliver", {}, "to High Street")]


async def test_the_agent_ends_the_call(autojump_clock: Any) -> None:
    model = ScriptedModel([calls("leave"), "As you like."])
    async with talk_to(shop(), model=model) as caller:
        assert await caller.says("Bye.") == "Goodbye!"  # the model is not asked again
        assert caller.ended == "all is said"
        assert await caller.until_ended() == "all is said"


async def test_the_agent_puts_the_caller_through(autojump_clock: Any) -> None:
    async with talk_to(shop(), model=ScriptedModel([calls("person"), "One moment."])) as caller:
        assert await caller.says("A person, please.") == "One moment."
        assert caller.transferred == "+49 30 1234"
        assert await caller.until_ended() == "transferred to +49 30 1234"


async def test_the_caller_hangs_up(autojump_clock: Any) -> None:
    left = []

    async def code(call: Call[Any]) -> None:
        try:
            await trio.sleep_forever()
        finally:
            left.append(call.session_id)

    agent = shop()
    agent.on_call(code)
    async with talk_to(agent, model=ScriptedModel([])) as caller:
        await caller.hears()
        await caller.hangs_up()
        assert caller.ended == "the caller hung up"
        assert left == ["test"]


async def test_another_agent_takes_over(autojump_clock: Any) -> None:
    florist: Agent[Any] = Agent("You know flowers.", name="florist")
    agent = shop()

    @agent.tool
    async def ask_florist() -> Agent[Any]:
        "Has the florist answer."
        return florist

    model = ScriptedModel([calls("ask_florist"), "The florist speaking."])
    async with talk_to(agent, model=model) as caller:
        assert await caller.says("Which roses?") == "The florist speaking."
        assert caller.agent == "florist"
        assert caller.instructions.startswith("You know flowers.")
        assert caller.asked[1].tools == ()


@dataclass
class Basket:
    flowers: list[str] = field(default_factory=list)


async def test_the_test_sees_the_state_of_the_call(autojump_clock: Any) -> None:
    agent = shop(state=Basket)

    @agent.tool
    async def order(call: Call[Basket], flower: str) -> None:
        "Puts a flower into the basket."
        call.state.flowers.append(flower)

    model = ScriptedModel([calls("order", flower="rose"), "Done."])
    async with talk_to(agent, model=model) as caller:
        await caller.says("A rose.")
        assert caller.state == Basket(["rose"])


async def test_silence_is_virtual_time(autojump_clock: Any) -> None:
    settings = {"stream_silence_ask_s": 10, "stream_silence_question": "Are you there?"}
    async with talk_to(shop(), model=ScriptedModel([]), settings=settings) as caller:
        await caller.hears()
        await caller.waits(9)
        assert len(caller.said) == 1
        assert await caller.hears() == "Are you there?"
        assert any(isinstance(event, CallerSilent) for event in caller.events)


async def test_code_that_raises_is_raised_where_the_test_waits(autojump_clock: Any) -> None:
    agent = shop()

    @agent.on_call
    async def code(call: Call[Any]) -> None:
        await call.listen()
        raise LookupError("no vase")

    async with talk_to(agent, model=ScriptedModel([])) as caller:
        await caller.hears()
        with pytest.raises(AgentFailed, match="LookupError: no vase") as failed:
            await caller.says("A vase?")
        assert isinstance(failed.value.__cause__, LookupError)
        assert await caller.until_ended() == "the agent failed"


async def test_instructions_that_raise_are_told_too(autojump_clock: Any) -> None:
    def words(call: Call[Any]) -> str:
        raise ValueError("no words")

    with pytest.raises(AgentFailed, match="no words"):
        async with talk_to(Agent(words), model=ScriptedModel([])):
            pass


async def test_what_never_comes_is_not_waited_for_longer_than_the_bound(
    autojump_clock: Any,
) -> None:
    deaf: Agent[Any] = Agent(model=False)
    async with talk_to(deaf, model=None) as caller:
        began_s = trio.current_time()
        with pytest.raises(NothingSaid, match=r"to 'Hello\?' within 300 s(.|\n)*caller: Hello\?"):
            await caller.says("Hello?")
        assert trio.current_time() - began_s == pytest.approx(300, abs=0.1)


async def test_a_model_that_hangs_meets_the_deadline_of_the_session(autojump_clock: Any) -> None:
    settings = {"stream_failure_sentence": "I cannot answer."}
    model = ScriptedModel([math.inf])
    async with talk_to(shop(), model=model, settings=settings) as caller:
        assert await caller.says("Well?") == "I cannot answer."


async def test_a_caller_may_speak(autojump_clock: Any) -> None:
    model = ScriptedModel(["We open at nine.", "And close at six."])
    async with talk_to(shop(), model=model, spoken=True) as caller:
        assert await caller.hears() == "Flower shop, hello!"
        began_s = trio.current_time()
        assert await caller.says("when do you open") == "We open at nine."
        assert trio.current_time() - began_s > 4 * 0.3 + 0.7  # the words, and the silence
        assert await caller.says("and when do you close") == "And close at six."
        assert caller.asked[0].last == "when do you open"


async def test_a_caller_may_speak_over_the_agent(autojump_clock: Any) -> None:
    model = ScriptedModel(["One two three four five six seven eight nine ten.", "All right."])
    async with talk_to(shop(), model=model, spoken=True) as caller:
        await caller.hears()
        await caller.starts_saying("please count to ten")
        assert await caller.interrupts("wait that is enough", after_s=0.8) == "All right."
        assert caller.said[1].startswith("One two")
        assert not caller.said[1].endswith("ten.")


async def test_speaking_works_in_every_dialect(autojump_clock: Any) -> None:
    model = ScriptedModel(["We open at nine."])
    async with talk_to(shop(), model=model, spoken=True, dialect=PROMPT_VOICE) as caller:
        assert await caller.says("when do you open") == "We open at nine."


async def test_typing_needs_a_dialect_with_typed_text(autojump_clock: Any) -> None:
    with pytest.raises(ValueError, match="spoken=True"):
        async with talk_to(shop(), model=None, dialect=PROMPT_VOICE):
            pass


async def test_a_voice_and_headers_of_the_test(autojump_clock: Any) -> None:
    agent: Agent[Any] = Agent(greeting=lambda call: f"Hello, {call.caller.headers['x-user']}!")
    voice = ScriptedSynthesizer(ms_per_char=1)
    async with talk_to(agent, model=None, voice=voice, headers={"X-User": "Ann"}) as caller:
        assert await caller.hears() == "Hello, Ann!"
        assert voice.texts == ["Hello, Ann!"]


async def test_without_a_model_rules_answer(autojump_clock: Any) -> None:
    found = []
    agent = shop()

    @agent.on_call
    async def code(call: Call[Any]) -> None:
        found.append(call.has_model)

    async with talk_to(agent, model=None) as caller:
        assert "12" in await caller.says("What is seven plus five?")
        assert found == [False]


async def test_what_the_test_raises_comes_out_as_it_is(autojump_clock: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with talk_to(shop(), model=ScriptedModel([])):
            raise ZeroDivisionError


async def test_a_model_answers_as_in_a_recording(autojump_clock: Any) -> None:
    model = RecordedModel(RECORDINGS / "typed.mcap")
    rounds = model.left
    async with talk_to(shop(), model=model) as caller:
        heard = [await caller.says("?") for _ in range(rounds)]
        assert rounds
        assert all(heard)
        assert model.left == 0


async def test_a_reply_that_was_taken_back_is_no_round(autojump_clock: Any) -> None:
    assert RecordedModel(RECORDINGS / "taken-back.mcap").left == 1


async def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mcap").write_bytes(b"nothing")
    with pytest.raises(RecordingError, match=r"x\.mcap"):
        RecordedModel(tmp_path / "x.mcap")
