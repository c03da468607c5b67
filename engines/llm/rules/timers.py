"""Timers, alarms and reminders that ring in the call in which they were asked for.

What is set is known from the conversation alone: a rule keeps nothing. So the answer that sets a
timer says when it rings, and "how much time is left" is answered from that.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ....conversation.later import ForgetLater, SayLater
from .clock import spoken_time
from .rule import Answer, Asked

LONGEST = timedelta(hours=24)
WHILE_CONNECTED = "as long as we are connected."
SOON = timedelta(minutes=2)
"""Of a timer so short nobody wants to know the time at which it rings."""

_UNIT = {"second": 1, "minute": 60, "hour": 3600}
_AMOUNT = r"\d+(?:\.\d+)?|half an?|a quarter of an|3 quarters of an|a couple of|an?"
_PIECE = re.compile(
    rf"\b(?P<amount>{_AMOUNT})(?P<half> and a half)? (?P<unit>second|minute|hour)s?\b"
    r"(?P<half_behind> and a half)?"
)
_AMOUNTS = {
    "a": 1.0,
    "an": 1.0,
    "half a": 0.5,
    "half an": 0.5,
    "a quarter of an": 0.25,
    "3 quarters of an": 0.75,
    "a couple of": 2.0,
}

_SET = re.compile(r"\b(timer|alarm|countdown)\b|\bwake me( up)? (in|at)\b")
_ASKS_FOR_ONE = re.compile(r"\b(set|start|make|create|give me|need|want|would like)\b")
_REMIND = re.compile(r"\bremind me\b(?P<rest>.*)")
_CLOCK = re.compile(
    r"\b(?:alarm|timer|wake me up|wake me|remind me)\b.*?\b(?:for|at|until)\b "
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?(?: o'clock)?(?: in the)?"
    r"(?: (?P<half>am|pm|morning|afternoon|evening))?(?: (?:tomorrow|today|tonight|please))*"
    r"(?= to\b|$)"
)
_CLOCK_WORDS = re.compile(
    r"\b(at|for|until) \d[\d:]*( o'clock)?( in the)?( (am|pm|morning|afternoon|evening))?\b"
    r"|\b(please|tomorrow|today|tonight)\b"
)
_STOP = re.compile(
    r"\b(cancel|stop|delete|clear|turn off|end|forget)\b.*\b(timers?|alarms?|reminders?)\b"
)
_LEFT = re.compile(
    r"\bhow (much time|much longer|long|many minutes)\b.*\b(left|remain\w*|timer|alarm|go|rings?)\b"
    r"|\b(timer|alarm)\b.*\b(left|status)\b|\bwhen does (the|my) (timer|alarm) \w+"
)
_RINGS_AT = re.compile(r"(?:rings|remind you) at (\d{1,2})(?::(\d\d))? (AM|PM)")
_FROM_NOW = "from now"

_YOURS = {"my": "your", "me": "you", "i": "you", "i'm": "you're", "mine": "yours", "am": "are"}


def set_timer(asked: Asked) -> Answer | str | None:
    """Timers and alarms."""
    if not _SET.search(asked.figures):
        return None
    if _STOP.search(asked.figures) or _LEFT.search(asked.figures):
        return None
    if (after := _duration(asked.figures)) is not None:
        if not timedelta(seconds=1) <= after <= LONGEST:
            return "I can set a timer for anything from a second to a day."
        lasts = _spoken_duration(after)
        at = asked.moment + after
        wish = SayLater(text=f"Ring, ring. Your timer for {lasts} is over.", after_s=_s(after))
        rings = f", {_FROM_NOW}" if after < SOON else f". It rings at {spoken_time(at)}"
        return Answer(f"A timer for {lasts}{rings}, {WHILE_CONNECTED}", (wish,))
    if (at_time := _clock_time(asked)) is not None:
        told = spoken_time(at_time)
        wish = SayLater(text=f"Ring, ring. It is {told}.", after_s=_s(at_time - asked.moment))
        return Answer(f"All right. It rings at {told}, {WHILE_CONNECTED}", (wish,))
    if _ASKS_FOR_ONE.search(asked.figures) is None:
        return None
    return "For how long? Say, for instance: set a timer for five minutes."


def remind(asked: Asked) -> Answer | str | None:
    found = _REMIND.search(asked.figures)
    if found is None or _STOP.search(asked.figures):
        return None
    after = _duration(asked.figures)
    at = _clock_time(asked) if after is None else asked.moment + after
    if at is None or not timedelta(seconds=1) <= at - asked.moment <= LONGEST:
        return "When? Say, for instance: remind me in ten minutes to call Anna."
    of_what = _what(found["rest"])
    told = spoken_time(at)
    wish = SayLater(text=f"Here is your reminder{of_what}.", after_s=_s(at - asked.moment))
    return Answer(f"I will remind you at {told}, {WHILE_CONNECTED}", (wish,))


def stop_timers(asked: Asked) -> Answer | None:
    """All of them: which one is meant is a guess."""
    if not _STOP.search(asked.figures):
        return None
    return Answer("All right, nothing will ring.", (ForgetLater(),))


def time_left(asked: Asked) -> str | None:
    if not _LEFT.search(asked.figures):
        return None
    for said in reversed(asked.said_by("assistant")):
        if "nothing will ring" in said:
            break
        if said.startswith("A timer for") and _FROM_NOW in said:
            return "That one rings in less than two minutes, if it has not rung already."
        if found := _RINGS_AT.search(said):
            at = _next(
                asked.moment, int(found[1]) % 12 + 12 * (found[3] == "PM"), int(found[2] or 0)
            )
            if at - asked.moment > LONGEST / 2 + timedelta(hours=11, minutes=30):
                return "It should ring any moment, if it has not rung already."
            return f"About {_spoken_duration(_whole_minutes(at - asked.moment))}."
    return "I know of no timer that is running."


def _duration(figures: str) -> timedelta | None:
    """All the pieces together: "1 hour and 20 minutes"; None where there is none."""
    seconds = 0.0
    for found in _PIECE.finditer(figures):
        amount = found["amount"]
        size = _AMOUNTS[amount] if amount in _AMOUNTS else float(amount)
        if found["half"] or found["half_behind"]:
            size += 0.5
        seconds += size * _UNIT[found["unit"]]
    return timedelta(seconds=seconds) if seconds else None


def _clock_time(asked: Asked) -> datetime | None:
    found = _CLOCK.search(asked.figures)
    if found is None:
        return None
    hour, minute, half = int(found["hour"]), int(found["minute"] or 0), found["half"]
    if hour > 23 or minute > 59:
        return None
    if half in ("pm", "afternoon", "evening") and hour < 12:
        hour += 12
    elif half in ("am", "morning") and hour == 12:
        hour = 0
    at = _next(asked.moment, hour, minute)
    if half is None and 0 < hour <= 12 and "tomorrow" not in asked.figures:
        at = min(at, _next(asked.moment, (hour + 12) % 24, minute))  # whichever comes first
    return at


def _next(now: datetime, hour: int, minute: int) -> datetime:
    at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return at if at > now else at + timedelta(days=1)


def _what(rest: str) -> str:
    """ " to call Anna" out of " in 10 minutes to call anna", as the person is to hear it."""
    without = _CLOCK_WORDS.sub("", rest)
    without = _PIECE.sub("", re.sub(r"\b(in|for|after) (?=\d|an? |half )", "", without))
    words = [_YOURS.get(word, word) for word in without.split()]
    while words and words[0] in ("and", "in", "at"):
        words.pop(0)
    if not words:
        return ""
    if words[0] in ("to", "of", "about", "that"):
        return f" {' '.join(words)}" if words[0] != "of" else f": {' '.join(words[1:])}"
    return f": {' '.join(words)}"


def _s(span: timedelta) -> float:
    return span.total_seconds()


def _whole_minutes(span: timedelta) -> timedelta:
    return timedelta(minutes=max(1, round(_s(span) / 60)))


def _spoken_duration(span: timedelta) -> str:
    """ "1 hour and 20 minutes"."""
    left = round(_s(span))
    pieces = []
    for unit, size in (("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count:
            pieces.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return " and ".join(pieces) if len(pieces) < 3 else f"{pieces[0]}, {' and '.join(pieces[1:])}"
