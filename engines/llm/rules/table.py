"""The rules in their order, and what is said where none has an answer."""

from __future__ import annotations

from . import arithmetic, clock, talk, timers, units
from .rule import Answer, Asked, Rule

NOT_HEARD = "I did not catch that. Please say it again."

NO_MODEL = (
    "I do not know that: no language model is connected. "
    "I can tell the time, do sums, or set a timer. Say help to hear what else."
)
"""Said once in a conversation, as far as it is remembered."""

BEGINS = NO_MODEL.partition(".")[0]
"""By which it is known that it was said. Both are short up to the colon: that is heard first, while
the rest is made."""

STILL_NO_MODEL = "I do not know that: I have no language model."

RULES: tuple[Rule, ...] = (
    talk.repeat,
    talk.slower,
    talk.recall,
    timers.stop_timers,
    timers.time_left,
    timers.remind,
    timers.set_timer,
    clock.time,
    clock.date,
    talk.count,
    arithmetic.sums,
    units.conversions,
    talk.spell,
    talk.coin,
    *talk.SMALL_TALK,
)
"""The first that has an answer gives it."""


def answer(asked: Asked) -> Answer:
    """What is said to this. It starts short: the first audio waits for that."""
    if not asked.words:
        return Answer(NOT_HEARD)
    for rule in RULES:
        found = rule(asked)
        if found is not None:
            return found if isinstance(found, Answer) else Answer(found)
    told = any(said.startswith(BEGINS) for said in asked.said_by("assistant"))
    return Answer(STILL_NO_MODEL if told else NO_MODEL)
