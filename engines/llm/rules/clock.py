"""The time and the date, here and in a city."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from .rule import Asked

_POLITE = r"( (now|please|right now|it is|is it|at the moment|today|exactly|there|currently))*$"
_TIME = re.compile(
    r"\b((what|which) time is it|what's the time|what is the time|time is it|the time"
    r"|what time it is|what the time is)" + _POLITE
)
_TIME_IN = re.compile(
    r"\b(?:time|what's it|what is it)(?: is it| it is| now| right now)* in "
    r"(?P<city>[a-z' ]+?)" + _POLITE
)
_DATE = re.compile(
    r"\b(what|which|what's|what is)\b.*\b(date|day)\b(.*\b(today|tomorrow|yesterday|it)\b)?"
    + _POLITE
)
_DAYS = {"tomorrow": 1, "yesterday": -1}


def time(asked: Asked) -> str | None:
    if _TIME.search(asked.words):
        return f"It is {spoken_time(asked.moment)}."
    if (found := _TIME_IN.search(asked.words)) and (zone := zone_of(found["city"])):
        there = asked.moment.astimezone(zone)
        days = (there.date() - asked.moment.date()).days
        when = {1: " tomorrow", -1: " yesterday"}.get(days, "")
        return f"In {found['city'].title()} it is {spoken_time(there)}{when}."
    return None


def date(asked: Asked) -> str | None:
    found = _DATE.search(asked.words)
    if found is None or " in " in asked.words:
        return None
    for word, days in _DAYS.items():
        if word in asked.words:
            day = asked.moment + timedelta(days=days)
            return f"{word.capitalize()} {'is' if days > 0 else 'was'} {spoken_date(day)}."
    return f"Today is {spoken_date(asked.moment)}."


def spoken_time(moment: datetime) -> str:
    """As a clock of twelve hours says it: "3:05 PM", "noon"."""
    hour = moment.hour % 12 or 12
    half = "AM" if moment.hour < 12 else "PM"
    return f"{hour}:{moment.minute:02} {half}" if moment.minute else f"{hour} {half}"


def spoken_date(day: datetime) -> str:
    return f"{day:%A}, {day:%B} {day.day}{_ordinal(day.day)}, {day.year}"


def _ordinal(day: int) -> str:
    if day in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


@cache
def _cities() -> dict[str, str]:
    """City to time zone, as far as the machine's table of time zones has cities."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone and "Etc" not in zone)
    return {zone.rsplit("/", 1)[1].replace("_", " ").lower(): zone for zone in zones}


def zone_of(city: str) -> ZoneInfo | None:
    """The time zone of a city that has one of its own; None where this machine knows none."""
    name = _cities().get(city.strip())
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        return None
