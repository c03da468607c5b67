"""A quiz that plain code conducts: no language model answers, the code asks and listens.

    parley serve --agent examples/agents/quiz.py

`call.ask` says a question and gives what the person says next; everything between two questions is
ordinary Python. Where the person hangs up, the code is cancelled in the middle of its `await`.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from parley.agent import Agent, Call

QUESTIONS = {
    "Which is the largest ocean?": ("pacific",),
    "How many legs does a spider have?": ("eight", "8"),
    "Which planet is closest to the sun?": ("mercury",),
    "What do bees make?": ("honey", "wax"),
    "Which metal is liquid at room temperature?": ("mercury", "quicksilver"),
    "How many sides does a triangle have?": ("three", "3"),
}
ROUNDS = 3
SILENCE_S = 10


@dataclass
class Score:
    """What one call remembers. Each call has its own."""

    asked: int = 0
    right: int = 0


quiz = Agent(
    name="quiz",
    model=False,
    greeting="Welcome to the quiz! I have three questions for you.",
    state=Score,
)


@quiz.on_call
async def play(call: Call[Score]) -> None:
    for question, answers in random.sample(sorted(QUESTIONS.items()), ROUNDS):
        said = await call.ask(question, timeout_s=SILENCE_S)
        call.state.asked += 1
        if said is None:
            await call.say(f"Time is up. It is {answers[0]}.")
        elif is_right(said, answers):
            call.state.right += 1
            await call.say("That is right!")
        else:
            await call.say(f"No, it is {answers[0]}.")
    await call.end(f"You had {call.state.right} of {call.state.asked} right. Goodbye!")


def is_right(said: str, answers: tuple[str, ...]) -> bool:
    """Whether one of the answers is among the words."""
    return not set(answers).isdisjoint(re.findall(r"\w+", said.lower()))
