"""`multipart/form-data` (RFC 7578): a body in, one field's bytes out.

The body is cut by `bytes.split`: what goes through it line by line takes seconds of the event loop
for a large recording. Whatever is wrong is a BadBody (400, 413, 415).
"""

from __future__ import annotations

import re

from .parameters import parameters_of
from .request_body import BadBody

FORM_DATA = "multipart/form-data"

PARTS_MAX = 16
"""A form of ours has one field; what libraries add of their own are a few."""

PART_HEAD_LIMIT_BYTES = 4096
"""A part's headers: its field's and its file's name."""

NO_HEADERS = "a part of the form has no proper headers"
UNFINISHED = "the form ends before its last boundary"
LONGER_BOUNDARY = "a boundary of the form is longer than the content type says"

BOUNDARY_MAX = 70
"""RFC 2046, 5.1.1."""

LINE_ENDS = "the lines of a form end with CR and LF; here they end with LF alone"
_DISPOSITION = re.compile(
    rb"\r\nContent-Disposition[ \t]*:((?:[^\r]|\r(?!\n)|\r\n(?=[ \t]))*)", re.IGNORECASE
)
_FOLD = re.compile(rb"\r\n[ \t]+")


def is_form_data(content_type: str) -> bool:
    return parameters_of(content_type)[0] == FORM_DATA


def form_field(content_type: str, body: bytes, name: str) -> bytes:
    """The content of the first field called `name`."""
    for part in _parts(body, boundary_of(content_type)):
        top, blank, content = part.partition(b"\r\n\r\n")
        if not blank or len(top) > PART_HEAD_LIMIT_BYTES:
            raise BadBody(400, NO_HEADERS)
        if part_names(top)[0] == name:
            return content
    raise BadBody(400, f"the form has no field {name!r}")


def boundary_of(content_type: str) -> bytes:
    """What stands between a form's parts. Raises BadBody (400, 415)."""
    kind, parameters = parameters_of(content_type)
    if kind != FORM_DATA:
        raise BadBody(415, f"the body must be {FORM_DATA}")
    boundary = parameters.get("boundary", "")
    if not boundary:
        raise BadBody(400, f"the content type {FORM_DATA} must name its boundary")
    if len(boundary) > BOUNDARY_MAX:
        raise BadBody(400, f"a boundary has {BOUNDARY_MAX} characters at most")
    if not boundary.isascii() or not boundary.isprintable():
        raise BadBody(400, "a boundary consists of letters, digits and signs of ASCII")
    return boundary.encode("ascii")


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """Headers and content of each part. What stands before the first and after the last is no
    part of the form."""
    _, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, PARTS_MAX + 1)
    if not pieces:
        raise BadBody(400, "the body does not hold the boundary that the content type names")
    parts: list[bytes] = []
    for piece in pieces:
        if piece.startswith(b"--"):
            return parts
        padding, line_end, part = piece.partition(b"\r\n")
        if padding.strip(b" \t") or not line_end:
            raise BadBody(400, not_a_boundary_line(padding))
        parts.append(part)
    if len(parts) > PARTS_MAX:
        raise BadBody(413, f"the form may have {PARTS_MAX} parts")
    raise BadBody(400, UNFINISHED)


def not_a_boundary_line(rest: bytes) -> str:
    """What is wrong with a boundary's line, of which this is the rest, or more than it."""
    if rest.lstrip(b" \t").startswith(b"\n"):
        return LINE_ENDS
    return UNFINISHED if not rest.strip(b" \t\r") else LONGER_BOUNDARY


def part_names(top: bytes) -> tuple[str | None, str | None]:
    """The names of a part's field and file, from its headers; None where there is none."""
    found = _DISPOSITION.search(b"\r\n" + top)
    if found is None:
        return None, None
    kind, parameters = parameters_of(_FOLD.sub(b" ", found[1]).decode("utf-8", "replace"))
    if kind != "form-data":
        return None, None
    # By RFC 7578, 4.2, no name is in the other spelling; some clients write a file's so.
    other = "" if "filename*" in parameters else None
    return parameters.get("name"), parameters.get("filename", other)
