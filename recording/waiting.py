"""What waits for the disk: entries of one recording, within a bound and a server's budget.

One side is the event loop's (`put`, `settle`, `forget`), the other the thread's (`take`). They
share a deque, whose ends are safe to use from both, and two sums, each changed by one side only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .tape import Entry

QUEUE_BYTES = 4 * 1024 * 1024
"""Of one recording: about a minute of a conversation. A disk that stands still for longer will not
be saved by more memory."""

BUDGET_BYTES = 64 * 1024 * 1024
"""Of all recordings of a server together: when the disk hangs, it hangs for all of them at once."""

ENTRY_BYTES = 600
"""What an entry weighs beside its audio and its text: objects, names, numbers."""


@dataclass(slots=True)
class Budget:
    """Bytes that may wait for all recordings together."""

    most: int = BUDGET_BYTES
    used: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """So many entries had no room."""

    entries: int


class Waiting:
    """One per recording."""

    def __init__(self, budget: Budget, most: int = QUEUE_BYTES) -> None:
        self._budget = budget
        self._most = most
        self._queue: deque[tuple[Entry | Gap, int]] = deque()
        self._missed = 0
        self._put_bytes = 0
        self._settled_bytes = 0
        self._taken_bytes = 0  # the thread's

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, entry: Entry) -> bool:
        """False where there is no room for it."""
        weight = ENTRY_BYTES + _weight(entry.data) + len(entry.audio or b"")
        self.settle()
        waiting = self._put_bytes - self._settled_bytes
        if waiting + weight > self._most or self._budget.used + weight > self._budget.most:
            self._missed += 1
            return False
        self.note_gap()
        self._put_bytes += weight
        self._budget.used += weight
        self._queue.append((entry, weight))
        return True

    def note_gap(self) -> None:
        """What had no room is told, now that there is some, or that nothing more comes."""
        if self._missed:
            self._queue.append((Gap(self._missed), 0))
            self._missed = 0

    def settle(self) -> None:
        """Give back what was taken meanwhile."""
        self._budget.used -= self._taken_bytes - self._settled_bytes
        self._settled_bytes = self._taken_bytes

    def forget(self) -> None:
        """Nothing will be taken any more."""
        self._queue.clear()
        self._budget.used -= self._put_bytes - self._settled_bytes
        self._settled_bytes = self._taken_bytes = self._put_bytes

    def take(self) -> Iterator[Entry | Gap]:
        """What is there now. An item counts until the next is taken."""
        for _ in range(len(self._queue)):
            try:
                item, weight = self._queue.popleft()
            except IndexError:
                return  # forgotten
            yield item
            self._taken_bytes += weight


def _weight(value: Any) -> int:
    """Characters and a bit: what a value takes in memory, about."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(16 + _weight(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return sum(16 + _weight(inner) for inner in value)
    return 8
