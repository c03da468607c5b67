"""Where phrases end, and the actor that ends them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from parley.actors.messages import EndOfReply, Phrase, TextPiece
from parley.actors.phraser import PhraserActor, PhraseSplitter


def phrases(tokens: list[str], max_chars: int = 60) -> list[str]:
    splitter = PhraseSplitter(max_chars=max_chars)
    found = [phrase.text for token in tokens for phrase in splitter.push(token)]
    return found + [phrase.text for phrase in splitter.flush()]


@pytest.mark.parametrize("end", [".", "?", "!"])
def test_a_token_that_ends_in_a_sentence_mark_ends_the_phrase(end: str) -> None:
    assert phrases(["Hello", " there" + end, " And", " more"]) == [f"Hello there{end}", "And more"]


def test_a_mark_inside_a_token_does_not_end_it() -> None:
    assert phrases(["version", " 3.11", " is", " out."]) == ["version 3.11 is out."]


def test_sixty_characters_end_it_between_two_words() -> None:
    tokens = [" word"] * 20
    found = phrases(tokens)
    assert " ".join(found) == " ".join(["word"] * 20)
    assert all(len(phrase) <= 60 for phrase in found)
    assert len(found[0]) > 50


def test_a_word_that_is_longer_than_a_phrase_is_cut() -> None:
    assert phrases(["x" * 130]) == ["x" * 60, "x" * 60, "x" * 10]


def test_a_whole_reply_in_one_token_is_cut_into_phrases() -> None:
    text = " ".join(["syllable"] * 40)
    found = phrases([text])
    assert " ".join(found) == text
    assert all(len(phrase) <= 60 for phrase in found)


def test_white_space_alone_is_no_phrase() -> None:
    assert phrases([" ", "\n\n", " " * 80]) == []


def test_phrases_are_numbered_from_one() -> None:
    splitter = PhraseSplitter(max_chars=60)
    assert [p.number for p in splitter.push("One.") + splitter.push("Two.")] == [1, 2]


@given(st.lists(st.text(alphabet="ab .?!\n", max_size=30), max_size=40), st.integers(20, 80))
def test_no_letter_is_lost_or_said_twice(tokens: list[str], max_chars: int) -> None:
    found = phrases(tokens, max_chars)
    assert "".join("".join(found).split()) == "".join("".join(tokens).split())
    assert all(0 < len(phrase) <= max_chars for phrase in found)


# The actor


class Pipes:
    def __init__(self, room: int = 100) -> None:
        self.tokens, inbox = trio.open_memory_channel[TextPiece | EndOfReply](100)
        outbox, self.phrases = trio.open_memory_channel[Phrase | EndOfReply](room)
        self.make: Callable[[], PhraserActor] = lambda: PhraserActor(
            inbox=inbox, outbox=outbox, splitter=self.splitter, gap_s=0.7
        )
        self.splitter = PhraseSplitter(max_chars=60)

    async def say(self, *tokens: str) -> None:
        for token in tokens:
            await self.tokens.send(TextPiece(text=token))

    def said(self) -> list[str]:
        found: list[str] = []
        while True:
            try:
                message = self.phrases.receive_nowait()
            except trio.WouldBlock:
                return found
            found.append(message.text if isinstance(message, Phrase) else "END")


async def test_the_end_of_the_reply_ends_the_phrase_and_the_actor(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pipes = Pipes()
    await pipes.say("Good", " day")
    await pipes.tokens.send(EndOfReply())
    await pipes.make().run()
    assert pipes.said() == ["Good day", "END"]


async def test_seven_hundred_ms_without_a_token_end_the_phrase_by_themselves(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pipes = Pipes()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pipes.make().run)
        await pipes.say("Well", " then")
        message = await pipes.phrases.receive()
        assert isinstance(message, Phrase)
        assert message.text == "Well then"
        assert trio.current_time() - began == pytest.approx(0.7)
        nursery.cancel_scope.cancel()


async def test_the_timer_waits_while_there_is_no_text(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pipes = Pipes()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pipes.make().run)
        await trio.sleep(10)
        assert pipes.said() == []
        nursery.cancel_scope.cancel()


async def test_it_waits_while_too_many_phrases_are_pending(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pipes = Pipes(room=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pipes.make().run)
        await pipes.say(*[f"Sentence {n}." for n in range(5)])
        await trio.testing.wait_all_tasks_blocked()
        assert pipes.phrases.statistics().current_buffer_used == 2
        assert pipes.tokens.statistics().current_buffer_used == 2
        await pipes.phrases.receive()
        await trio.testing.wait_all_tasks_blocked()
        assert pipes.tokens.statistics().current_buffer_used == 1
        nursery.cancel_scope.cancel()


async def test_a_closed_inbox_is_the_end_of_the_reply(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pipes = Pipes()
    await pipes.say("Half")
    pipes.tokens.close()
    await pipes.make().run()
    assert pipes.said() == ["Half", "END"]


async def test_a_restart_goes_on_with_the_text_in_hand(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pipes = Pipes()
    await pipes.say("Half a")
    with trio.move_on_after(0.1):
        await pipes.make().run()
    await pipes.say(" phrase.")
    with trio.move_on_after(0.1):
        await pipes.make().run()
    assert pipes.said() == ["Half a phrase."]
