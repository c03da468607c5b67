"""What the process prints, queued for threads that write it (line_writer.py).

`queued_output` stands in for `sys.stdout` and `sys.stderr` while a server runs, so the log, the
banner, warnings, and what an agent's code prints are all queued. At the end what waits is written,
for a second at most.

Worker processes get a pipe of ours for their own output, which a thread reads at once and queues
with the rest (see `engines/lanes/worker_output.py`).
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TextIO

from ..engines.lanes import worker_output
from .line_writer import FLUSH_S, LineWriter

PIECE_MAX_CHARS = 1 << 16
"""Of a line that does not end: so much is written without waiting for its end."""

READ_BYTES = 1 << 16


class QueuedText(io.TextIOBase):
    """A text stream like `sys.stderr` whose writes never wait: a line is queued when it ends, and
    what there is of one when it is flushed."""

    def __init__(self, original: TextIO, writer: LineWriter) -> None:
        self.writer = writer
        self._original = original
        self._fd = original.fileno()
        self._encoding = original.encoding or "utf-8"
        self._line = ""
        self._lock = threading.RLock()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def write(self, text: str) -> int:
        with self._lock:
            self._line += text
            end = self._line.rfind("\n") + 1
            if len(self._line) > PIECE_MAX_CHARS:
                end = len(self._line)
            whole, self._line = self._line[:end], self._line[end:]
            if whole:
                self._put(whole)
        return len(text)

    def flush(self) -> None:
        with self._lock:
            piece, self._line = self._line, ""
            if piece:
                self._put(piece)

    def _put(self, text: str) -> None:
        self.writer.put(self._fd, text.encode(self._encoding, "backslashreplace"))

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        with suppress(OSError, ValueError):
            return self._original.isatty()
        return False

    def writable(self) -> bool:
        return True


@contextmanager
def queued_output() -> Iterator[None]:
    """Queue what is printed within the block; what waits at its end is written.

    Streams that have no file descriptor (a test's, a notebook's) stay as they are, and so do those
    that are queued already. Where the reader is stuck at the end, what is printed later is queued
    too: it must not keep the process from ending.
    """
    mend_standard_streams()
    before = sys.stdout, sys.stderr
    errors = _queued(sys.stderr, None)
    output = _queued(sys.stdout, errors)
    writers = {stream.writer for stream in (output, errors) if stream is not None}
    sys.stdout, sys.stderr = output or sys.stdout, errors or sys.stderr
    with ExitStack() as stack:
        if errors is not None:
            stack.enter_context(_output_of_workers(errors))
        try:
            yield
        finally:
            for stream in (output, errors):
                if stream is not None:
                    stream.flush()
            written = [writer.flush() for writer in writers]
            if all(written):
                sys.stdout, sys.stderr = before


def dropped_lines_to(count: Callable[[int], None]) -> None:
    """Have lines of the log that are lost counted, where output is queued."""
    if isinstance(sys.stderr, QueuedText):
        sys.stderr.writer.count_dropped_by(count)


def _queued(stream: TextIO | None, beside: QueuedText | None) -> QueuedText | None:
    """`stream` with a queue; None where it cannot have one. The same place (a terminal, one log
    for both) has one writer, which keeps the order."""
    if stream is None or isinstance(stream, QueuedText):
        return None
    try:
        fd = stream.fileno()
        stream.flush()
        shared = beside is not None and os.path.sameopenfile(fd, beside.fileno())
    except (OSError, ValueError):
        if not _has_descriptor(stream):
            return None
        shared = False  # it is full or broken, and has a descriptor: it costs what is written
    writer = beside.writer if shared and beside is not None else LineWriter(f"output-{stream.name}")
    return QueuedText(stream, writer)


def _has_descriptor(stream: TextIO) -> bool:
    with suppress(OSError, ValueError):
        return stream.fileno() >= 0
    return False


def mend_standard_streams() -> None:
    """Open what was closed before we were started (`>&- 2>&-`) on nothing. Otherwise the next file
    or socket gets its number, and what a library prints is written there."""
    for fd, mode in ((0, "r"), (1, "w"), (2, "w")):
        try:
            os.fstat(fd)
        except OSError:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != fd:
                os.dup2(nothing, fd)
                os.close(nothing)
            os.set_inheritable(fd, True)
            name = ("stdin", "stdout", "stderr")[fd]
            if getattr(sys, name) is None:
                setattr(sys, name, open(fd, mode, closefd=False, errors="backslashreplace"))  # noqa: SIM115


@contextmanager
def _output_of_workers(errors: QueuedText) -> Iterator[None]:
    """Where workers print to within the block."""
    read_end, write_end = os.pipe()
    reader = threading.Thread(
        target=_pass_on, args=(read_end, errors), name="output-of-workers", daemon=True
    )
    reader.start()
    with worker_output.to_descriptor(write_end):
        try:
            yield
        finally:
            os.close(write_end)
            reader.join(FLUSH_S)  # it ends when the last worker has


def _pass_on(read_end: int, errors: QueuedText) -> None:
    """Read what workers print, at once, whatever becomes of it."""
    rest = b""
    while more := os.read(read_end, READ_BYTES):
        end = more.rfind(b"\n") + 1
        lines, rest = (rest + more[:end], more[end:]) if end else (b"", rest + more)
        if len(rest) > PIECE_MAX_CHARS:
            lines, rest = lines + rest + b"\n", b""
        if lines:
            errors.writer.put(errors.fileno(), lines)
    os.close(read_end)
