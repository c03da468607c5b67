"""The client's end of a connection: text and binary frames out, frames in.

`Wire` is the seam. `open_wire` puts a WebSocket behind it; `scripted.ScriptedWire` is the fake.
A connection that cannot be had is Unreachable, one that is over is WireClosed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    ConnectionTimeout,
    DisconnectionTimeout,
    HandshakeError,
    WebSocketConnection,
    open_websocket_url,
)

CONNECT_S = 10.0
"""Longer than any handshake on a network that carries live speech."""
CLOSE_S = 5.0
"""How long the server may take to answer a close before the socket is dropped."""
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""One message holds one phrase as base64: a minute at 48 kHz is 8 MB."""


class Unreachable(Exception):
    """No conversation at this address. The text is one line for a person."""


class WireClosed(Exception):
    """The connection is over: the peer's close code and reason (1006 where it just went)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code}" + (f": {reason}" if reason else ""))
        self.code = code
        self.reason = reason


class Wire(Protocol):
    """One task sends, one task receives."""

    async def send(self, frame: str | bytes) -> None:
        """Raises WireClosed. Not to be used again after it was cancelled."""
        ...

    async def receive(self) -> str | bytes:
        """The next frame. Raises WireClosed."""
        ...


class WebSocketWire:
    """A Wire over trio-websocket."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection

    async def send(self, frame: str | bytes) -> None:
        try:
            await self._connection.send_message(frame)
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def receive(self) -> str | bytes:
        try:
            frame: str | bytes = await self._connection.get_message()
        except ConnectionClosed as closed:
            raise _closed(closed) from None
        return frame


@asynccontextmanager
async def open_wire(url: str) -> AsyncIterator[WebSocketWire]:
    """A connection to `url` (ws:// or wss://), closed on the way out. Raises Unreachable."""
    opened = False
    failure: Exception | None = None
    try:
        async with open_websocket_url(
            url,
            connect_timeout=CONNECT_S,
            disconnect_timeout=CLOSE_S,
            max_message_size=MAX_MESSAGE_BYTES,
        ) as connection:
            opened = True
            try:
                yield WebSocketWire(connection)
            except Exception as error:
                # Raised again below: a peer that is slow to close must not hide the reason.
                failure = error
    except DisconnectionTimeout:
        pass
    except (HandshakeError, ValueError) as error:
        if opened:
            raise
        raise Unreachable(_why(url, error)) from error
    if failure is not None:
        raise failure


def _why(url: str, error: Exception) -> str:
    if isinstance(error, ConnectionRejected):
        return f"{url} refused the conversation (HTTP {error.status_code})"
    if isinstance(error, ValueError):
        return f"{url} is not a WebSocket address like ws://127.0.0.1:8084/ws ({error})"
    if isinstance(error, ConnectionTimeout):
        return f"{url} did not answer within {CONNECT_S:.0f} s"
    return f"no Parley at {url}: start one with `parley serve`"


def _closed(closed: ConnectionClosed) -> WireClosed:
    if closed.reason is None:
        return WireClosed(1006, "the connection was lost")
    return WireClosed(closed.reason.code, closed.reason.reason or "")
