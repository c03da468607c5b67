"""The reply gate: which turn may be heard, and whether it may be heard now.

One per session, shared by the sender (which drops what belongs to a turn that is over) and the
live turn's playout (which waits while the gate is closed). Plain but for the waiting.
"""

from __future__ import annotations

from collections import deque

import trio

from .limits import OUTBOX_CAPACITY


class ReplyGate:
    """Moved by the dialogue alone: `begin`, then `finish` or `kill`; `close` and `open` between."""

    def __init__(self) -> None:
        self._live_turn = 0
        # The outbox cannot hold events of more turns than it holds events.
        self._killed: deque[int] = deque(maxlen=OUTBOX_CAPACITY)
        self._opened = trio.Event()
        self._opened.set()
        self.hurried = trio.Event()
        """Set when the server stops: the rest of the reply leaves at once, without its pace."""

    @property
    def reply_live(self) -> bool:
        """Whether a reply is being made or heard."""
        return self._live_turn != 0

    def passes(self, turn: int) -> bool:
        """Whether an event of `turn` may still reach the peer."""
        return turn not in self._killed

    def begin(self, turn: int) -> None:
        self._live_turn = turn
        self.open()

    def finish(self) -> None:
        """The reply was heard to its end; what it still has in the outbox goes out."""
        self._live_turn = 0
        self.open()

    def kill(self) -> None:
        """From this instant nothing of the turn reaches the peer any more."""
        if self._live_turn:
            self._killed.append(self._live_turn)
        self.finish()

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    def close(self) -> None:
        """Hold the reply's audio where it is."""
        if self._opened.is_set():
            self._opened = trio.Event()

    def open(self) -> None:
        self._opened.set()

    async def wait_open(self) -> None:
        await self._opened.wait()
