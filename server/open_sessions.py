"""The conversations that go on now, and what may be done to them from outside.

One per server; connections hold a session here while it runs. What reaches a session is an order or
a sound of its own (`Session`), so a recording has it; nothing here touches an actor.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
import trio

from ..audio.pcm import check_pcm16
from ..cluster.registry import Registry
from ..session.life import Session
from .access.guest import NOBODY, Guest, current_guest
from .access.tokens import TokenRing
from .connection import current_connection

AT_REST = ("idle", "complete")
"""States in which nobody waits for an answer."""


@dataclass(frozen=True, slots=True)
class _Open:
    session: Session
    connection: str
    """Its connection's name."""
    guest: Guest


class OpenSessions:
    """`stop` ends a connection by its name, within the drain's deadline; `registry` None: no other
    server is told of sessions."""

    def __init__(self, stop: Callable[[str], Awaitable[None]], registry: Registry | None) -> None:
        self._stop = stop
        self._registry = registry
        self._open: dict[str, _Open] = {}
        self.on_opened: Callable[[], object] = _nothing
        """Called when there is one session more."""

    def __iter__(self) -> Iterator[Session]:
        return iter([one.session for one in self._open.values()])

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def held(self, session: Session) -> Iterator[None]:
        """While it runs, over the current task's connection and for its guest."""
        connection, guest = current_connection(), current_guest()
        connection.session = session
        if guest is not NOBODY:
            guest.on_exhausted = lambda unit: session.end_at_limit()
        self._open[session.id] = _Open(session, connection.name, guest)
        self.on_opened()
        if self._registry is not None:
            self._registry.opened(session.id)
        try:
            yield
        finally:
            if self._registry is not None:
                self._registry.closed(session.id)
            del self._open[session.id]

    # For some of them, at once

    def drain_resting(self) -> None:
        """End the conversations in which nobody speaks just now."""
        for session in self:
            status = session.status()
            if status["state"] in AT_REST and status["vad_state"] != "speech":
                session.drain()

    def tokens_changed(self, ring: TokenRing) -> None:
        """End the conversations of tokens that are none any more."""
        for one in list(self._open.values()):
            token = one.guest.token
            if token is not None and ring.named(token.name) is None:
                structlog.get_logger().info(
                    "token_revoked", session_id=one.session.id, token=token.name
                )
                one.session.drain()

    # For one of them, or all

    async def close(self, session_id: str) -> None:
        """Have one session say goodbye for good: the reply finishes, the connection closes with
        1000, and the conversation goes on nowhere. Returns when it is gone, within the drain's
        deadline. Raises LookupError where there is none with this id."""
        found = self._found(session_id)
        found.session.close()
        await self._stop(found.connection)

    def cancel_reply(self, session_id: str) -> bool:
        """End what one session is saying, or about to say; the conversation goes on. Returns
        whether there was a reply. Raises LookupError where there is no such session."""
        session = self._found(session_id).session
        live = session.replies
        session.cancel_reply()
        return live

    async def broadcast(self, pcm16: bytes, rate_hz: int, *, exclude: Collection[str] = ()) -> int:
        """Send audio to every client, but for the sessions whose ids are in `exclude`.

        PCM16 mono; each client gets it at its dialect's rate. It is no reply: it is not paced, and
        an interruption does not cut it. Returns how many clients it was sent to, when it has left
        for the slowest of them (one that reads nothing is disconnected after a while). Raises
        ValueError for what is no PCM16.
        """
        check_pcm16(pcm16, rate_hz)
        if isinstance(exclude, str):
            raise ValueError("exclude is a list of session ids, not one of them")
        pcm16 = bytes(pcm16)  # what the caller does with its buffer meanwhile is its own affair
        audience = [session for session in self if session.id not in exclude]
        async with trio.open_nursery() as nursery:
            for session in audience:
                nursery.start_soon(session.play, pcm16, rate_hz)
        return len(audience)

    def _found(self, session_id: str) -> _Open:
        found = self._open.get(session_id)
        if found is None:
            raise LookupError(f"there is no session {session_id!r}")
        return found


def _nothing() -> None:
    pass
