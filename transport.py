"""The transport seam: whole frames in and out of one conversation, whatever carries them.

The session owns its transport. It knows no socket: a WebSocket in the server
(`server.http.websocket`), a pair of channels in a test or an embedding (`memory_pair`). However the
peer is lost, the owner sees exactly one kind of failure: `PeerGone`, with a close code
(RFC 6455, 7.4) and a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn, Protocol, runtime_checkable

import trio

from .protocol.close_codes import ABNORMAL, NORMAL


class PeerGone(Exception):
    """The peer cannot be reached any more; `code` and `reason` say how it ended.

    After a `close` of our own, `code` and `reason` are the ones that we gave.
    """

    def __init__(self, code: int = ABNORMAL, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class Transport(Protocol):
    """What a session needs of its peer.

    `receive` and `send` raise `PeerGone` and nothing else. `send` is only ever called by one
    task. It may be bounded in time by its caller, but a `send` that was given up may have left
    half a frame on the wire: the one thing to do after it is `abort`.
    """

    @property
    def peer(self) -> str:
        """The peer's address, for logs."""
        ...

    @property
    def subprotocol(self) -> str | None:
        """The WebSocket subprotocol that was selected, if one was."""
        ...

    async def receive(self) -> str | bytes: ...

    async def send(self, frame: str | bytes) -> None: ...

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Part in peace: what was sent arrives, then the code. Bounded in time, idempotent."""
        ...

    def abort(self) -> None:
        """Drop the connection now. What is on its way may be lost. Idempotent."""
        ...


@runtime_checkable
class SendsMany(Protocol):
    """A transport for which frames that are sent together cost less. Optional."""

    async def send_many(self, frames: Sequence[str | bytes]) -> None:
        """As `send`, one after the other."""
        ...


@dataclass(slots=True)
class _Link:
    """What both ends of a memory pair share: how the connection ended (the first word counts)."""

    ended: tuple[int, str] | None = None

    def end(self, code: int, reason: str) -> bool:
        """True if this call was the one that ended it."""
        if self.ended is not None:
            return False
        self.ended = (code, reason)
        return True


@dataclass(slots=True, eq=False)
class MemoryTransport:
    """One end of an in-memory connection; made by `memory_pair`."""

    peer: str
    subprotocol: str | None
    _link: _Link
    _outgoing: trio.MemorySendChannel[str | bytes]
    _incoming: trio.MemoryReceiveChannel[str | bytes]
    _other: MemoryTransport | None = field(default=None, repr=False)

    async def receive(self) -> str | bytes:
        try:
            return await self._incoming.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            self._raise_gone()

    async def send(self, frame: str | bytes) -> None:
        """Waits while `capacity` frames stand before a peer that does not read."""
        try:
            await self._outgoing.send(frame)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._raise_gone()

    @property
    def ended(self) -> tuple[int, str] | None:
        """With which code and reason the connection was ended, by whichever end was first."""
        return self._link.ended

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """The other end still reads what was sent before, then sees `code`."""
        self._link.end(code, reason)
        self._outgoing.close()
        self._incoming.close()
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        """Both ends see 1006 at once; frames on their way are lost."""
        if self._link.end(ABNORMAL, "connection aborted"):
            for end in (self, self._other):
                if end is not None:
                    end._outgoing.close()
                    end._incoming.close()

    def _raise_gone(self) -> NoReturn:
        code, reason = self._link.ended or (ABNORMAL, "")
        raise PeerGone(code, reason) from None


def memory_pair(
    capacity: int, *, peer: str = "memory", subprotocol: str | None = None
) -> tuple[MemoryTransport, MemoryTransport]:
    """A connected pair (server's end, client's end).

    `capacity` frames may wait in each direction; then `send` waits for the other end to read.
    """
    link = _Link()
    to_client, from_server = trio.open_memory_channel[str | bytes](capacity)
    to_server, from_client = trio.open_memory_channel[str | bytes](capacity)
    server = MemoryTransport(peer, subprotocol, link, to_client, from_client)
    client = MemoryTransport("server", subprotocol, link, to_server, from_server, server)
    server._other = client
    return server, client
