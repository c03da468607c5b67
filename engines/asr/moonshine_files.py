"""A Moonshine model on disk: its three files, and the tokenizer's format.

Plain: reads bytes, loads no library. The tokenizer's file is a row of pieces, each with its length
before it: one byte, or, where the high bit of that is set, two (base 128, the low digit first).
A piece is UTF-8 in which U+2581 stands for a space; the 256 single bytes are pieces, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ENCODER = "encoder_model.ort"
DECODER = "decoder_model_merged.ort"
TOKENIZER = "tokenizer.bin"
FILES = (ENCODER, DECODER, TOKENIZER)

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
SPECIAL = 3
"""Pieces at the beginning that are no text: unknown, begin, end. More at the end are <<…>>."""
LEAST_PIECES = 259


@dataclass(frozen=True, slots=True)
class Pieces:
    """What each token stands for."""

    pieces: tuple[bytes, ...]

    def text_of(self, tokens: Sequence[int]) -> str:
        """Plain text; bytes that make no character are left out."""
        found = b"".join(self.pieces[token] for token in tokens if self._is_text(token))
        return found.decode(errors="ignore").replace(SPACE, " ").strip()

    def _is_text(self, token: int) -> bool:
        if not SPECIAL <= token < len(self.pieces):
            return False
        piece = self.pieces[token]
        return not (piece.startswith(b"<<") and piece.endswith(b">>"))


def read_pieces(data: bytes) -> Pieces:
    """The tokenizer's file. Raises ValueError for what is none."""
    pieces = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            if at == len(data):
                raise ValueError(f"{TOKENIZER} ends within a length")
            length += data[at] * 128 - 128
            at += 1
        if at + length > len(data):
            raise ValueError(f"{TOKENIZER} ends within a piece")
        pieces.append(data[at : at + length])
        at += length
    if len(pieces) < LEAST_PIECES:
        raise ValueError(f"{TOKENIZER} has {len(pieces)} pieces only")
    return Pieces(tuple(pieces))


def missing_files(folder: Path) -> list[str]:
    """Those of the model's files that are not in a folder."""
    return [name for name in FILES if not (folder / name).is_file()]
