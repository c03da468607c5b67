"""Forms that are read as they come."""

from __future__ import annotations

import random

import pytest

from parley.server.http.multipart_stream import PARTS_MAX, FormStream, PartBegun, PartData
from parley.server.http.request_body import BadBody
from support.blobs import BOUNDARY, form

FIELD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'.encode()
)
END = f"--{BOUNDARY}--\r\n".encode()


def read(body: bytes, size: int) -> list[tuple[str | None, str | None, bytes]]:
    """Each part's names and content, where so many bytes come at once."""
    stream, parts = FormStream(BOUNDARY.encode()), []
    for at in range(0, len(body), size):
        for event in stream.feed(body[at : at + size]):
            match event:
                case PartBegun(name, filename):
                    parts.append((name, filename, b""))
                case PartData(data):
                    *begun, content = parts[-1]
                    parts[-1] = (begun[0], begun[1], content + data)
    stream.finish()
    return parts


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 4096])
def test_parts_are_the_same_however_they_come(size: int) -> None:
    content = random.Random(size).randbytes(500) + b"\r\n--" + BOUNDARY[:-1].encode() + b"\r\n\r\n"
    body = b"preamble\r\n" + FIELD + form(content) + b"epilogue"
    assert read(body, size) == [("model", None, b"whisper-1"), ("file", "blob", content)]


def test_a_file_is_given_as_it_comes() -> None:
    stream = FormStream(BOUNDARY.encode())
    head, _, _ = form(b"@").partition(b"@")
    stream.feed(head)
    given = sum(
        len(event.data)
        for _ in range(100)
        for event in stream.feed(bytes(10_000))
        if isinstance(event, PartData)
    )
    assert 1_000_000 - 100 < given <= 1_000_000


def test_a_part_may_be_empty_and_a_form_too() -> None:
    assert read(form(b""), 5) == [("file", "blob", b"")]
    assert read(END, 5) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"no form at all", 400),
        (form(b"x")[:-20], 400),
        (FIELD, 400),
        (f"--{BOUNDARY}\r\nContent-Disposition".encode() + b"x" * 10_000, 400),
        (f"--{BOUNDARY}rubbish\r\n\r\n".encode(), 400),
        (FIELD * (PARTS_MAX + 1) + END, 413),
    ],
)
@pytest.mark.parametrize("size", [1, 5000])
def test_what_is_no_form_is_refused(body: bytes, status: int, size: int) -> None:
    with pytest.raises(BadBody) as caught:
        read(body, size)
    assert caught.value.status == status
