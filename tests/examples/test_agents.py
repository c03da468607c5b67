"""The examples of agents, called without sound and under virtual time."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from parley.agent import Agent, load_agents
from parley.engines.failures import EngineFailure
from parley.protocol.tool_calls import Outcome
from parley.testing import ScriptedModel, calls, talk_to
from parley.testing.agents import CallerOfTest

AGENTS = Path(__file__).parents[2] / "examples/agents"
ANSWER = "I would ask a colleague"


def load(name: str) -> dict[str, Agent[Any]]:
    return {agent.name: agent for agent in load_agents(str(AGENTS / name))}


# The receptionist


async def test_the_receptionist_takes_an_order_and_looks_it_up(autojump_clock: object) -> None:
    receptionist = load("receptionist.py")["receptionist"]
    model = ScriptedModel(
        [
            calls("take_order", flower="roses", stems=12),
            "It is order 101.",
            calls("look_up_order", number=101),
            "Twelve roses.",
        ]
    )
    async with talk_to(receptionist, model=model, query={"name": "Ann"}) as caller:
        assert await caller.hears() == "Flower shop, hello Ann!"
        assert await caller.says("twelve roses please") == "It is order 101."
        assert await caller.says("what did I order?") == "Twelve roses."
        assert [used.output for used in caller.tools] == ["order 101: 12 roses", "12 roses"]


async def test_the_receptionist_refuses_a_hundred_stems(autojump_clock: object) -> None:
    receptionist = load("receptionist.py")["receptionist"]
    model = ScriptedModel([calls("take_order", flower="roses", stems=100), "That is too many."])
    async with talk_to(receptionist, model=model) as caller:
        await caller.hears()
        assert await caller.says("a hundred roses") == "That is too many."
        assert caller.tools[0].outcome is Outcome.FAILED


async def test_the_receptionist_hands_over_to_the_florist_who_puts_through(
    autojump_clock: object,
) -> None:
    agents = load("receptionist.py")
    model = ScriptedModel(
        [calls("ask_florist"), "Florist here.", calls("put_through"), "I put you through."]
    )
    async with talk_to(agents["receptionist"], model=model) as caller:
        await caller.hears()
        assert await caller.says("how often do I water them?") == "Florist here."
        assert caller.agent == "florist"
        assert "You are the florist" in caller.instructions
        assert await caller.says("I want a person") == "I put you through."
        assert "+15550100" in str(caller.ended)


# The quiz


async def test_the_quiz_counts_right_answers_and_ends_the_call(autojump_clock: object) -> None:
    quiz = load("quiz.py")["quiz"]
    async with talk_to(quiz, model=None) as caller:
        assert await caller.hears() == "Welcome to the quiz! I have three questions for you."
        await caller.hears()
        assert await caller.says("all of them: pacific eight mercury honey three") == (
            "That is right!"
        )
        await caller.hears()
        assert (await caller.says("no idea")).startswith("No, it is ")
        await caller.hears()
        assert (await caller.hears()).startswith("Time is up. It is ")
        assert await caller.hears() == "You had 1 of 3 right. Goodbye!"
        assert caller.ended is not None


# The viva


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIVA_DB", str(tmp_path / "viva.sqlite"))
    return tmp_path / "viva.sqlite"


def examiner() -> Agent[Any]:
    return load("viva/examiner.py")["examiner"]


def rows(database: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


ANN = {"candidate": "ann", "college": "wexcombe"}


async def begin(caller: CallerOfTest) -> str:
    """Up to the first question, which is given."""
    assert await caller.hears() == "Welcome to the viva."
    assert "with three questions." in await caller.hears()
    return await caller.hears()


async def test_an_exam_is_marked_by_words_and_kept(autojump_clock: object, database: Path) -> None:
    async with talk_to(examiner(), model=None, query=ANN) as caller:
        assert (await begin(caller)).startswith("Question 1. ")
        for number in (2, 3):
            assert (await caller.says(ANSWER)).startswith("0 out of 10.")
            assert (await caller.hears()).startswith(f"Question {number}. ")
        await caller.says("I don't know")
        assert "You have 0 of 30 points." in await caller.hears()
        assert caller.ended is not None
    assert rows(database, "select candidate, score, over is not null from exams") == [("ann", 0, 1)]
    assert rows(database, "select number, answer, marked_by from questions") == [
        (1, ANSWER, "words"),
        (2, ANSWER, "words"),
        (3, "", "rule"),
    ]


async def test_a_model_marks_where_there_is_one_and_its_nonsense_is_not_taken(
    autojump_clock: object, database: Path
) -> None:
    model = ScriptedModel(
        [
            '{"score": 8, "feedback": "Well seen."}',
            "I give this a solid twelve!",
            EngineFailure("the model is gone", retryable=False),
        ]
    )
    async with talk_to(examiner(), model=model, query=ANN) as caller:
        await begin(caller)
        assert await caller.says(ANSWER) == "8 out of 10. Well seen."
        await caller.hears()
        assert (await caller.says(ANSWER)).startswith("0 out of 10.")
        await caller.hears()
        await caller.says(ANSWER)
        assert "You have 8 of 30 points." in await caller.hears()
    assert rows(database, "select marked_by from questions") == [("model",), ("words",), ("words",)]


async def test_a_question_is_repeated_and_an_early_answer_counts(
    autojump_clock: object, database: Path
) -> None:
    async with talk_to(examiner(), model=None, query=ANN) as caller:
        question = await begin(caller)
        assert await caller.says("Could you repeat the question please?") == question
        await caller.says(ANSWER)
        await caller.interrupts(ANSWER, after_s=0.5)  # in the middle of the second question
        await caller.says("stop the exam")
    assert rows(database, "select answer from questions where number = 2") == [(ANSWER,)]


async def test_an_exam_goes_on_after_a_lost_connection(
    autojump_clock: object, database: Path
) -> None:
    async with talk_to(examiner(), model=None, query=ANN) as caller:
        await begin(caller)
        await caller.says(ANSWER)
        second = await caller.hears()
    async with talk_to(examiner(), model=None, query=ANN) as caller:
        await caller.hears()
        assert (await caller.hears()).startswith("We go on with your exam.")
        assert await caller.hears() == second
        await caller.says(ANSWER)
        await caller.hears()
        await caller.says(ANSWER)
        await caller.hears()
    assert rows(database, "select count(*) from exams") == [(1,)]
    assert rows(database, "select answer from questions") == [(ANSWER,)] * 3


async def test_two_candidates_are_examined_at_once(autojump_clock: object, database: Path) -> None:
    async def exam(candidate: str, college: str) -> None:
        query = {"candidate": candidate, "college": college}
        async with talk_to(examiner(), model=None, query=query) as caller:
            await begin(caller)
            for _ in range(3):
                await caller.says(f"{ANSWER} {candidate}")
                await caller.hears()

    async with talk_to(examiner(), model=None, query=ANN) as caller:
        await begin(caller)
        await exam("ben", "wexcombe")
        await caller.says(ANSWER)
    assert rows(database, "select candidate, over is not null from exams order by candidate") == [
        ("ann", 0),
        ("ben", 1),
    ]


async def test_who_says_no_name_and_no_college_is_asked(
    autojump_clock: object, database: Path
) -> None:
    async with talk_to(examiner(), model=None) as caller:
        await caller.hears()
        assert await caller.hears() == "Under which name do I keep it?"
        assert (await caller.says("Ann Smith.")).startswith("Which college examines you?")
        assert "Wexcombe College of Medicine" in await caller.says("medicine, I think")
    assert rows(database, "select candidate from exams") == [("ann smith",)]


async def test_an_answer_whose_mark_was_cut_off_is_marked_and_not_asked_again(
    autojump_clock: object, database: Path
) -> None:
    slow = ScriptedModel([[5.0, '{"score": 9, "feedback": "Never heard."}']])
    async with talk_to(examiner(), model=slow, query=ANN) as caller:
        await begin(caller)
        await caller.starts_saying(ANSWER)
        await caller.waits(1.0)
        await caller.hangs_up()
    assert rows(database, "select answer, score from questions where number = 1") == [
        (ANSWER, None)
    ]
    async with talk_to(examiner(), model=None, query=ANN) as caller:
        await caller.hears()
        await caller.hears()
        assert (await caller.hears()).startswith("0 out of 10.")
        assert (await caller.hears()).startswith("Question 2. ")


async def test_a_model_that_takes_too_long_does_not_mark(
    autojump_clock: object, database: Path
) -> None:
    slow = ScriptedModel([[9.0, '{"score": 9, "feedback": "Too late."}']])
    async with talk_to(examiner(), model=slow, query=ANN) as caller:
        await begin(caller)
        assert (await caller.says(ANSWER)).startswith("0 out of 10.")
    assert rows(database, "select marked_by from questions where number = 1") == [("words",)]


async def test_a_silent_candidate_is_told_how_to_go_on_and_the_exam_stays_open(
    autojump_clock: object, database: Path
) -> None:
    async with talk_to(examiner(), model=None, query=ANN) as caller:
        await begin(caller)
        assert (await caller.hears()).startswith("Take your time.")
        assert "Your exam stays open." in await caller.hears()
        assert caller.ended is not None
    assert rows(database, "select over, score from exams") == [(None, None)]


async def test_whoever_interrupts_the_feedback_may_stop_the_exam(
    autojump_clock: object, database: Path
) -> None:
    async with talk_to(examiner(), model=None, query=ANN) as caller:
        await begin(caller)
        await caller.starts_saying(ANSWER)
        said = await caller.interrupts("Stop the exam, please.", after_s=0.5)
        assert said.startswith("Then we stop here. Your exam stays open.")
        assert caller.ended is not None
    assert rows(database, "select answer from questions where number = 2") == [(None,)]


async def test_words_over_the_feedback_are_no_answer_to_the_next_question(
    autojump_clock: object, database: Path
) -> None:
    async with talk_to(examiner(), model=None, query=ANN) as caller:
        await begin(caller)
        await caller.starts_saying(ANSWER)
        said = await caller.interrupts("But I knew that.", after_s=0.5)
        assert said.startswith("Question 2. ")
    assert rows(database, "select answer from questions where number = 2") == [(None,)]


async def test_four_exams_of_a_candidate_have_four_scenarios(
    autojump_clock: object, database: Path
) -> None:
    for _ in range(4):
        async with talk_to(examiner(), model=None, query=ANN) as caller:
            await begin(caller)
            for _ in range(3):
                await caller.says("skip")
                await caller.hears()
    assert rows(database, "select count(distinct scenario), count(over) from exams") == [(4, 4)]
