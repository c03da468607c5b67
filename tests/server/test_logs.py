"""Logging: JSON lines for machines, a readable form for people, levels, and libraries' own logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from parley.config import Observing, Settings
from parley.server.logs import configure_logging


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """What is set up for a whole process is put back after each test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    config = structlog.get_config()
    yield
    structlog.contextvars.clear_contextvars()
    structlog.configure(**config)
    root.handlers = handlers
    root.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def observing(**settings: Any) -> Observing:
    return Settings.defaults(**settings).observing


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_is_one_object_a_line_with_time_and_level() -> None:
    out = io.StringIO()
    configure_logging(observing(stream_log_format="json"), out)
    log = structlog.get_logger().bind(session_id="abc")
    log.info("decode", ms=1.5, text="grün\nund\tblau")
    log.warning("late")
    first, second = lines(out)
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "decode",
        "level": "info",
        "session_id": "abc",
        "ms": 1.5,
        "text": "grün\nund\tblau",
    }
    assert (second["event"], second["level"]) == ("late", "warning")


def test_what_is_bound_to_the_context_is_in_every_line() -> None:
    out = io.StringIO()
    configure_logging(observing(stream_log_format="json"), out)
    with structlog.contextvars.bound_contextvars(request=7):
        structlog.get_logger().info("in")
    structlog.get_logger().info("out")
    assert [line.get("request") for line in lines(out)] == [7, None]


def test_a_traceback_stays_in_its_line() -> None:
    out = io.StringIO()
    configure_logging(observing(stream_log_format="json"), out)
    try:
        raise ZeroDivisionError("a secret")
    except ZeroDivisionError:
        structlog.get_logger().exception("crashed")
        logging.getLogger("a.library").exception("crashed too")
    ours, theirs = lines(out)
    for line in (ours, theirs):
        assert line["level"] == "error"
        assert "ZeroDivisionError" in line["exception"]
        assert "test_logs.py" in line["exception"]
        assert "a secret" not in json.dumps(line)


def test_the_console_form_is_for_reading() -> None:
    out = io.StringIO()
    configure_logging(observing(stream_log_format="console"), out)
    structlog.get_logger().info("decode", ms=1.5)
    (line,) = out.getvalue().splitlines()
    assert "decode" in line and "ms=1.5" in line and "info" in line
    assert "{" not in line and "\x1b" not in line


@pytest.mark.parametrize(("out", "readable"), [(Terminal(), True), (io.StringIO(), False)])
def test_auto_looks_where_it_writes(out: io.StringIO, readable: bool) -> None:
    configure_logging(observing(stream_log_format="auto"), out)
    structlog.get_logger().info("hello")
    written = out.getvalue()
    assert written.startswith("{") is not readable
    assert ("\x1b[" in written) is readable, "colours are for terminals"


def test_json_can_be_had_on_a_terminal() -> None:
    out = Terminal()
    configure_logging(observing(stream_log_format="json"), out)
    structlog.get_logger().info("hello")
    assert lines(out)[0]["event"] == "hello"


def test_less_than_the_level_is_not_logged() -> None:
    out = io.StringIO()
    configure_logging(observing(stream_log_format="json", stream_log_level="warning"), out)
    log = structlog.get_logger()
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d")
    assert [line["event"] for line in lines(out)] == ["c", "d"]


def test_libraries_log_the_same_way_and_only_from_warning_on() -> None:
    out = io.StringIO()
    configure_logging(observing(stream_log_format="json", stream_log_level="debug"), out)
    structlog.get_logger().debug("ours")
    library = logging.getLogger("a.library")
    library.info("https://example.org/?key=abc")
    library.warning("%d connections lost", 3)
    ours, theirs = lines(out)
    assert ours["event"] == "ours"
    assert (theirs["event"], theirs["level"]) == ("3 connections lost", "warning")
    assert "timestamp" in theirs


def test_libraries_keep_to_a_level_above_warning() -> None:
    out = io.StringIO()
    configure_logging(observing(stream_log_format="json", stream_log_level="error"), out)
    logging.getLogger("a.library").warning("lost")
    assert out.getvalue() == ""


def test_configured_twice_each_line_comes_once_and_in_the_newer_place() -> None:
    older, newer = io.StringIO(), io.StringIO()
    for out in (older, newer):
        configure_logging(observing(stream_log_format="json"), out)
    structlog.get_logger().info("ours")
    logging.getLogger("a.library").error("theirs")
    assert older.getvalue() == ""
    assert [line["event"] for line in lines(newer)] == ["ours", "theirs"]


def test_the_log_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(observing(stream_log_format="json"))
    structlog.get_logger().info("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "hello"
