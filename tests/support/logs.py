"""What Parley logs, caught as it is written for machines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from parley.config import Settings
from parley.server.logs import configure_logging


class CaughtLog(io.StringIO):
    """The log so far, as text (`getvalue`) or parsed."""

    def lines(self) -> list[dict[str, Any]]:
        """Raises JSONDecodeError where a line is no JSON."""
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["event"] == name]


@contextmanager
def caught_log(**settings: object) -> Iterator[CaughtLog]:
    """Logging as `parley serve` sets it up, in JSON, into memory; put back at the end."""
    chosen = Settings.defaults(**({"stream_log_format": "json"} | settings))
    root = logging.getLogger()
    before = structlog.get_config()
    handlers, level = root.handlers, root.level
    log = CaughtLog()
    configure_logging(chosen.observing, log)
    try:
        yield log
    finally:
        structlog.configure(**before)
        root.handlers = handlers
        root.setLevel(level)
