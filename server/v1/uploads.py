"""Uploads: a form whose file goes to disk as it comes, so that its size costs no memory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import structlog
import trio

from ...audio.containers import LOOK_BYTES
from ..http.head import BadRequest, Head
from ..http.multipart import boundary_of
from ..http.multipart_stream import FormStream, PartBegun
from ..http.request_body import BadBody, RequestBody

PREFIX = "parley-upload-"
LOCKED_WITHIN_S = 60.0
"""A file that is younger may not be locked yet."""

STALL_S = 20.0
"""An upload that stands still for so long is given up."""
LEAST_BYTES_PER_S = 32_000
"""And one that is slower than that on the whole: the pace of a telephone's uplink. Who drips would
hold a place for hours."""
FIELDS_LIMIT_BYTES = 64 * 1024
"""Of all fields beside the file: a prompt, at the most."""
WRITE_BYTES = 1 << 20
"""Written at once, in a thread: a disk may take its time."""
FORM_BYTES = 1 << 20
"""What a form may have beside its file."""


@dataclass(slots=True)
class Upload:
    """The fields, in their order, and the file's beginning and place; `path` is gone afterwards."""

    path: Path
    fields: list[tuple[str, str]] = field(default_factory=list)
    size: int = 0
    beginning: bytes = b""
    has_file: bool = False

    def all(self, name: str) -> Sequence[str]:
        """The values of a field that may come several times, whose name may end in `[]`."""
        return [value for key, value in self.fields if key.removesuffix("[]") == name]

    def get(self, name: str) -> str | None:
        """A field's last value; None where it is missing or empty."""
        values = self.all(name)
        return (values[-1].strip() or None) if values else None


@asynccontextmanager
async def received(
    stream: trio.abc.Stream, head: Head, *, file_field: str, fields: Collection[str], limit_mb: int
) -> AsyncIterator[Upload]:
    """The form of a request. Fields that are not named in `fields` are left out. Raises BadBody
    or PeerGone; the file on disk lives as long as the context."""
    boundary = boundary_of(head.header("content-type") or "")
    body = RequestBody(stream, head, limit_mb * 1_000_000 + FORM_BYTES)
    with _new_file() as file:
        upload = Upload(Path(file.name))
        form = _Form(upload, FormStream(boundary), file_field, fields)
        began_s, size = trio.current_time(), 0
        while not form.over:
            slow_at = began_s + STALL_S + size / LEAST_BYTES_PER_S
            with trio.move_on_at(min(trio.current_time() + STALL_S, slow_at)) as pace:
                piece = await body.next_piece()
            if pace.cancelled_caught:
                break
            size += len(piece)
            form.take(piece)
            if upload.size > limit_mb * 1_000_000:
                raise BadBody(413, f"the recording may have {limit_mb} MB", param=file_field)
            if len(form.unwritten) >= WRITE_BYTES or form.over:
                with _no_room():
                    await trio.to_thread.run_sync(file.write, bytes(form.unwritten))
                form.unwritten.clear()
        if not form.over:
            raise BadBody(408, "the upload took too long")
        with _no_room():
            await trio.to_thread.run_sync(file.flush)
        yield upload


@contextlib.contextmanager
def _new_file() -> Iterator[IO[bytes]]:
    """A file in the temporary folder, locked for as long as this process has it open."""
    with _no_room():
        file = tempfile.NamedTemporaryFile(prefix=PREFIX)  # noqa: SIM115 (closed below)
    try:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield file
    finally:
        with contextlib.suppress(OSError):  # what could not be written is written once more
            file.close()


@contextlib.contextmanager
def _no_room() -> Iterator[None]:
    """Raises BadBody (503) where the disk fails: it costs this upload and nothing else."""
    try:
        yield
    except OSError as error:
        told = f"the server cannot keep the upload: {error.strerror or error}"
        structlog.get_logger().warning("upload_not_kept", error=str(error))
        raise BadBody(503, told) from None


def remove_left_behind(folder: Path, now_s: float) -> int:
    """Remove the uploads of servers that were killed, and say how many. A file that a server still
    holds is locked by it, and one that has just been made may be about to be."""
    removed = 0
    for path in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's, or gone meanwhile
            known = path.lstat()
            if known.st_uid != os.geteuid() or now_s - known.st_mtime < LOCKED_WITHIN_S:
                continue
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
                removed += 1
            finally:
                os.close(descriptor)
    return removed


class _Form:
    """Sorts what comes into fields and the file."""

    def __init__(
        self, upload: Upload, parser: FormStream, file_field: str, fields: Collection[str]
    ) -> None:
        self.unwritten = bytearray()
        self.over = False
        self._upload = upload
        self._parser = parser
        self._file_field = file_field
        self._fields = fields
        self._name: str | None = None
        self._value = bytearray()
        self._fields_bytes = 0

    def take(self, piece: bytes) -> None:
        """What came; empty at the body's end. Raises BadBody."""
        if not piece:
            self._parser.finish()
            self._end_field()
            self.over = True
        for event in self._parser.feed(piece):
            if isinstance(event, PartBegun):
                self._end_field()
                self._name = event.name
                if event.name == self._file_field:
                    if self._upload.has_file:
                        raise BadBody(400, "the form has two files", param=event.name)
                    self._upload.has_file = True
            elif self._name == self._file_field:
                self._upload.size += len(event.data)
                self.unwritten += event.data
                if len(self._upload.beginning) < LOOK_BYTES:
                    self._upload.beginning += event.data[:LOOK_BYTES]
            elif self._name is not None and self._name.removesuffix("[]") in self._fields:
                self._fields_bytes += len(event.data)
                if self._fields_bytes > FIELDS_LIMIT_BYTES:
                    raise BadBody(413, f"the fields may have {FIELDS_LIMIT_BYTES} bytes")
                self._value += event.data

    def _end_field(self) -> None:
        name, self._name = self._name, None
        if name is not None and name.removesuffix("[]") in self._fields:
            try:
                self._upload.fields.append((name, self._value.decode()))
            except UnicodeDecodeError:
                raise BadRequest(400, f"{name} is not UTF-8", param=name) from None
        self._value.clear()
