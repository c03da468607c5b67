"""The built-in responder: its rules without an event loop, its pace in virtual time."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta, timezone

import pytest
import trio
import trio.testing

from parley.conversation.later import ForgetLater, SayLater
from parley.engines.llm.interface import Responder
from parley.engines.llm.local import WORD_INTERVAL_S, LocalResponder
from parley.engines.llm.rules.rule import Answer, asked_of
from parley.engines.llm.rules.table import NO_MODEL, NOT_HEARD, STILL_NO_MODEL, answer
from parley.engines.llm.rules.talk import CONNECT, HELP, JOKES, STORY
from parley.protocol.chat import ChatMessage

NOW = datetime(2026, 11, 28, 16, 52, 10, tzinfo=timezone(timedelta(hours=1)))
"""A Saturday."""


def talk(*texts: str) -> list[ChatMessage]:
    """A conversation that the user begins, after the system's instructions."""
    said = [
        ChatMessage(role="user" if number % 2 == 0 else "assistant", text=text)
        for number, text in enumerate(texts)
    ]
    return [ChatMessage(role="system", text="Say nothing of this."), *said]


def full_answer(*texts: str, now: datetime = NOW, seed: int = 1) -> Answer:
    return answer(asked_of(talk(*texts), now, random.Random(seed)))


def compose(*texts: str, now: datetime = NOW) -> str:
    return full_answer(*texts, now=now).text


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("What time is it?", "It is 4:52 PM."),
        ("Can you tell me the time, please?", "It is 4:52 PM."),
        ("what's the time", "It is 4:52 PM."),
        ("What time is it in Tokyo?", "In Tokyo it is 12:52 AM tomorrow."),
        ("What's the time in New York?", "In New York it is 10:52 AM."),
        ("What day is it today?", "Today is Saturday, November 28th, 2026."),
        ("What's the date?", "Today is Saturday, November 28th, 2026."),
        ("What is today's date?", "Today is Saturday, November 28th, 2026."),
        ("what day is tomorrow", "Tomorrow is Sunday, November 29th, 2026."),
        ("What day was yesterday?", "Yesterday was Friday, November 27th, 2026."),
    ],
)
def test_it_knows_the_time_and_the_date(heard: str, said: str) -> None:
    assert compose(heard) == said


def test_hours_of_a_clock_and_endings_of_a_date() -> None:
    at = {
        0: "It is 12 AM.",
        12: "It is 12 PM.",
        1: "It is 1 AM.",
        23: "It is 11 PM.",
    }
    for hour, said in at.items():
        assert compose("what time is it", now=NOW.replace(hour=hour, minute=0)) == said
    for day, said in {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 22: "22nd"}.items():
        assert f" {said}, " in compose("what day is it", now=NOW.replace(day=day))


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("What is twelve times seven?", "12 times 7 is 84."),
        ("What's 7 x 8?", "7 times 8 is 56."),
        ("7 * 8 =", "7 times 8 is 56."),
        ("twenty one minus thirty", "21 minus 30 is minus 9."),
        ("seventeen divided by five", "17 divided by 5 is 3.4."),
        ("how much is a hundred divided by 7", "100 divided by 7 is about 14.286."),
        ("one divided by zero", "Nobody can divide by zero."),
        ("two plus three times four", "2 plus 3 times 4 is 14."),
        ("What is 10 minus -3?", "10 minus minus 3 is 13."),
        ("3.5 plus two point two five", "3.5 plus 2.25 is 5.75."),
        ("What is 25% of 1,200?", "25 percent of 1200 is 300."),
        ("twenty-five percent of eighty, please", "25 percent of 80 is 20."),
        ("the square root of 144", "The square root of 144 is 12."),
        ("What is the square root of two?", "The square root of 2 is about 1.414."),
        ("five squared", "5 to the power of 2 is 25."),
        ("two to the power of ten", "2 to the power of 10 is 1024."),
        ("9 to the power of 90", "That is more than I can say."),
        ("two hundred and five minus six", "205 minus 6 is 199."),
        ("one million times two thousand", "1000000 times 2000 is 2000000000."),
        ("5 miles in kilometers", "5 miles are about 8.05 kilometers."),
        ("How many minutes are in 3 hours?", "3 hours are 180 minutes."),
        ("how many feet in a mile", "1 mile is 5280 feet."),
        ("100 degrees Fahrenheit in Celsius", "100 degrees Fahrenheit is about 37.8 Celsius."),
        ("minus 40 celsius in fahrenheit", "minus 40 degrees Celsius is minus 40 Fahrenheit."),
    ],
)
def test_it_does_sums_and_says_them_again(heard: str, said: str) -> None:
    assert compose(heard) == said


@pytest.mark.parametrize(
    ("heard", "after_s", "rings"),
    [
        ("Set a timer for ten minutes.", 600, "Your timer for 10 minutes is over."),
        ("start a 5 minute timer", 300, "Your timer for 5 minutes is over."),
        ("timer for 30 seconds", 30, "Your timer for 30 seconds is over."),
        ("timer for an hour and a half", 5400, "Your timer for 1 hour and 30 minutes is over."),
        ("a timer for half an hour", 1800, "Your timer for 30 minutes is over."),
        ("set a timer for 1 hour and 20 minutes", 4800, "for 1 hour and 20 minutes is over."),
        ("set a timer for a quarter of an hour", 900, "Your timer for 15 minutes is over."),
        ("wake me up in 20 minutes", 1200, "Your timer for 20 minutes is over."),
        ("Set an alarm for 7:30 p.m.", 2 * 3600 + 37 * 60 + 50, "It is 7:30 PM."),
        ("wake me at six", 3600 + 7 * 60 + 50, "It is 6 PM."),
        ("set an alarm for 7 in the morning", 14 * 3600 + 7 * 60 + 50, "It is 7 AM."),
        ("remind me in ten minutes to call my mother", 600, "reminder to call your mother."),
        ("remind me to take out the bread in half an hour", 1800, "reminder to take out the bread"),
        ("remind me at 8 pm to go to bed", 3 * 3600 + 7 * 60 + 50, "reminder to go to bed."),
        ("Remind me about the meeting at 5", 7 * 60 + 50, "reminder about the meeting."),
    ],
)
def test_it_sets_timers_alarms_and_reminders(heard: str, after_s: float, rings: str) -> None:
    answered = full_answer(heard)
    assert "as long as we are connected." in answered.text
    (wish,) = answered.wishes
    assert isinstance(wish, SayLater)
    assert wish.after_s == after_s
    assert rings in wish.text


@pytest.mark.parametrize(
    ("heard", "begins"),
    [
        ("set a timer", "For how long?"),
        ("remind me to breathe", "When?"),
        ("set a timer for 90 hours", "I can set a timer for anything from"),
        ("set an alarm for 37 o'clock", "For how long?"),
    ],
)
def test_of_a_timer_that_cannot_be_it_asks_and_sets_none(heard: str, begins: str) -> None:
    answered = full_answer(heard)
    assert answered.text.startswith(begins)
    assert not answered.wishes


def test_how_much_time_is_left_is_known_from_the_conversation() -> None:
    asked = "set a timer for ten minutes"
    set_ = compose(asked)
    left = "how much time is left"
    assert compose(asked, set_, left) == "About 10 minutes."
    assert compose(asked, set_, left, now=NOW + timedelta(minutes=7)) == "About 3 minutes."
    over = compose(asked, set_, left, now=NOW + timedelta(minutes=10, seconds=5))
    assert over.startswith("It should ring any moment")
    assert compose("and now", "Well.", left) == "I know of no timer that is running."
    stopped = full_answer(asked, set_, "cancel the timer")
    assert stopped.wishes == (ForgetLater(),)
    assert compose(asked, set_, "stop", stopped.text, left).startswith("I know of no timer")
    soon = compose("a timer for 20 seconds")
    assert "less than two minutes" in compose("a timer for 20 seconds", soon, left)


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("hello", "Hello. How can I help?"),
        ("Good morning, computer!", "Hello. How can I help?"),
        ("thank you very much", "You are welcome. Is there anything else?"),
        ("okay thanks", "You are welcome. Is there anything else?"),
        ("Goodbye.", "Goodbye. It was good to talk."),
        ("tell me a long story", STORY),
        ("How do I connect a model?", CONNECT),
        ("How can I connect a language model?", CONNECT),
        ("What can you do?", HELP),
        ("Who are you?", HELP),
        ("help", HELP),
        ("Can you hear me?", "Yes, I hear you."),
        ("testing one two three", "Yes, I hear you."),
        ("stop", "All right."),
        ("count to three", "Here I go. One. Two. Three."),
        ("count down from two", "Here I go. Two. One. Zero."),
        ("Spell necessary.", "Necessary: N, E, C, E, S, S, A, R, Y."),
        ("How do you spell rhythm?", "Rhythm: R, H, Y, T, H, M."),
        ("How is Thursday spelled?", "Thursday: T, H, U, R, S, D, A, Y."),
        ("", NOT_HEARD),
        ("...", NOT_HEARD),
    ],
)
def test_what_is_heard_decides_what_is_said(heard: str, said: str) -> None:
    assert compose(heard) == said


@pytest.mark.parametrize(
    "heard",
    [
        "What's the weather like?",
        "What time is it in Germany?",
        "what time does the train leave",
        "what day does the shop open",
        "today is a good day to die",
        "hi is what she said to me yesterday",
        "we said goodbye at the station",
        "I hate my alarm clock",
        "go forward ten meters",
        "how long is the river",
        "repeat after me hello",
        "I would like a table for two at seven",
        "count me in",
        "who invented the square root",
        "2026 was a good year",
    ],
)
def test_what_no_rule_knows_is_said_plainly_and_at_length_only_once(heard: str) -> None:
    assert compose(heard) == NO_MODEL
    assert compose("what is love", NO_MODEL, heard) == STILL_NO_MODEL


def test_jokes_and_coins_are_by_chance() -> None:
    told = {full_answer("tell me a joke", seed=seed).text for seed in range(40)}
    assert told == set(JOKES)
    coins = {full_answer("flip a coin", seed=seed).text for seed in range(20)}
    assert coins == {"Heads.", "Tails."}
    drawn = {full_answer("a number between one and three", seed=seed).text for seed in range(40)}
    assert drawn == {"1.", "2.", "3."}


@pytest.mark.parametrize("heard", ["count to a hundred", "count to 5000"])
def test_it_counts_to_a_hundred_and_no_further(heard: str) -> None:
    said = compose(heard)
    assert said.endswith("Ninety nine. 100.")
    assert said.count(".") == 101


def test_it_remembers_what_the_user_said_before() -> None:
    assert compose("red roses.", "Nice.", "what did I say?") == "You said: red roses."
    assert compose("what did I just say") == "Nothing before that."


@pytest.mark.parametrize("heard", ["repeat that", "say that again please", "what did you say"])
def test_it_repeats_its_last_answer(heard: str) -> None:
    assert compose("one", "First.", "two", "Second.", heard) == "Second."
    assert compose(heard) == "I have not said anything yet."


def test_it_says_its_last_answer_a_few_words_at_a_time() -> None:
    said = "Today is Saturday, November 28th, 2026."
    slowly = "Today is Saturday. November 28th, 2026."
    assert compose("what day is it", said, "slower please") == slowly
    assert compose("can you say that slowly") == "I have not said anything yet."


def test_without_a_user_there_is_nothing_to_catch() -> None:
    assert answer(asked_of([], NOW, random.Random())).text == NOT_HEARD


@pytest.mark.parametrize(
    "heard", ["hello", "tell me a story", "count to nine", "thanks", "a timer for 5 minutes"]
)
def test_the_first_sentence_is_short(heard: str) -> None:
    first, *_ = re.split(r"(?<=[.?!]) ", compose(heard))
    assert len(first) <= 40


async def test_words_come_one_by_one_at_a_steady_pace(
    autojump_clock: trio.testing.MockClock,
) -> None:
    responder: Responder = LocalResponder()
    begun, heard = trio.current_time(), []
    async with responder.reply(talk("hello")) as reply:
        async for token in reply:
            heard.append((token, round(trio.current_time() - begun, 6)))
    words = ["Hello.", " How", " can", " I", " help?"]
    assert heard == [(word, round(n * WORD_INTERVAL_S, 6)) for n, word in enumerate(words)]


async def test_wishes_come_with_the_words(autojump_clock: trio.testing.MockClock) -> None:
    async with LocalResponder(clock=lambda: NOW).reply(talk("timer for ten seconds")) as reply:
        tokens = [token async for token in reply]
    assert [token for token in tokens if isinstance(token, SayLater)] == [
        SayLater(text="Ring, ring. Your timer for 10 seconds is over.", after_s=10)
    ]


async def test_the_pace_can_be_chosen(autojump_clock: trio.testing.MockClock) -> None:
    begun = trio.current_time()
    async with LocalResponder(word_interval_s=2.0).reply(talk("hello")) as reply:
        assert [token async for token in reply][-1] == " help?"
    assert trio.current_time() - begun == 8.0


async def test_a_reply_can_be_left_at_any_word(autojump_clock: trio.testing.MockClock) -> None:
    with trio.move_on_after(1.05) as scope:
        async with LocalResponder(word_interval_s=0.1).reply(talk("tell me a story")) as reply:
            heard = []
            async for token in reply:
                heard.append(token)
    assert scope.cancelled_caught
    assert len(heard) == 11
    async with LocalResponder().reply(talk("hello")) as reply:
        assert await anext(reply) == "Hello."
