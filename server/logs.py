"""Logging: JSON lines for machines, a readable form on a terminal. To stderr, always; where that is
queued (output.py), what the queue had no room for is told in a line of the log.

Whoever logs binds what it belongs to (`session_id`, `turn`); texts of a conversation and keys are
logged by nobody unless STREAM_LOG_TRANSCRIPTS says so. So errors are told without their messages
(`error_words`).
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import structlog

from ..config import Observing
from .error_words import ErrorsTold
from .output import QueuedText


def configure_logging(
    settings: Observing, stream: TextIO | None = None, *, worker: int | None = None
) -> None:
    """Set up structlog and the standard library's logging (libraries use it) for a process.
    `worker`: which of several processes it is that share a log; each line says so."""
    out = sys.stderr if stream is None else stream
    console = settings.log_format == "console" or (settings.log_format == "auto" and out.isatty())
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared = [*_processors(settings), *([] if worker is None else [_of_worker(worker)])]
    renderer: structlog.typing.Processor
    if console:
        renderer = structlog.dev.ConsoleRenderer(
            colors=out.isatty(),
        )
    else:
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    if isinstance(out, QueuedText):
        out.writer.notice = functools.partial(_lines_dropped, (*shared, renderer))
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries speak up only when something is wrong: at `info` an HTTP client logs every URL.
    root.setLevel(max(level, logging.WARNING))


def configure_for_embedding(settings: Observing) -> None:
    """Set up structlog where the program around has not: its own way of showing a traceback has the
    values of all variables, which are people's words and keys, and takes 150 ms."""
    if structlog.is_configured():
        return
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[*_processors(settings), structlog.dev.ConsoleRenderer(colors=False)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _processors(settings: Observing) -> list[structlog.typing.Processor]:
    """What is made of an entry before it is written."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        ErrorsTold(in_words=settings.log_transcripts),
    ]


def _of_worker(worker: int) -> structlog.typing.Processor:
    """Says in each entry which worker wrote it."""

    def add(
        logger: object, method: str, entry: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        entry["worker"] = worker
        return entry

    return add


def _lines_dropped(processors: Sequence[structlog.typing.Processor], lines: int) -> str:
    """The line of the log that says how many are missing before it. A thread calls it."""
    entry: Any = {"event": "log_lines_dropped", "lines": lines}
    for process in processors:
        entry = process(None, "warning", entry)
    return f"{entry}\n"
