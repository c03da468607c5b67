"""An examiner who asks three questions aloud, hears and marks the answers, and keeps it all.

    parley serve --agent examples/agents/viva/examiner.py:examiner

A candidate calls with `?candidate=ann&college=wexcombe`; what is missing is asked for. Everything
that has happened is in the store, and nothing else says how far an exam is: whoever calls again
after a lost connection goes on with the question that was open.
"""

from __future__ import annotations

import random

import trio
from content import COLLEGES, College, Scenario
from marking import (
    BEST,
    MARKER,
    SKIPPED,
    Mark,
    Wish,
    mark_by_words,
    mark_of_model,
    prompt_for,
    wish,
)
from store import Asked, Exam, Store, open_store

from parley.agent import Agent, Call, EngineFailure, TextHeard

MARKING_S = 8.0
"""How long a model may take for a mark. After that the words of the answer decide."""

WORDS_S = 5.0
"""How long somebody who interrupts may take to say what they want."""

STAYS_OPEN = "Your exam stays open. Call again, and we go on with this question."

examiner = Agent(
    name="examiner",
    model=False,
    greeting="Welcome to the viva.",
    settings={
        # Whoever thinks aloud makes pauses: wait longer than a conversation would.
        "stream_vad_silence_ms": 1500,
        "stream_turn_floor_ms": 800,
        "stream_turn_ceiling_ms": 4000,
        "stream_silence_ask_s": 20,
        "stream_silence_question": "Take your time. Say repeat to hear the question again.",
        "stream_silence_end_s": 40,
        "stream_silence_goodbye": f"I hear nothing. {STAYS_OPEN} Goodbye.",
    },
)


@examiner.on_call
async def examine(call: Call) -> None:
    with open_store() as store:
        candidate = await candidate_of(call)
        exam = await exam_of(call, store, candidate) if candidate else None
        if exam is None or not await ask_all(call, store, exam):
            await call.end(f"Then we stop here. {STAYS_OPEN} Goodbye.", reason="the exam is open")
            return
        score, best = store.finish(exam), BEST * len(store.questions(exam))
        await call.end(f"That was the last question. {summary(score, best)} Goodbye.")


# Before the questions


async def candidate_of(call: Call) -> str:
    """Who is examined; "" where nobody says so."""
    given = call.variables.get("candidate") or await hear(call, "Under which name do I keep it?")
    return " ".join((given or "").lower().split()).strip(".!?")[:64]


async def exam_of(call: Call, store: Store, candidate: str) -> Exam | None:
    """The exam that is open, or a new one; None where the candidate does not want any."""
    exam = store.open_exam(candidate)
    if exam is not None:
        await tell(call, f"We go on with your exam. {exam.story}")
        return exam
    college = COLLEGES.get(call.variables.get("college", "").lower())
    names = ", ".join(college.name for college in COLLEGES.values())
    while college is None:
        said = await hear(call, f"Which college examines you? There are {names}.")
        if not said:
            return None
        college = college_named(said)
    exam = store.begin(candidate, college.key, choose(college, store.taken(candidate, college.key)))
    await tell(call, f"This is an exam of the {college.name}, with three questions. {exam.story}")
    return exam


def college_named(said: str) -> College | None:
    words = said.lower()
    return next((c for c in COLLEGES.values() if any(word in words for word in c.known_by)), None)


def choose(college: College, taken: list[str]) -> Scenario:
    """Any scenario of those that the candidate had least often."""
    fewest = min(taken.count(scenario.key) for scenario in college.scenarios)
    return random.choice([s for s in college.scenarios if taken.count(s.key) == fewest])


# The questions


async def ask_all(call: Call, store: Store, exam: Exam) -> bool:
    """Ask whatever has no mark yet. False where the candidate stops before the end."""
    while (asked := store.next_question(exam)) is not None:
        answer = asked.answer
        if answer is None:
            answer = await hear(call, f"Question {asked.number}. {asked.text}")
            if answer is None:
                return False
            store.answer(exam, asked.number, answer)
        mark = await mark_of(call, asked, answer)
        store.mark(exam, asked.number, mark)
        if not await tell(call, mark.feedback):
            return False
    return True


async def hear(call: Call, question: str) -> str | None:
    """Ask until there is an answer. "" where it is skipped, None where the candidate stops."""
    while True:
        said = await call.ask(question)
        match None if said is None else wish(said):
            case Wish.REPEAT:
                continue
            case Wish.SKIP:
                return ""
            case Wish.STOP:
                return None
        return said


async def tell(call: Call, text: str) -> bool:
    """Say this. Who interrupts may have it repeated, or stop the exam: then False."""
    while True:
        async with call.events() as events:
            said = await call.say(text)
            wanted = None
            if said.interrupted:
                with trio.move_on_after(WORDS_S):
                    async for event in events:
                        if isinstance(event, TextHeard):
                            wanted = wish(event.text)
                            break
        if wanted is not Wish.REPEAT:
            return wanted is not Wish.STOP


async def mark_of(call: Call, asked: Asked, answer: str) -> Mark:
    """By the model, where there is one that writes a mark in time; else by the words."""
    if not answer:
        return SKIPPED
    if call.has_model:
        prompt = prompt_for(asked.text, asked.points, answer)
        try:
            written = await call.complete(prompt, system=MARKER, timeout_s=MARKING_S)
        except (EngineFailure, trio.TooSlowError):
            written = ""
        if mark := mark_of_model(written):
            return mark
    return mark_by_words(asked.points, answer)


def summary(score: int, best: int) -> str:
    judged = "Well done." if score >= 0.7 * best else "Thank you for your answers."
    return f"You have {score} of {best} points. {judged}"
