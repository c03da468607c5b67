"""Tells a balancer how much of this server is free: HAProxy's agent check, on a port of its own.

Who connects gets one line, such as `75% up`, and the connection is closed. The figure is
`SessionAdmission.weight`; while nobody is let in it is 0. The words `drain` and `maint` are never
said: HAProxy keeps what they say until the agent says `ready`, and `ready` would also undo what an
operator has set. `0%` takes a server out as `drain` does and needs nothing to be undone.

It is told until the last conversation is over, so its child stands before the connections. Each
answer has a deadline; who comes while there are too many, or from a public address, is hung up on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from ...addresses import is_private
from ..accepting import accept_for_ever
from ..http.wire import drop, peer_host

MAX_ASKING = 16
"""Connections at once. A balancer asks once a second, and takes a few milliseconds."""
ANSWER_S = 1.0
"""For the line to leave and for the other end to close."""
READ_BYTES = 256
"""Of what the other end says, which is not looked at: a balancer may be told to send something."""


def agent_line(weight: int) -> bytes:
    """What HAProxy reads (its configuration manual, "agent-check"): the share of the weight that
    it was started with, and that the server works."""
    return f"{weight}% up\n".encode()


class LoadAgent:
    """One per server."""

    def __init__(
        self,
        weight: Callable[[], int],
        on_dropped: Callable[[], None],
    ) -> None:
        """`weight` gives per cent; `on_dropped` is told of each that is hung up on."""
        self._weight = weight
        self._on_dropped = on_dropped
        self._asking = 0

    async def run(self, listeners: Sequence[trio.SocketListener]) -> None:
        """Until it is cancelled."""
        async with trio.open_nursery() as nursery:

            def take(stream: trio.SocketStream) -> None:
                nursery.start_soon(self.answer, stream)

            for listener in listeners:
                nursery.start_soon(accept_for_ever, listener, take)

    async def answer(self, stream: trio.SocketStream) -> None:
        """Tell one that asks, and hang up."""
        self._asking += 1
        try:
            if self._asking > MAX_ASKING or not is_private(peer_host(stream)):
                self._on_dropped()
                return
            with trio.move_on_after(ANSWER_S):
                await stream.send_all(agent_line(self._weight()))
                await stream.send_eof()
                await stream.receive_some(READ_BYTES)  # unread bytes would make a reset of the end
        except trio.BrokenResourceError:
            pass  # it asked and went
        finally:
            self._asking -= 1
            await drop(stream)
