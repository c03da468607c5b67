"""Forms: a field out of a body, whatever the body is."""

from __future__ import annotations

import pytest

from parley.server.http.multipart import (
    PART_HEAD_LIMIT_BYTES,
    PARTS_MAX,
    boundary_of,
    form_field,
    is_form_data,
)
from parley.server.http.multipart_stream import FormStream
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


@pytest.mark.parametrize("sign", "/=:?@,()<>[]'+_. ")
@pytest.mark.parametrize("quotes", ["", '"'])
def test_a_boundary_may_have_any_sign_with_quotes_and_without(sign: str, quotes: str) -> None:
    boundary = f"a{sign}b"
    body = form(b"x").replace(BOUNDARY.encode(), boundary.encode())
    for rest in ("", "; charset=utf-8"):
        content_type = f"multipart/form-data; boundary={quotes}{boundary}{quotes}{rest}"
        assert form_field(content_type, body, "file") == b"x"
        assert boundary_of(content_type) == boundary.encode()


@pytest.mark.parametrize(
    ("parameter", "body", "why"),
    [
        ("; boundary", form(b"x"), "must name its boundary"),
        ('; boundary=""', form(b"x"), "must name its boundary"),
        (f"; boundary={'x' * 71}", form(b"x"), "70 characters"),
        ("; boundary=\xe9", form(b"x"), "ASCII"),
        ("; boundary=other", form(b"x"), "does not hold the boundary"),
        (f"; boundary={BOUNDARY[:-1]}", form(b"x"), "longer than the content type says"),
        (f"; boundary={BOUNDARY}", form(b"x").replace(b"\r\n", b"\n"), "LF alone"),
        (f"; boundary={BOUNDARY}", form(b"x")[:-10], "ends before its last boundary"),
    ],
)
def test_what_is_wrong_with_a_form_is_said(parameter: str, body: bytes, why: str) -> None:
    with pytest.raises(BadBody, match=why):
        form_field("multipart/form-data" + parameter, body, "file")
    with pytest.raises(BadBody, match=why):
        stream = FormStream(boundary_of("multipart/form-data" + parameter))
        stream.feed(body + b"y" * PART_HEAD_LIMIT_BYTES)
        stream.finish()


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
