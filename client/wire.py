"""The client's end of a connection: text and binary frames out, frames in.

`Wire` is the seam. `open_wire` puts a WebSocket behind it; `scripted.ScriptedWire` is the fake.
A connection that cannot be had is Unreachable, one that is over is WireClosed.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    wrap_client_stream,
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


REFUSALS = {
    401: "it asks for a token: give one with --token, or in PARLEY_TOKEN",
    403: "the token is not for this, or the address is not",
    404: "nothing is served at this path",
    421: "it does not answer under this name; its PARLEY_HOSTS has to list it",
    429: "too much at once; try again in a few seconds",
    503: "it is full, loading, or shutting down; try again in a few seconds",
}
"""What a server means that refuses, by status."""


@asynccontextmanager
async def open_wire(
    url: str, *, asks: str = "", token: str = "", ca: Path | None = None
) -> AsyncIterator[WebSocketWire]:
    """A connection to `url` (ws:// or wss://), closed on the way out. Raises Unreachable.

    `asks` is put before the query of the address, and is not named where something goes wrong.
    `token` is what the server asks for; `ca` is a PEM file of certificates that are trusted beside
    those that the system trusts.
    The stream is ours, not trio-websocket's: its own `open_websocket_url` waits for the peer
    after a handshake that timed out, and leaves the socket of a refused one open.
    """
    opened = False
    failure: Exception | None = None
    stream = await connected(url, ca)
    try:
        async with trio.open_nursery() as nursery:
            goodbye = _Goodbye()
            readers: trio.Nursery = await nursery.start(goodbye.hold_readers)
            try:
                connection = await _shake_hands(readers, _Answer(stream, url), url, asks, token)
                opened = True
                try:
                    yield WebSocketWire(connection)
                finally:
                    await goodbye.say(connection)
            except Exception as error:
                # Raised again below, outside the nursery: callers get it bare, not in a group.
                failure = error
            finally:
                readers.cancel_scope.cancel()
    except* Unreachable as refused:
        failure = failure or first_of(refused)
    except* Exception as broken:
        # trio-websocket's reader, at bytes that are no WebSocket's.
        why = f"it sent what is no WebSocket frame ({first_of(broken)!r})"
        failure = failure or (
            WireClosed(1002, why) if opened else Unreachable(f"{url} is no WebSocket server")
        )
    finally:
        await trio.aclose_forcefully(stream)
    if failure is not None:
        raise failure


class _Goodbye:
    """The end of a connection: who is cancelled still says goodbye, and the peer's answer is read.

    What a reader finds wrong from then on is nobody's concern (trio-websocket's fails at a ping
    that comes behind our goodbye), and no answer is waited for once none can be read.
    """

    def __init__(self) -> None:
        self._said = False
        self._scope = trio.CancelScope(shield=True)

    async def hold_readers(self, task_status: trio.TaskStatus[trio.Nursery]) -> None:
        """A nursery for the connection's reader, which only its own scope ends."""
        # Who is cancelled already would wait for ever for a start behind the shield.
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as nursery:
                    task_status.started(nursery)
                    await trio.sleep_forever()
        except* Exception:
            if not self._said:
                raise
        finally:
            self._scope.cancel()

    async def say(self, connection: WebSocketConnection) -> None:
        self._said = True
        self._scope.deadline = trio.current_time() + CLOSE_S
        with self._scope:
            await connection.aclose()


async def connected(url: str, ca: Path | None) -> trio.abc.Stream:
    parts = _parts(url)
    try:
        with trio.fail_after(CONNECT_S):
            if parts.scheme == "wss":
                return await _secured(parts.hostname or "", parts.port or 443, ca)
            return await trio.open_tcp_stream(parts.hostname or "", parts.port or 80)
    except trio.BrokenResourceError as error:
        raise Unreachable(f"no TLS with {url}: {_why_no_tls(error.__cause__)}") from None
    except ssl.SSLError as error:
        raise Unreachable(f"{ca} holds no certificate: {error.reason}") from None
    except OSError as error:
        raise Unreachable(f"no Parley at {url}: start one with `parley serve`") from error
    except trio.TooSlowError:
        raise Unreachable(f"{url} did not answer within {CONNECT_S:.0f} s") from None


async def _secured(host: str, port: int, ca: Path | None) -> trio.abc.Stream:
    """Its certificate is checked: who signed it, until when, and whose name it is."""
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(ca)
    stream = await trio.open_ssl_over_tcp_stream(
        host, port, https_compatible=True, ssl_context=context
    )
    try:
        await stream.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


def _why_no_tls(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"it speaks none, or another kind ({error.reason})"
    return "it hung up; does it serve https and wss?"


async def _shake_hands(
    nursery: trio.Nursery, stream: trio.abc.Stream, url: str, asks: str, token: str
) -> WebSocketConnection:
    parts = _parts(url)
    query = "&".join(part for part in (asks, parts.query) if part)
    resource = (parts.path or "/") + (f"?{query}" if query else "")
    try:
        with trio.fail_after(CONNECT_S):
            return await wrap_client_stream(
                nursery,
                stream,  # type: ignore[arg-type]  # any Stream will do, its text says
                parts.netloc,
                resource,
                extra_headers=[(b"Authorization", f"Bearer {token}".encode())] if token else None,
                max_message_size=MAX_MESSAGE_BYTES,
            )
    except trio.TooSlowError:
        raise Unreachable(f"{url} did not answer within {CONNECT_S:.0f} s") from None


class _Answer(trio.abc.Stream):
    """The stream, which looks at the first line that comes: a refusal has many forms, and
    trio-websocket waits for ever at some of them (no Content-Length, a close, no HTTP at all).

    Raises Unreachable from `receive_some`, which ends the reader and with it the handshake.
    """

    def __init__(self, stream: trio.abc.Stream, url: str) -> None:
        self._stream = stream
        self._url = url
        self._line: bytes | None = b""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data = bytes(await self._stream.receive_some(max_bytes))
        if self._line is not None:
            self._line += data
            if not data or b"\n" in self._line:
                self._judge(self._line)
                self._line = None
        return data

    def _judge(self, line: bytes) -> None:
        version, _, rest = line.partition(b" ")
        status = rest[:3].decode("ascii", "replace")
        if not version.startswith(b"HTTP/1."):
            raise Unreachable(f"{self._url} is no WebSocket server")
        if status != "101":
            why = REFUSALS.get(int(status), "") if status.isdecimal() else ""
            told = f": {why}" if why else ""
            raise Unreachable(f"{self._url} refused the conversation (HTTP {status}){told}")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


def first_of(group: BaseExceptionGroup[Exception]) -> Exception:
    """The first exception in a group, however deep."""
    first = group.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable:
        raise Unreachable(f"{url} is not a WebSocket address like ws://127.0.0.1:8084/ws")
    return parts


def _closed(closed: ConnectionClosed) -> WireClosed:
    if closed.reason is None:
        return WireClosed(1006, "the connection was lost")
    return WireClosed(closed.reason.code, closed.reason.reason or "")
