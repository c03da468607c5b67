"""The tokenizer of a Moonshine model, and what is missing of one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.engines.asr.moonshine_files import FILES, missing_files, read_pieces

SPECIALS = [b"<unk>", b"<s>", b"</s>"]
BYTES = [bytes([value]) for value in range(256)]


def packed(pieces: list[bytes]) -> bytes:
    """As the tokenizer's file has them."""
    data = b""
    for piece in pieces:
        low, high = len(piece) % 128, len(piece) // 128
        data += bytes([low + 128, high]) if high else bytes([low])
        data += piece
    return data


def test_tokens_become_text() -> None:
    words = ["\u2581Hello", ",", "\u2581w", "orld", "<<ST_1>>"]
    pieces = read_pieces(packed([*SPECIALS, *BYTES, *(word.encode() for word in words)]))
    first = len(SPECIALS) + len(BYTES)
    assert pieces.text_of([1, *range(first, first + 5), 2]) == "Hello, world"
    assert pieces.text_of([]) == ""
    assert pieces.text_of([10**9, -1]) == ""


def test_bytes_make_characters_and_half_of_one_is_left_out() -> None:
    pieces = read_pieces(packed([*SPECIALS, *BYTES]))
    tokens = [3 + value for value in "é".encode()]
    assert pieces.text_of(tokens) == "é"
    assert pieces.text_of(tokens[:1]) == ""


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_pieces_of_any_length_are_read(more: list[bytes]) -> None:
    pieces = [*SPECIALS, *BYTES, *more]
    assert list(read_pieces(packed(pieces)).pieces) == pieces


@pytest.mark.parametrize("data", [b"", b"\x05abc", b"\x81", packed(SPECIALS), b"\xff\xff"])
def test_what_is_no_tokenizer_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"tokenizer\.bin"):
        read_pieces(data)


def test_what_a_folder_lacks_is_named(tmp_path: Path) -> None:
    assert missing_files(tmp_path) == list(FILES)
    for name in FILES:
        (tmp_path / name).write_bytes(b"")
    assert missing_files(tmp_path) == []
