"""`multipart/form-data` (RFC 7578) as it comes: bytes in, parts out, nothing kept of a file.

For uploads that are too large to hold; multipart.py is for those that are not. Pure. Whatever is
wrong is a BadBody (400, 413).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .multipart import (
    BOUNDARY_MAX,
    NO_HEADERS,
    PART_HEAD_LIMIT_BYTES,
    UNFINISHED,
    not_a_boundary_line,
    part_names,
)
from .request_body import BadBody

PARTS_MAX = 64
"""A transcription has some twenty fields, of which a few may be lists."""


@dataclass(frozen=True, slots=True)
class PartBegun:
    """What comes from here on is the content of this field. `name` None: of no field."""

    name: str | None
    filename: str | None


@dataclass(frozen=True, slots=True)
class PartData:
    data: bytes


PartEvent: TypeAlias = PartBegun | PartData


class FormStream:
    """One body. Feed it what arrives, and say when that is over."""

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # so that the first boundary is like the others
        self._inside = False  # a part's content; else in front of a boundary's line or headers
        self._preamble = True
        self._over = False
        self._parts = 0

    def feed(self, data: bytes) -> list[PartEvent]:
        """Raises BadBody."""
        self._buffer += data
        events: list[PartEvent] = []
        while not self._over:
            if self._inside or self._preamble:
                if not self._content(events):
                    break
            elif not self._headers(events):
                break
        if self._over:
            self._buffer.clear()  # what stands behind the last boundary is no part of the form
        return events

    def finish(self) -> None:
        """The body is over. Raises BadBody where the form is not."""
        if self._preamble:
            told = "the body does not hold the boundary that the content type names"
            raise BadBody(400, told)
        if not self._over:
            raise BadBody(400, UNFINISHED)

    def _content(self, events: list[PartEvent]) -> bool:
        """Everything up to the next boundary. Says whether that is here."""
        at = self._buffer.find(self._mark)
        known = at if at >= 0 else max(0, len(self._buffer) - len(self._mark) + 1)
        if self._inside and known:
            events.append(PartData(bytes(self._buffer[:known])))
        del self._buffer[:known]
        if at >= 0:
            del self._buffer[: len(self._mark)]
            self._inside = self._preamble = False
        return at >= 0

    def _headers(self, events: list[PartEvent]) -> bool:
        """The rest of a boundary's line, and a part's headers. Says whether they are here."""
        if self._buffer.startswith(b"--"):
            self._over = True
            return True
        if len(self._buffer) < 2:
            return False
        padding, line_end, rest = self._buffer.partition(b"\r\n")
        if padding.strip(b" \t" if line_end else b" \t\r") or len(padding) > BOUNDARY_MAX:
            raise BadBody(400, not_a_boundary_line(bytes(padding)))
        top, blank, _ = rest.partition(b"\r\n\r\n")
        if not line_end or not blank:
            if len(self._buffer) > PART_HEAD_LIMIT_BYTES:
                raise BadBody(400, NO_HEADERS)
            return False
        if len(top) > PART_HEAD_LIMIT_BYTES:
            raise BadBody(400, NO_HEADERS)
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise BadBody(413, f"the form may have {PARTS_MAX} parts")
        events.append(PartBegun(*part_names(bytes(top))))
        del self._buffer[: len(padding) + 2 + len(top) + 2]  # the blank line begins the content
        del self._buffer[:2]
        self._inside = True
        return True
