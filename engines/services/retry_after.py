"""How long a service wants to be left alone, by the head of its answer.

Sources: RFC 9110, 10.2.3 (seconds or a date); `retry-after-ms`, which OpenAI and Azure send too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

MAX_S = 86_400.0
"""A day; what is more is no help to anybody."""


def wanted_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, 0 for a moment that has passed; None where nothing sensible is said. A date counts
    by the server's own clock, where it tells the time."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    told = headers.get("retry-after", "")
    seconds = _number(told)
    if seconds is not None:
        return _bounded(seconds)
    at, now = _moment(told), _moment(headers.get("date", ""))
    if at is None:
        return None
    return _bounded((at - (now or datetime.now(UTC))).total_seconds())


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_S)


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
