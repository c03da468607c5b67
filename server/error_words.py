"""How an error is told in a log: by its type and its place, and not in its own words.

Nobody knows what stands in the message of an exception: what a person said, what a model wrote, a
URL with a key. So a log has the type of an error, where it was raised, and the frames that led
there, and no message. What Parley itself has to say about an error is in the event's name and
fields. Where the log may hold transcripts (STREAM_LOG_TRANSCRIPTS) it has the messages too.

Whoever logs gives the exception itself: `error=error`, or `exc_info=error`.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ..engines.failures import place_of, short_path

MAX_FRAMES = 30
"""Of each error of a chain, the innermost."""

MAX_ERRORS = 12
"""Of a chain, or of a group."""


def trace_of(error: BaseException) -> str:
    """The frames that led to an error, and to those that it came of, without a word of theirs."""
    return "\n".join(_lines(error, 0))


def _lines(error: BaseException, depth: int) -> Iterator[str]:
    pad = "  " * depth
    seen = 0
    one: BaseException | None = error
    while one is not None and seen < MAX_ERRORS:
        seen += 1
        yield f"{pad}{type(one).__name__}"
        for frame in traceback.extract_tb(one.__traceback__)[-MAX_FRAMES:]:
            yield f"{pad}  {short_path(frame.filename)}:{frame.lineno} in {frame.name}"
        if isinstance(one, BaseExceptionGroup):
            for inner in one.exceptions[:MAX_ERRORS]:
                yield from _lines(inner, depth + 1)
        cause = one.__cause__
        if cause is None and not one.__suppress_context__:
            cause = one.__context__
        if cause is not None:
            yield f"{pad}it came of:"
        one = cause


@dataclass(frozen=True, slots=True)
class ErrorsTold:
    """A processor of structlog's: what it makes of the exceptions in an event."""

    in_words: bool
    """Whether their messages are told as well."""

    def __call__(self, logger: Any, method: str, event: Any) -> Any:
        error = _exception(event.pop("exc_info", None))
        if error is not None:
            event["exception"] = self._whole(error)
        for name, value in event.items():
            if isinstance(value, BaseException):
                event[name] = repr(value) if self.in_words else place_of(value)
        return event

    def _whole(self, error: BaseException) -> str:
        if self.in_words:
            return "".join(traceback.format_exception(error)).rstrip()
        return trace_of(error)


def _exception(told: object) -> BaseException | None:
    """What structlog and the standard library take as `exc_info`."""
    match told:
        case BaseException():
            return told
        case (_, BaseException() as error, TracebackType() | None):
            return error
        case True:
            return sys.exception()
    return None
