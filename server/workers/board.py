"""What the workers of one machine tell each other all the time: a page of memory with a slot each.

A worker writes its own slot and reads the others', so nobody asks and nobody waits. What stands
there is an indication and no promise: it may be a moment old. Whether a worker is alive is told by
its beat, a number that goes on; whoever reads notes when it has seen it change, so no two clocks
are compared. The parent makes the page and wipes the slot of a worker that has ended.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SLOTS = 128
"""Workers and, while they are replaced, those that leave."""

_SLOT = struct.Struct("<IIII")
_THERE, _READY, _OPEN, _LEAVING = 1, 2, 4, 8
_MOST = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one worker stands, as it says itself."""

    beat: int = 0
    ready: bool = False
    """Its engines can talk."""
    open: bool = False
    """It would let in another session."""
    leaving: bool = False
    """It has been told to end."""
    load: int = 0
    """Connections that it is busy with."""
    sessions: int = 0


class Board:
    """The page, as one process sees it. Raises OSError where it cannot be had."""

    def __init__(self, file: Path, *, make: bool = False) -> None:
        with file.open("x+b" if make else "r+b") as opened:
            if make:
                opened.truncate(SLOTS * _SLOT.size)
            self._page = mmap.mmap(opened.fileno(), SLOTS * _SLOT.size)

    def write(self, worker: int, standing: Standing) -> None:
        flags = (
            _THERE
            | (_READY if standing.ready else 0)
            | (_OPEN if standing.open else 0)
            | (_LEAVING if standing.leaving else 0)
        )
        _SLOT.pack_into(
            self._page,
            worker * _SLOT.size,
            standing.beat % _MOST,
            flags,
            standing.load,
            standing.sessions,
        )

    def wipe(self, worker: int) -> None:
        """The worker has ended."""
        _SLOT.pack_into(self._page, worker * _SLOT.size, 0, 0, 0, 0)

    def read(self, worker: int) -> Standing | None:
        """None where there is no such worker."""
        beat, flags, load, sessions = _SLOT.unpack_from(self._page, worker * _SLOT.size)
        if not flags & _THERE:
            return None
        return Standing(
            beat=beat,
            ready=bool(flags & _READY),
            open=bool(flags & _OPEN),
            leaving=bool(flags & _LEAVING),
            load=load,
            sessions=sessions,
        )

    def __iter__(self) -> Iterator[tuple[int, Standing]]:
        for worker in range(SLOTS):
            if (standing := self.read(worker)) is not None:
                yield worker, standing

    def close(self) -> None:
        self._page.close()


class Beats:
    """When each worker's beat was last seen to change. No clock of its own."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, float]] = {}

    def look(self, board: Board, now_s: float) -> None:
        """Note what has changed since."""
        found = dict(board)
        self._seen = {
            worker: self._seen[worker]
            if worker in self._seen and self._seen[worker][0] == standing.beat
            else (standing.beat, now_s)
            for worker, standing in found.items()
        }

    def silent_s(self, worker: int, now_s: float) -> float:
        """For how long it has not moved; 0 for one that was not seen yet."""
        seen = self._seen.get(worker)
        return 0.0 if seen is None else now_s - seen[1]
