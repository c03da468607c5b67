"""Where a reply was silent although it was not over: held back, or cut."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from .replies import Replies
from .sound import Piece
from .timeline import Span

HELD_S = 0.05
"""A shorter silence between two pieces of a reply is nobody's doing."""

BEFORE_S = 0.5
"""The sound that closed the gate is so near; what was sent ahead is played until then."""


def holds(replies: Replies, voiced: Sequence[Span]) -> list[Span]:
    """Silences in a live reply in which, or shortly before which, a sound was heard."""
    found: list[Span] = []
    for turn in replies.turns:
        if turn.first_audio_s is None:
            continue
        edges = [
            (piece.start_s, piece.end_s)
            for piece in replies.heard
            if turn.first_audio_s <= piece.start_s <= turn.end_s
        ]
        if turn.cut_s is not None:
            edges.append((turn.cut_s, turn.cut_s))
        for (_, end_s), (start_s, _) in itertools.pairwise(edges):
            heard = any(s.start_s < start_s and s.end_s > end_s - BEFORE_S for s in voiced)
            if start_s - end_s > HELD_S and heard:
                found.append(Span(end_s, start_s))
    return found


def clear_of(lost: Sequence[Piece], played: Sequence[Piece]) -> list[Piece]:
    """What was cut, as far as nothing else was played there later."""
    starts = sorted(piece.start_s for piece in played)
    clear: list[Piece] = []
    for piece in lost:
        following = next((start_s for start_s in starts if start_s >= piece.start_s), piece.end_s)
        clear.append(piece.split(following)[0])
    return clear
