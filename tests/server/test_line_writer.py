"""Lines that a thread writes: in order, bounded, and whatever becomes of the reader."""

from __future__ import annotations

import errno
import fcntl
import gc
import io
import json
import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from parley.config import Settings
from parley.server import line_writer
from parley.server.line_writer import LineWriter
from parley.server.logs import configure_logging
from parley.server.output import QueuedText, queued_output

SOON_S = 5.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """To read and to write, and small."""
    ends = os.pipe()
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)
    yield ends
    # The end for writing stays open: a thread that still has lines for it would write them into
    # whatever gets its number next, such as the pipe of the next test.
    try:
        os.close(ends[0])
    except OSError as error:
        assert error.errno == errno.EBADF  # the test has closed it


@pytest.fixture
def writer() -> LineWriter:
    writer = LineWriter("test")
    writer.notice = lambda lines: f"{lines} lines were dropped\n"
    return writer


def read_all(fd: int) -> bytes:
    found = b""
    while select.select([fd], [], [], 0.3)[0]:
        found += os.read(fd, 65536)
    return found


def fill(write_end: int) -> int:
    """Fill a pipe that nobody reads; gives how many bytes it took."""
    os.set_blocking(write_end, False)
    taken = 0
    try:
        while True:
            taken += os.write(write_end, b"." * 64)
    except BlockingIOError:
        os.set_blocking(write_end, True)
        return taken


def until_it_writes(writer: LineWriter) -> None:
    """Until the thread has taken what waits, and is stuck with it."""
    until_s = time.monotonic() + SOON_S
    while not (writer._writing and not writer._waiting):
        assert time.monotonic() < until_s
        time.sleep(0.001)  # that it begins to write is told to nobody


def line(number: int) -> bytes:
    return f"line {number:05}\n".encode()


def test_lines_come_whole_and_in_order(writer: LineWriter, pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    for number in range(100):
        writer.put(write_end, line(number))
    assert writer.flush(SOON_S)
    assert read_all(read_end) == b"".join(line(number) for number in range(100))
    assert writer.dropped == 0


def test_nobody_waits_for_a_reader_and_what_is_missing_is_told_where_it_is_missing(
    writer: LineWriter, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_writer, "WAITING_MAX_BYTES", 2000)
    read_end, write_end = pipe
    counted: list[int] = []
    writer.count_dropped_by(counted.append)
    filled = fill(write_end)
    for number in range(2000):  # 22 kB, and 2 kB may wait
        writer.put(write_end, line(number))
        if number == 0:
            until_it_writes(writer)
    dropped = writer.dropped
    assert 1000 < dropped < 2000
    assert sum(counted) == dropped
    assert not writer.flush(0.1), "the pipe is full and nobody reads"
    found = read_all(read_end)[filled:]
    assert writer.flush(SOON_S)
    writer.put(write_end, b"later\n")
    assert writer.flush(SOON_S)
    found += read_all(read_end)
    kept = 2000 - dropped
    notice = f"{dropped} lines were dropped\n".encode()
    assert found == b"".join(line(number) for number in range(kept)) + notice + b"later\n"


def test_a_reader_that_is_gone_costs_lines_and_raises_nothing(
    writer: LineWriter, pipe: tuple[int, int]
) -> None:
    read_end, write_end = pipe
    os.close(read_end)
    for number in range(10):
        writer.put(write_end, line(number))
    assert writer.flush(SOON_S)
    assert writer.dropped == 10


def test_a_full_disk_is_told_when_there_is_room_again(
    writer: LineWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a line of which a part was written: the next one begins a line of its own."""
    real_write, room = os.write, [25]

    def write(fd: int, data: memoryview) -> int:
        if room[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real_write(fd, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr("parley.server.line_writer.os.write", write)
    log = tmp_path / "log"
    fd = os.open(log, os.O_WRONLY | os.O_CREAT)
    for number in range(5):
        writer.put(fd, line(number))
    assert writer.flush(SOON_S)
    room[0] = 10_000
    for number in range(5, 7):
        writer.put(fd, line(number))
        assert writer.flush(SOON_S)
    os.close(fd)
    assert writer.dropped == 3
    assert log.read_text().splitlines() == [
        *("line 00000", "line 00001", "lin", "line 00005"),
        *("3 lines were dropped", "line 00006"),
    ]


def test_a_descriptor_that_does_not_block_is_waited_for(
    writer: LineWriter, pipe: tuple[int, int]
) -> None:
    read_end, write_end = pipe
    os.set_blocking(write_end, False)
    for number in range(1000):
        writer.put(write_end, line(number))
    found = read_all(read_end)
    assert writer.flush(SOON_S)
    assert found + read_all(read_end) == b"".join(line(number) for number in range(1000))


def test_a_finalizer_may_print_in_the_middle_of_printing(
    writer: LineWriter, pipe: tuple[int, int]
) -> None:
    """It runs in the same thread, with the lock held."""
    done = threading.Event()

    def put() -> None:
        with writer._changed:
            writer.put(pipe[1], b"from a finalizer\n")
        done.set()

    threading.Thread(target=put, daemon=True).start()
    assert done.wait(SOON_S)
    assert writer.flush(SOON_S)


@contextmanager
def standard_streams(out: io.TextIOBase | None, err: io.TextIOBase | None) -> Iterator[None]:
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def test_one_log_for_both_streams_keeps_the_order(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        log.open("w") as out,
        os.fdopen(os.dup(out.fileno()), "w") as err,
        standard_streams(out, err),
        queued_output(),
    ):
        for number in range(50):
            print("out", number)
            print("err", number, file=sys.stderr)
        print("a prompt without an end", end="")
    expected = [f"{name} {number}" for number in range(50) for name in ("out", "err")]
    assert log.read_text().splitlines() == [*expected, "a prompt without an end"]


def test_streams_come_back_and_what_has_no_descriptor_stays(tmp_path: Path) -> None:
    memory = io.StringIO()
    with (tmp_path / "log").open("w") as err, standard_streams(memory, err):
        with queued_output():
            assert [type(sys.stdout), type(sys.stderr)] == [io.StringIO, QueuedText]
            with queued_output():  # a second time changes nothing
                print("hello", file=sys.stderr)
        assert [sys.stdout, sys.stderr] == [memory, err]
    assert (tmp_path / "log").read_text() == "hello\n"


def test_where_the_reader_is_stuck_what_comes_later_does_not_block_either(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last words of a process that ends."""
    monkeypatch.setattr("parley.server.line_writer.LineWriter.flush.__defaults__", (0.1,))
    _, write_end = pipe
    with os.fdopen(write_end, "w", closefd=False) as stuck, standard_streams(stuck, stuck):
        with queued_output():
            print("x" * 10_000)
        print("a traceback" * 1000, file=sys.stderr)
        sys.stderr.flush()
    gc.collect()


def test_the_log_says_in_its_own_form_how_many_lines_are_missing(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_writer, "WAITING_MAX_BYTES", 2000)
    read_end, write_end = pipe
    config = structlog.get_config()
    with os.fdopen(write_end, "w", closefd=False) as err, standard_streams(None, err):
        try:
            with queued_output():
                configure_logging(Settings.defaults(stream_log_format="json").observing)
                filled = fill(write_end)
                for number in range(500):
                    structlog.get_logger().info("counted", number=number)
                    if number == 0:
                        assert isinstance(sys.stderr, QueuedText)
                        until_it_writes(sys.stderr.writer)
                found = read_all(read_end)[filled:]
        finally:
            structlog.configure(**config)
    told = [json.loads(row) for row in (found + read_all(read_end)).splitlines()]
    (missing,) = [row for row in told if row["event"] == "log_lines_dropped"]
    assert missing["level"] == "warning"
    assert missing["lines"] == 500 - sum(row["event"] == "counted" for row in told)
