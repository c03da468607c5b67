"""Parameters of a header's value, whatever the value is."""

from __future__ import annotations

import pytest

from parley.server.http.multipart import boundary_of, part_names
from parley.server.http.parameters import parameters_of


@pytest.mark.parametrize(
    ("value", "kind", "parameters"),
    [
        ("text/plain", "text/plain", {}),
        ("", "", {}),
        (" Form-Data ; Name=a ;x", "form-data", {"name": "a"}),
        (
            'form-data; name="a;b"; filename="c\\"d\\\\e\\f"',
            "form-data",
            {"name": "a;b", "filename": 'c"d\\e\\f'},
        ),
        ("a; b=1; b=2", "a", {"b": "1"}),
        ('a; b="open; c=1', "a", {"c": "1"}),
        ('a; b="x"y; c=1', "a", {"c": "1"}),
        ("a; =1; b = 2 ;", "a", {"b": "2"}),
        ("a;;;b=", "a", {"b": ""}),
        ("a; x y=1; b=\x00\xff", "a", {"b": "\x00\xff"}),
    ],
)
def test_what_makes_sense_is_found(value: str, kind: str, parameters: dict[str, str]) -> None:
    assert parameters_of(value) == (kind, parameters)


@pytest.mark.parametrize("boundary", ["a/b", "=_x=", "a:b?c@d,e", "'()+_,-./:=?'", "a b"])
def test_a_boundary_needs_no_quotes_for_what_rfc_2046_allows_in_it(boundary: str) -> None:
    for told in (boundary, f'"{boundary}"', f'{boundary} ; charset="utf-8"'):
        assert boundary_of(f"multipart/form-data; boundary={told}") == boundary.encode()


def test_a_part_is_named_by_its_disposition_however_that_is_folded_and_spelled() -> None:
    top = b"X: y\r\ncontent-DISPOSITION :\r\n  form-data;\r\n\tname=\"file\"; filename*=utf-8''a"
    assert part_names(top) == ("file", "")
    assert part_names(b"Content-Disposition: attachment; name=file") == (None, None)
    assert part_names(b"X-Content-Disposition: form-data; name=file") == (None, None)


def test_what_a_fuzzer_found_is_no_name() -> None:
    """The email package answered the first with an IndexError, and so the server with 500."""
    broken = b"Content-Disposition: form-data; name*=utf-8''file; filename*"
    assert part_names(broken) == (None, None)
