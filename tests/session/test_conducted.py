"""A conversation that an agent conducts: greeting, questions, silence, the end. Times are exact."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from parley.agent import (
    Agent,
    BargedIn,
    Call,
    CallerSilent,
    ConductorChanged,
    ReplyOver,
    SayOver,
    TextHeard,
)
from parley.conversation.chat_request import SPOKE_FIRST
from support.conducted import MS_PER_CHAR, calls, conversation

HELLO = "Hello there."
HELLO_S = len(HELLO) * MS_PER_CHAR / 1000


def greeter(**options: object) -> Agent[None]:
    return Agent("Be brief.", name="greeter", greeting=HELLO, spoken_style="", **options)  # type: ignore[arg-type]


# Speaking first


async def test_a_greeting_is_said_first_and_remembered(autojump_clock: object) -> None:
    async with conversation(greeter()) as talk:
        await trio.sleep(2)
        assert talk.replies == [HELLO]
        assert talk.at(ReplyOver) == HELLO_S
        await talk.types("hi")
        await trio.sleep(2)
        assert talk.asked() == [("user", SPOKE_FIRST), ("assistant", HELLO), ("user", "hi")]


async def test_greeting_and_instructions_know_the_caller(autojump_clock: object) -> None:
    async def told(call: Call[None]) -> str:
        await trio.sleep(1)
        return f"Talk to {call.variables['name']} of {{{{city}}}}."

    agent: Agent[None] = Agent(told, name="a", greeting="Hi {{name}}{{nobody}}!", spoken_style="")
    async with conversation(agent, query={"name": "Ann", "city": "Bath"}) as talk:
        await talk.types("at once")  # is answered when the agent is ready
        await trio.sleep(5)
        assert talk.instructions() == "Talk to Ann of Bath."
        assert talk.replies == ["Fine.", "Hi Ann!"]


async def test_a_greeting_that_is_interrupted_is_remembered_as_far_as_it_was_heard(
    autojump_clock: object,
) -> None:
    async with conversation(greeter(), tts={"ms_per_char": 200}) as talk:
        await trio.sleep(1.3)
        await talk.types("wait")
        await trio.sleep(3)
        assert talk.heard[0] == "Hello"
        assert talk.at(BargedIn) == 1.3
        assert talk.asked()[1] == ("assistant", "Hello… [interrupted]")


async def test_a_greeting_that_nobody_may_interrupt_is_heard_and_the_words_answered_then(
    autojump_clock: object,
) -> None:
    agent = greeter(greeting_interruptible=False)
    async with conversation(agent, tts={"ms_per_char": 300}, words=["good morning all"]) as talk:
        await talk.speaks(700, 1000)
        assert not talk.of(BargedIn)
        await talk.client.interrupt()
        await trio.sleep(3)
        assert talk.replies[0] == talk.heard[0] == HELLO
        assert talk.at(ReplyOver) == pytest.approx(len(HELLO) * 0.3)
        await trio.sleep(2)
        assert talk.asked()[-1] == ("user", "good morning all")


async def test_what_is_said_while_nobody_is_heard_is_not_heard(autojump_clock: object) -> None:
    agent: Agent[None] = Agent("Be brief.", name="a")

    @agent.on_call
    async def announce(call: Call[None]) -> None:
        await call.say("This call is recorded.", interruptible=False, muted=True)

    async with conversation(agent) as talk:
        await talk.speaks(500, 1200)
        await talk.quiet(500)
        assert talk.of(TextHeard) == []
        await talk.speaks(700, 1000)
        await trio.sleep(1)
        assert len(talk.of(TextHeard)) == 1


async def test_an_agent_mutes_the_person_for_as_long_as_it_wants(autojump_clock: object) -> None:
    agent: Agent[None] = Agent("Be brief.", name="a")

    @agent.on_call
    async def wait(call: Call[None]) -> None:
        async with call.muted():
            await trio.sleep(3)

    async with conversation(agent) as talk:
        await talk.speaks(700, 1000)
        await talk.quiet(1500)
        assert talk.of(TextHeard) == []
        await talk.speaks(700, 1000)
        await trio.sleep(1)
        assert len(talk.of(TextHeard)) == 1


# Asking


async def test_the_answer_to_a_question_goes_to_the_code_and_not_to_the_model(
    autojump_clock: object,
) -> None:
    agent: Agent[list[str | None]] = Agent("Be brief.", name="a", state=list)

    @agent.on_call
    async def ask(call: Call[list[str | None]]) -> None:
        call.state.append(await call.ask("Your name?"))
        await call.say(f"Hello {call.state[0]}.")

    async with conversation(agent, words=["ann it is"]) as talk:
        await trio.sleep(1)
        await talk.speaks(700, 1000)
        await trio.sleep(2)
        assert talk.replies == ["Your name?", "Hello ann it is."]
        assert talk.responder.conversations == []
        await talk.types("and now?")
        await trio.sleep(2)
        assert talk.asked() == [
            ("user", SPOKE_FIRST),
            ("assistant", "Your name?"),
            ("user", "ann it is"),
            ("assistant", "Hello ann it is."),
            ("user", "and now?"),
        ]


async def test_who_answers_before_the_question_is_over_has_answered(
    autojump_clock: object,
) -> None:
    agent: Agent[list[str | None]] = Agent(name="a", state=list, model=False)

    @agent.on_call
    async def ask(call: Call[list[str | None]]) -> None:
        await call.say(f"So {await call.ask('What is the capital of France, please?')}.")

    async with conversation(agent, words=["it is paris of course"]) as talk:
        await trio.sleep(0.5)
        await talk.speaks(900, 1500)
        await trio.sleep(3)
        assert talk.replies[-1] == "So it is paris of course."
        assert len(talk.heard[0]) < len(talk.replies[0])


async def test_a_question_that_nobody_answers_in_time_has_none(autojump_clock: object) -> None:
    agent: Agent[None] = Agent(name="a")

    @agent.on_call
    async def ask(call: Call[None]) -> None:
        answer = await call.ask("Name?", timeout_s=3)
        await call.say(f"It was {answer}.")

    async with conversation(agent) as talk:
        await trio.sleep(5)
        assert talk.replies == ["Name?", "It was None."]
        asked_s = len("Name?") * MS_PER_CHAR / 1000
        said_s = len("It was None.") * MS_PER_CHAR / 1000
        assert talk.at(ReplyOver, 1) == pytest.approx(asked_s + 3 + said_s)
        await talk.types("Ann")  # comes too late, and is the model's
        await trio.sleep(2)
        assert talk.replies[-1] == "Fine."


async def test_a_tool_may_ask_and_a_short_yes_is_its_answer(autojump_clock: object) -> None:
    agent: Agent[None] = Agent("Be brief.", name="a")

    @agent.tool
    async def book(call: Call[None]) -> str:
        """Books a table."""
        return f"the guest said {await call.ask('Shall I book it?')}"

    script = [(calls("book"),), ("Booked.",)]
    async with conversation(agent, script, words=["yes"]) as talk:
        await talk.types("book")
        await talk.quiet(2000)
        await talk.speaks(300, 1500)
        await trio.sleep(2)
        assert talk.results == [("book", "done", "the guest said yes")]
        assert talk.replies == ["Booked."]
        assert talk.synthesizer.texts == ["Shall I book it?", "Booked."]


async def test_who_answers_a_tool_in_the_middle_of_its_question_is_not_talked_over(
    autojump_clock: object,
) -> None:
    agent: Agent[None] = Agent("Be brief.", name="a")

    @agent.tool
    async def book(call: Call[None]) -> str:
        """Books a table."""
        return f"the guest said {await call.ask('Shall I book it for you right now?')}"

    script = [(calls("book"),), ("Booked.",)]
    words = ["please do book it now"]
    async with conversation(agent, script, words=words, tts={"ms_per_char": 80}) as talk:
        await talk.types("book")
        await talk.quiet(1000)
        await talk.speaks(1500, 0)
        audio = len(talk.client.of("binary"))
        assert len(talk.of(BargedIn)) == 1
        await talk.speaks(500, 0)
        assert len(talk.client.of("binary")) == audio
        await talk.quiet(1500)
        assert talk.results == [("book", "done", "the guest said please do book it now")]


# Code


async def test_code_that_crashes_says_so_and_ends_its_call(autojump_clock: object) -> None:
    agent: Agent[None] = Agent("Be brief.", name="a")

    @agent.on_call
    async def crash(call: Call[None]) -> None:
        await trio.sleep(1)
        raise KeyError("oh")

    async with conversation(agent) as talk:
        gone = await talk.client.wait_closed()
        assert gone.code == 1011
        assert talk.client.of("error")[0]["message"] == "the agent's code failed (KeyError)"
        assert talk.replies == ["Sorry, I could not come up with an answer just now."]
        sentence_s = len(talk.replies[0]) * MS_PER_CHAR / 1000
        assert talk.now_s == pytest.approx(1 + sentence_s)


async def test_an_agent_whose_instructions_never_come_is_given_up(autojump_clock: object) -> None:
    async def never(call: Call[None]) -> str:
        await trio.sleep(3600)
        return ""

    async with conversation(Agent(never, name="a")) as talk:
        await talk.types("hello?")
        await talk.client.wait_closed()
        assert talk.client.of("error")[0]["code"] == "INTERNAL"


async def test_code_waits_for_what_happens(autojump_clock: object) -> None:
    agent: Agent[list[str]] = Agent("Be brief.", name="a", state=list)

    @agent.on_call
    async def listen(call: Call[list[str]]) -> None:
        heard = await call.wait_for(TextHeard, lambda event: "price" in event.text)
        await call.say(f"You said {heard.text}.", urgent=True)

    async with conversation(agent, then=("A long answer that goes on and on.",)) as talk:
        await talk.types("hello")
        await trio.sleep(1)
        await talk.types("the price")
        await trio.sleep(3)
        assert talk.replies[-1] == "You said the price."


async def test_code_runs_beside_and_ends_with_the_call(autojump_clock: object) -> None:
    ended: list[str] = []
    agent: Agent[None] = Agent("Be brief.", name="a")

    @agent.on_call
    async def begin(call: Call[None]) -> None:
        async def beside() -> None:
            try:
                await trio.sleep_forever()
            finally:
                ended.append("ended")

        call.start_soon(beside)

    async with conversation(agent):
        await trio.sleep(1)
        assert ended == []
    assert ended == ["ended"]


async def test_the_model_says_what_the_agent_wants_of_it(autojump_clock: object) -> None:
    agent: Agent[None] = Agent("Be brief.", name="a")

    @agent.on_call
    async def begin(call: Call[None]) -> None:
        await call.reply("Greet the caller.")

    async with conversation(agent, [("Good morning!",)]) as talk:
        await trio.sleep(2)
        assert talk.replies == ["Good morning!"]
        assert talk.asked(0) == [("user", "(Greet the caller.)")]


async def test_what_an_agent_knows_it_tells_the_model(autojump_clock: object) -> None:
    agent: Agent[None] = Agent("Be brief.", name="a", spoken_style="")

    @agent.on_call
    async def begin(call: Call[None]) -> None:
        await call.add_item("system", "The shop is on fire.")
        await call.set_instructions("Be very brief.")

    async with conversation(agent) as talk:
        await trio.sleep(0.1)
        await talk.types("hi")
        await trio.sleep(1)
        assert talk.instructions() == "Be very brief.\nThe shop is on fire."


async def test_code_that_says_a_thousand_things_at_once_is_told_which_were_dropped(
    autojump_clock: object,
) -> None:
    agent: Agent[list[bool]] = Agent("Be brief.", name="a", state=list)

    @agent.on_call
    async def babble(call: Call[list[bool]]) -> None:
        async def say() -> None:
            call.state.append((await call.say("Word.")).dropped)

        for _ in range(150):
            call.start_soon(say)

    async with conversation(agent) as talk:
        await trio.sleep(60)
        assert len(talk.of(SayOver)) == 150
        assert sum(event.dropped for event in talk.of(SayOver)) == 49


# Hand-over and the end


async def test_a_tool_that_returns_an_agent_hands_the_call_over(autojump_clock: object) -> None:
    florist: Agent[None] = Agent("You are the florist.", name="florist", spoken_style="")

    @florist.tool
    async def bouquet() -> str:
        """Binds one."""
        return "roses"

    shop: Agent[None] = Agent("You are the receptionist.", name="shop", spoken_style="")

    @shop.tool
    async def to_florist() -> Agent[None]:
        """Puts the caller through to the florist."""
        return florist

    script = [("One moment. ", calls("to_florist")), ("Florist here.",)]
    async with conversation(shop, script) as talk:
        await talk.types("flowers please")
        await trio.sleep(4)
        assert talk.instructions() == "You are the florist."
        assert [tool.name for tool in talk.responder.offered[-1]] == ["bouquet"]
        assert talk.replies == ["One moment. Florist here."]
        assert [event.name for event in talk.of(ConductorChanged)] == ["shop", "florist"]
        assert talk.asked()[0] == ("user", "flowers please")


async def test_a_hand_over_may_leave_the_memory_behind(autojump_clock: object) -> None:
    other: Agent[None] = Agent("You are new.", name="other", spoken_style="")
    agent: Agent[None] = Agent("You are old.", name="a", spoken_style="")

    @agent.on_call
    async def hand_over(call: Call[None]) -> None:
        await call.wait_for(ReplyOver)
        await call.hand_over(other, memory=False)

    async with conversation(agent) as talk:
        await talk.types("secret")
        await trio.sleep(2)
        await talk.types("what did I say?")
        await trio.sleep(2)
        assert talk.instructions() == "You are new."
        assert talk.asked() == [("user", "what did I say?")]


async def test_an_agent_that_ends_the_call_finishes_its_sentence(autojump_clock: object) -> None:
    agent: Agent[None] = Agent("Be brief.", name="a")

    @agent.tool
    async def hang_up(call: Call[None]) -> str:
        """Ends the call."""
        await call.end("Goodbye.")
        return "the call ends"

    sentence = "It was nice to talk to you."
    async with conversation(agent, [(f"{sentence} ", calls("hang_up")), ("Bye now.",)]) as talk:
        await talk.types("bye")
        gone = await talk.client.wait_closed()
        assert (gone.code, talk.ending) == (1000, "the agent ended the call")
        assert talk.replies == [sentence, "Goodbye."]  # the model is not asked again
        assert talk.heard == talk.replies
        letters = len(sentence) + len("Goodbye.")
        assert talk.now_s == pytest.approx(letters * MS_PER_CHAR / 1000)


async def test_an_agent_may_cut_its_own_sentence_and_end_at_once(autojump_clock: object) -> None:
    agent = greeter()

    @agent.on_call
    async def leave(call: Call[None]) -> None:
        await trio.sleep(0.4)
        await call.end(at_once=True, reason="closing time")

    async with conversation(agent) as talk:
        gone = await talk.client.wait_closed()
        assert (gone.code, gone.reason, talk.now_s) == (1000, "closing time", 0.4)
        assert talk.heard == ["Hello"]


async def test_nobody_is_answered_while_the_call_ends(autojump_clock: object) -> None:
    agent: Agent[None] = Agent("Be brief.", name="a")

    @agent.on_call
    async def leave(call: Call[None]) -> None:
        await call.end("A goodbye that takes its time.")

    async with conversation(agent) as talk:
        await trio.sleep(0.2)
        await talk.types("wait!")
        await talk.client.wait_closed()
        assert talk.replies == ["A goodbye that takes its time."]
        assert talk.heard == talk.replies


async def test_a_transfer_says_where_to_and_ends_the_call(autojump_clock: object) -> None:
    agent: Agent[None] = Agent("Be brief.", name="a")

    @agent.tool
    async def put_through(call: Call[None]) -> str:
        """Puts the caller through."""
        await call.transfer("+15550100", "I put you through.")
        return "done"

    async with conversation(agent, [(calls("put_through"),), ("Right.",)]) as talk:
        await talk.types("a person please")
        gone = await talk.client.wait_closed()
        assert gone.reason == "transferred to +15550100"
        assert [said for said in talk.replies if said] == ["I put you through."]


# The silent caller

THERE, GOODBYE = "Still there?", "Goodbye then."
SILENT: dict[str, Any] = {
    "stream_silence_ask_s": 5,
    "stream_silence_question": THERE,
    "stream_silence_end_s": 3,
    "stream_silence_goodbye": GOODBYE,
}


async def test_a_silent_caller_is_asked_and_then_the_call_ends(autojump_clock: object) -> None:
    async with conversation(greeter(), **SILENT) as talk:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk.quiet, 30_000)
            gone = await talk.client.wait_closed()
            nursery.cancel_scope.cancel()
        assert gone.reason == "nobody spoke"
        assert talk.replies == [HELLO, THERE, GOODBYE]
        there_s, goodbye_s = (len(text) * MS_PER_CHAR / 1000 for text in (THERE, GOODBYE))
        asked_s = HELLO_S + 5
        assert talk.at(CallerSilent) == pytest.approx(asked_s, abs=0.03)
        ended_s = asked_s + there_s + 3
        assert talk.at(CallerSilent, 1) == pytest.approx(ended_s, abs=0.03)
        assert talk.now_s == pytest.approx(ended_s + goodbye_s, abs=0.03)


async def test_who_speaks_after_the_question_is_not_silent_any_more(
    autojump_clock: object,
) -> None:
    async with conversation(greeter(), **SILENT, words=["yes i am here"]) as talk:
        await talk.quiet(7000)
        assert talk.replies == [HELLO, THERE]
        await talk.speaks(900, 1000)
        await talk.quiet(5500)
        assert talk.replies == [HELLO, THERE, "Fine."]
        await talk.quiet(1200)
        assert talk.replies[-1] == THERE
        assert talk.client.closed is None


async def test_who_closed_the_microphone_is_not_silent(autojump_clock: object) -> None:
    from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE

    async with conversation(greeter(), dialect=PROMPT_VOICE, **SILENT) as talk:
        await talk.client.start()
        await talk.quiet(500)
        await talk.client.stop()
        await trio.sleep(60)
        assert talk.of(CallerSilent) == []
        assert talk.client.closed is None


# Words it takes to interrupt


async def test_few_words_do_not_interrupt_where_it_takes_more(autojump_clock: object) -> None:
    words = ["tell me more", "my dog", "that is all wrong"]
    long = ("This is a long answer. " * 8,)
    async with conversation(
        greeter(), then=long, words=words, stream_interrupt_min_words=3
    ) as talk:
        await talk.quiet(1500)
        await talk.speaks(700, 1500)
        await talk.speaks(900, 1000)
        assert not talk.of(BargedIn)
        await talk.speaks(900, 1000)
        assert len(talk.of(BargedIn)) == 1


async def test_stop_interrupts_however_many_words_it_takes(autojump_clock: object) -> None:
    long = ("This is a long answer. " * 8,)
    async with conversation(
        greeter(), then=long, words=["tell me more", "stop"], stream_interrupt_min_words=3
    ) as talk:
        await talk.quiet(1500)
        await talk.speaks(700, 1500)
        await talk.speaks(600, 1000)
        assert len(talk.of(BargedIn)) == 1
