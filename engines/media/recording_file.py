"""A long recording on disk, read a piece at a time by the media lane's worker.

One per request. The worker may be lost in between, by another request's file: then the recording is
opened again where it was. Neither the server nor the worker ever holds it whole.
"""

from __future__ import annotations

import itertools
from pathlib import Path

from ..deadline import engine_deadline
from ..failures import EngineTimeout, LaneLost
from ..lanes.lane import Lane
from . import file_worker as worker

ATTEMPTS = 3
"""A file that breaks its worker does it again; one whose worker was lost by another's file is
unlucky twice at most."""

PIECE_LIMIT_S = 20.0
"""Decoding half a minute of sound takes 0.1 s; beyond that the file is a trap."""

REOPEN_LIMIT_S = 100.0
"""Opening a recording again at its end: hours of sound are decoded at 200 times their pace."""

_numbers = itertools.count(1)


class RecordingFile:
    """`path` is read from its beginning, as PCM16 mono at 16 kHz. `close` when done with it."""

    def __init__(self, lane: Lane, path: Path, limit_ms: int) -> None:
        self._lane = lane
        self._path = path
        self._limit_ms = limit_ms
        self._number = next(_numbers)
        self._generation: int | None = None
        self._given = 0

    async def more(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end, then none. Raises NotAudio, TooMuchAudio or
        EngineFailure."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._more(size)
            except EngineTimeout:
                raise  # the file's own fault
            except LaneLost:
                self._generation = None
                if attempt == ATTEMPTS:
                    raise
        return b""

    async def _more(self, size: int) -> bytes:
        if self._generation is None:
            with engine_deadline(REOPEN_LIMIT_S, "opening the recording"):
                await self._lane.call(
                    worker.begin, self._number, str(self._path), self._limit_ms, self._given
                )
            self._generation = self._lane.generation
        with engine_deadline(PIECE_LIMIT_S, "reading the recording"):
            piece = await self._lane.call(
                worker.more, self._number, size, generation=self._generation
            )
        self._given += len(piece)
        return piece

    def close(self) -> None:
        """Let the worker close it. Does not wait, so a cancelled task can do it, too."""
        if self._generation is not None:
            self._lane.post(worker.end, self._number, generation=self._generation)
            self._generation = None
