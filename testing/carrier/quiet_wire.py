"""A wire that says nothing of itself: what most services leave unsaid."""

from __future__ import annotations

from collections.abc import Sequence

from ...protocol.dialect import Frame
from .ear import Ear


class QuietWire:
    piece_ms = 20
    whole_frames = False
    returns_marks = False
    buffer_ms = 600_000.0

    def marks(self, names: Sequence[str], *, cleared: bool) -> Sequence[Frame]:
        return []

    def clearing(self) -> Sequence[Frame]:
        return []

    def status(self, ear: Ear) -> Sequence[Frame]:
        return []

    def after(self, ear: Ear) -> Sequence[Frame]:
        return []

    def goodbye(self) -> Sequence[Frame]:
        return []

    def digit(self, key: str) -> Sequence[Frame]:
        return []
