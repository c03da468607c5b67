"""Forms: a field out of a body, whatever the body is."""

from __future__ import annotations

import pytest

from parley.server.http.multipart import PARTS_MAX, form_field, is_form_data
from parley.server.http.request_body import BadBody
from support.blobs import BOUNDARY, FORM, form

PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{{}}"\r\n\r\n{{}}\r\n'
END = f"--{BOUNDARY}--\r\n"


def refused(content_type: str, body: bytes) -> int:
    with pytest.raises(BadBody) as caught:
        form_field(content_type, body, "file")
    return caught.value.status


@pytest.mark.parametrize("content", [b"", b"abc", b"\r\n--\r\n\x00\xff\n" * 3, b"--" + b"-" * 30])
def test_the_content_comes_out_byte_for_byte(content: bytes) -> None:
    assert form_field(FORM, form(content), "file") == content


def test_the_field_is_found_among_others() -> None:
    body = PART.format("lang", "en") + PART.format("file", "one") + PART.format("file", "two")
    assert form_field(FORM, (body + END).encode(), "file") == b"one"


def test_what_stands_around_the_form_is_no_part_of_it() -> None:
    assert form_field(FORM, b"hello\r\n" + form(b"x") + b"good bye", "file") == b"x"


def test_a_quoted_boundary_is_a_boundary() -> None:
    quoted = f'Multipart/Form-Data; charset=utf-8; boundary="{BOUNDARY}"'
    assert is_form_data(quoted)
    assert form_field(quoted, form(b"x"), "file") == b"x"


@pytest.mark.parametrize("content_type", ["", "audio/webm", "application/json", "multipart", ";;"])
def test_another_content_type_is_415(content_type: str) -> None:
    assert not is_form_data(content_type)
    assert refused(content_type, form(b"x")) == 415


@pytest.mark.parametrize(
    "parameter",
    ["", "; boundary=", "; boundary=other", f"; boundary={'x' * 71}", "; boundary=\xe9"],
)
def test_a_missing_or_wrong_boundary_is_400(parameter: str) -> None:
    assert refused("multipart/form-data" + parameter, form(b"x")) == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        form(b"x", name="other"),
        form(b"x")[:-10],
        form(b"x").replace(b"\r\n\r\n", b"\r\n"),
        form(b"x").replace(b"form-data", b"attachment"),
        form(b"x").replace(b"Content-Disposition", b"X" * 5000),
        form(b"x").replace(b'name="file"; ', b""),
        END.encode(),
    ],
)
def test_a_broken_form_is_400(body: bytes) -> None:
    assert refused(FORM, body) == 400


def test_too_many_parts_are_413() -> None:
    body = PART.format("a", "1") * (PARTS_MAX + 1) + END
    assert refused(FORM, body.encode()) == 413


@pytest.mark.parametrize("junk", ["\x00", "a\r\nb", "=?utf-8?b?x", "; name*=x''%", "\x80\xff"])
def test_nonsense_in_headers_raises_nothing_else(junk: str) -> None:
    assert refused(FORM, form(b"x", name=f'{junk}"; x="')) == 400
    assert refused(f"multipart/form-data; {junk}", form(b"x")) == 400
