"""Where phrases end, and the actor that ends them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing
from hypothesis import example, given
from hypothesis import strategies as st

from parley.actors.messages import EndOfReply, TextPiece
from parley.actors.phraser import PhraserActor
from parley.conversation.text.by_tokens import PhraseSplitter
from parley.conversation.text.phrases import Phrase


def phrases(tokens: list[str], max_chars: int = 60, first_chars: int = 0) -> list[str]:
    splitter = PhraseSplitter(max_chars=max_chars, first_chars=first_chars)
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


# The first phrase


def first(*tokens: str) -> list[str]:
    return phrases(list(tokens), first_chars=12)


@pytest.mark.parametrize("mark", [",", ";", ":", "—", "\u2013"])
@pytest.mark.parametrize("cut", ["token", "text"])
def test_a_clause_ends_the_first_phrase(mark: str, cut: str) -> None:
    tokens = ["Well", " of", " course", mark, " I", " can", mark, " and", " I", " will", "."]
    found = first(*(tokens if cut == "token" else ["".join(tokens)]))
    assert found == [f"Well of course{mark}", f"I can{mark} and I will."]


def test_it_ends_with_the_token_that_ends_the_clause() -> None:
    splitter = PhraseSplitter(max_chars=60, first_chars=12)
    assert [splitter.push(token) for token in ("Well", " of", " course")] == [[], [], []]
    assert splitter.push(",") == [Phrase(number=1, text="Well of course,")]


@pytest.mark.parametrize("mark", ["-", "--"])
def test_a_hyphen_is_a_dash_between_white_space_only(mark: str) -> None:
    end = [f"It is quite warm {mark}", "so go out."]
    assert first("It is quite warm", f" {mark}", " so go out.") == end
    assert first(f"It is a well{mark}known fact.") == [f"It is a well{mark}known fact."]
    assert first("It is about", " -", "5 degrees.") == ["It is about -5 degrees."]


@pytest.mark.parametrize(
    "tokens",
    [
        ["It costs about 1,000 dollars."],
        ["It costs about 1", ",", "000 dollars."],
        ["The train is at 10", ":", "30 today."],
        ["The pages there are 10", "\u2013", "20."],
        ["A decision of the EU", ":", "n council."],
        ["Have a look at https", ":", "//example.org."],
        ["Domestic animals e.g., cats."],
        ["The firm is Apples Inc., of course."],
    ],
)
def test_a_mark_within_a_number_or_an_abbreviation_ends_no_clause(tokens: list[str]) -> None:
    assert first(*tokens) == ["".join(tokens)]


def test_a_mark_behind_a_number_ends_it_once_something_else_follows() -> None:
    splitter = PhraseSplitter(max_chars=60, first_chars=12)
    assert splitter.push("It was in 2024,") == []
    assert splitter.push(" I") == [Phrase(number=1, text="It was in 2024,")]


def test_a_clause_that_is_too_short_goes_on_to_the_next() -> None:
    assert first("Yes", ",", " I think so", ",", " but wait.") == ["Yes, I think so,", "but wait."]


def test_a_clause_that_does_not_fit_is_cut_by_the_sixty_characters() -> None:
    tokens = [f"{'word ' * 14}end, and more."]
    assert first(*tokens) == phrases(tokens)


def test_punctuation_alone_is_no_first_phrase() -> None:
    assert first("- ; ; ; , , , , : ", "Hello", ",", " you.") == [
        "- ; ; ; , , , , : Hello,",
        "you.",
    ]


@pytest.mark.parametrize("end", [".", "?", "!"])
def test_the_documented_ends_hold_for_the_first_phrase_too(end: str) -> None:
    assert first("Yes", end, " That is it, I think", end) == [
        f"Yes{end}",
        f"That is it, I think{end}",
    ]


def test_zero_turns_it_off() -> None:
    assert phrases(["Well of course, I can."], first_chars=0) == ["Well of course, I can."]


PIECES = st.sampled_from(
    [
        "a",
        "Word",
        " two",
        ",",
        ", ",
        ";",
        ": ",
        " -",
        " - ",
        "—",
        ".",
        "!",
        " 10",
        ":30",
        "1,000",
        "e.g.",
        "\n",
        " ",
    ]
)


@example(["1" * 38 + " " + "1" * 19 + "::"], 1)
@example([" " * 10 + "a" * 49 + " aaaa, and more"], 1)
@given(
    st.lists(PIECES | st.text(alphabet="ab1 ,.:—-\n", max_size=30), max_size=60), st.integers(1, 40)
)
def test_what_follows_a_first_phrase_is_cut_as_if_the_reply_began_there(
    tokens: list[str], first_chars: int
) -> None:
    found, documented = phrases(tokens, first_chars=first_chars), phrases(tokens)
    assert "".join("".join(found).split()) == "".join("".join(tokens).split())
    if found[:1] == documented[:1]:
        assert found == documented
        return
    early = found[0]
    assert first_chars <= len(early) <= 60
    assert "".join(tokens).lstrip().startswith(early)
    assert any(character.isalnum() for character in early)
    assert early.endswith((",", ";", ":", "—", "\u2013", "-"))
    splitter = PhraseSplitter(max_chars=60, first_chars=first_chars)
    heard = next(n for n, token in enumerate(tokens, 1) if splitter.push(token))
    rest = "".join(tokens[:heard]).lstrip().removeprefix(early)
    assert found[1:] == phrases([rest, *tokens[heard:]])


# The actor


class Pipes:
    def __init__(self, room: int = 100) -> None:
        self.tokens, inbox = trio.open_memory_channel[TextPiece | EndOfReply](100)
        outbox, self.phrases = trio.open_memory_channel[Phrase | EndOfReply](room)
        self.make: Callable[[], PhraserActor] = lambda: PhraserActor(
            inbox=inbox, outbox=outbox, splitter=self.splitter
        )
        self.splitter = PhraseSplitter(max_chars=60, gap_s=0.7)

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
