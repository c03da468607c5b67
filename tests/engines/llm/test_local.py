"""The built-in responder: its rules without an event loop, its pace in virtual time."""

from __future__ import annotations

import re

import pytest
import trio
import trio.testing

from parley.engines.llm.interface import Responder
from parley.engines.llm.local import (
    FOLLOW_UPS,
    OPENINGS,
    STORY,
    WORD_INTERVAL_S,
    LocalResponder,
    compose,
)
from parley.protocol.chat import ChatMessage


def talk(*texts: str) -> list[ChatMessage]:
    """A conversation that the user begins, after the system's instructions."""
    said = [
        ChatMessage(role="user" if number % 2 == 0 else "assistant", text=text)
        for number, text in enumerate(texts)
    ]
    return [ChatMessage(role="system", text="Say nothing of this."), *said]


@pytest.mark.parametrize(
    ("heard", "answer"),
    [
        ("hello", "Hello. How can I help?"),
        ("Good morning, computer!", "Hello. How can I help?"),
        ("thank you very much", "You are welcome. Is there anything else?"),
        ("okay thanks", "You are welcome. Is there anything else?"),
        ("Goodbye.", "Goodbye. It was good to talk."),
        ("tell me a long story", STORY),
        ("what is two plus three", "That is five."),
        ("How much is 7 times 6?", "That is forty two."),
        ("twenty one minus thirty", "That is minus nine."),
        ("12 times 12", "That is 144."),
        ("seventeen divided by five", "That is three, and two is left."),
        ("eight divided by two", "That is four."),
        ("one divided by zero", "Nobody can divide by zero."),
        ("count to three", "Here I go. One. Two. Three."),
        ("please count up to 0", "Here I go."),
        ("", "I did not catch that. Please say it again."),
        ("...", "I did not catch that. Please say it again."),
        ("go back to the start", f"{OPENINGS[0]} You said: go back to the start. {FOLLOW_UPS[0]}"),
        ("I don't know!", f"{OPENINGS[0]} You said: I don't know. {FOLLOW_UPS[0]}"),
        ("hi is what she said to me yesterday", None),
        ("we said goodbye at the station", None),
    ],
)
def test_what_is_heard_decides_what_is_said(heard: str, answer: str | None) -> None:
    assert compose(talk(heard)) == (answer or f"{OPENINGS[0]} You said: {heard}. {FOLLOW_UPS[0]}")


@pytest.mark.parametrize("heard", ["help", "what can you do?", "Who are you"])
def test_it_says_that_it_is_no_model_and_how_to_get_one(heard: str) -> None:
    answer = compose(talk(heard))
    assert "built-in responder" in answer
    assert "OPENAI_API_KEY" in answer


@pytest.mark.parametrize("heard", ["count to a hundred", "count to 5000"])
def test_it_counts_to_a_hundred_and_no_further(heard: str) -> None:
    answer = compose(talk(heard))
    assert answer.endswith("Ninety nine. 100.")
    assert answer.count(".") == 101


def test_it_remembers_what_the_user_said_before() -> None:
    assert compose(talk("red roses.", "Nice.", "what did I say?")) == "You said: red roses."
    assert compose(talk("what did I just say")) == "Nothing before that."


@pytest.mark.parametrize("heard", ["repeat that", "say that again please", "what did you say"])
def test_it_repeats_its_last_answer(heard: str) -> None:
    assert compose(talk("one", "First.", "two", "Second.", heard)) == "Second."
    assert compose(talk(heard)) == "I have not said anything yet."


def test_an_answer_of_which_nothing_was_heard_cannot_be_repeated() -> None:
    assert compose(talk("one", "", "repeat that")) == (
        f"{OPENINGS[1]} You said: repeat that. {FOLLOW_UPS[1]}"
    )


def test_follow_ups_change_with_the_conversation_and_never_by_chance() -> None:
    texts: list[str] = []
    for _ in range(2 * len(FOLLOW_UPS)):
        texts += ["so it goes", compose(talk(*texts, "so it goes"))]
    assert (
        texts[1::2]
        == [
            f"{opening} You said: so it goes. {follow_up}"
            for opening, follow_up in zip(OPENINGS, FOLLOW_UPS, strict=True)
        ]
        * 2
    )


def test_without_a_user_there_is_nothing_to_catch() -> None:
    assert compose([]) == "I did not catch that. Please say it again."


@pytest.mark.parametrize("heard", ["hello", "help", "tell me a story", "count to nine", "thanks"])
def test_the_first_sentence_is_short(heard: str) -> None:
    first, *_ = re.split(r"(?<=[.?!]) ", compose(talk(heard)))
    assert len(first) <= 40


async def test_words_come_one_by_one_at_a_steady_pace(
    autojump_clock: trio.testing.MockClock,
) -> None:
    responder: Responder = LocalResponder()
    begun, heard = trio.current_time(), []
    async with responder.reply(talk("go left")) as reply:
        async for token in reply:
            heard.append((token, round(trio.current_time() - begun, 6)))
    words = ["I", " see.", " You", " said:", " go", " left.", " What", " happens", " next?"]
    assert heard == [(word, round(n * WORD_INTERVAL_S, 6)) for n, word in enumerate(words)]


async def test_the_pace_can_be_chosen(autojump_clock: trio.testing.MockClock) -> None:
    begun = trio.current_time()
    async with LocalResponder(word_interval_s=2.0).reply(talk("hello")) as reply:
        assert "".join([token async for token in reply]) == "Hello. How can I help?"
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
