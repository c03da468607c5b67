"""The reply gate: which reply may be heard, and whether it may be heard now.

One per session, shared by the sender (which drops what is void and says what has left) and the live
turn's playout (which waits while the gate is closed). The dialogue alone moves it: `begin`, then
`finish` or `kill`; `suspend` and `set_open` between. Plain but for the waiting.
"""

from __future__ import annotations

from collections import deque

import trio

from ..protocol.events import Event, ReplyAudio
from .limits import OUTBOX_CAPACITY
from .reply_exit import ReplyExit


class ReplyGate:
    def __init__(self) -> None:
        self._live: ReplyExit | None = None
        # The outbox cannot hold events of more turns and generations than it holds events.
        self._void: deque[tuple[int, int]] = deque(maxlen=OUTBOX_CAPACITY)
        self._opened = trio.Event()
        self._opened.set()
        self._writing: Event | None = None
        self.last_seq = 0
        """The number of the newest phrase of which audio has left; 0: none has."""
        self.hurried = trio.Event()
        """Set when the server stops: the rest of the reply leaves at once, without its pace."""

    @property
    def reply_live(self) -> bool:
        """Whether a reply is being made or heard, or is suspended."""
        return self._live is not None

    # What the dialogue says

    def begin(self, reply: ReplyExit) -> None:
        self._live = reply

    def finish(self) -> None:
        """The reply was heard to its end; what it still has in the outbox goes out."""
        self._live = None

    def kill(self) -> None:
        """From this instant nothing of the live turn reaches the peer any more."""
        if self._live is not None:
            self._void.append((self._live.turn, self._live.generation))
        self.finish()

    def suspend(self, now_s: float) -> None:
        """From this instant nothing of the live turn reaches the peer before it is given back: what
        waits in the outbox is void there, and kept in the reply's exit."""
        if self._live is not None:
            self._void.append((self._live.turn, self._live.generation))
            self._live.suspend(now_s, writing=self._writing)

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    def set_open(self, is_open: bool) -> None:
        """Whether reply audio may leave now; closed, it is held where it is."""
        if is_open:
            self._opened.set()
        elif self._opened.is_set():
            self._opened = trio.Event()

    async def wait_open(self) -> None:
        await self._opened.wait()

    # What the sender says

    def passes(self, event: Event) -> bool:
        """Whether an event may still reach the peer."""
        return (event.turn, event.generation) not in self._void

    def writes(self, event: Event) -> None:
        """The sender begins to write it: it cannot be taken back any more."""
        self._writing = event

    def left(self, event: Event, now_s: float) -> None:
        """The transport took it."""
        self._writing = None
        if isinstance(event, ReplyAudio):
            self.last_seq = event.seq
        if self._live is not None:
            self._live.left(event, now_s)
