"""The stream below a WebSocket, and how a stream is let go.

`ReplayStream` stands between trio-websocket and the socket. It owns what the library cannot
know: that the head was read already, when the peer was last heard, whether a frame was left half
written. It is owned by `websocket.WebSocketTransport`. It fails as any Trio stream does.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import suppress

import trio
from wsproto.frame_protocol import FrameProtocol

from ...addresses import place_of

LINGER_LIMIT_S = 2.0
"""How long a peer that is still sending is read to its end, so that our last words reach it:
closing with unread bytes makes the kernel send RST, which discards what the peer had not read."""
SENT_LIMIT_S = 0.1
"""How long a frame may still be on its way when the connection ends: into a socket that has room it
takes none."""
SEND_BUFFER_BYTES = 64 * 1024
"""About a second of base64 reply audio: an interruption must not wait behind more than that in
the kernel, and a peer that stops reading must not hold megabytes. (Linux doubles the figure.)"""
KEEPALIVE_IDLE_S, KEEPALIVE_EVERY_S, KEEPALIVE_PROBES = 20, 5, 3
"""When a peer of which nothing comes is asked whether its machine is there: it may have gone
without a word, and who waits for an answer sends nothing either."""
UNACKNOWLEDGED_S = 60
"""How long what was sent may wait for its acknowledgement, and for room at the peer."""
CLOSING_LIMIT_S = 0.2
"""How long we wait for the peer's close_notify behind our own; many send none."""
FLOOD_LIMIT_BYTES = 256 * 1024
"""Wire bytes, beyond one whole message, that may come without a message being completed. Pongs
alone need days for it; a flood of pings or of empty fragments, which the library keeps in a
list without bound, ends here."""
_RECEIVE_BYTES = 16 * 1024
_CONTROL = 0x08
_CLOSE_FRAME = 0x88
"""First byte of a close frame: FIN and opcode 8. The library writes one frame per `send_all`."""


def no_pace(count: int) -> float:
    """As fast as it comes."""
    return 0.0


class ReplayStream(trio.abc.Stream):
    """Gives `replay` first, then waits for `release`, then gives `surplus` and the stream.

    The wait matters: wsproto drops what reaches it between the head and the 101 response.
    `pace` is told of bytes that came, and says how many seconds to wait before more are read.
    `aclose` only marks the end and wakes the reader; the socket is let go by its owner.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        replay: bytes,
        surplus: bytes,
        max_message_bytes: int,
        pace: Callable[[int], float] = no_pace,
    ) -> None:
        self._stream = stream
        self._pace = pace
        self._replay = replay
        self._surplus = surplus
        self._flood_limit = max_message_bytes + FLOOD_LIMIT_BYTES
        self._released = trio.Event()
        self._receiving: trio.CancelScope | None = None
        self._unfinished_bytes = 0
        self._gathered: bytearray | None = None
        self._gathered_close = False
        self._turn = trio.Lock()
        self.heard_at = trio.current_time()
        """When bytes last came."""
        self.listening_since: float | None = None
        """Since when the library has waited for bytes; None while it is busy with a message."""
        self.sending_since: float | None = None
        """Since when a frame has been on its way into the socket; None if none is."""
        self.message_bytes = 0
        """Of messages that were sent, not of control frames."""
        self.closed = False
        self.lost = False
        """The peer's end was seen, or the connection broke."""
        self.flooded = False
        self.torn = False
        """A frame was left half written: nothing more may be sent."""
        self.close_sent = False
        self.parting = False
        """Our side closes, and waits for the peer's close frame."""

    @property
    def _read_to_its_end(self) -> bool:
        """Whether nothing is to be read any more. The library reads on after it has closed by
        itself (1009), and a peer that sends nothing then would hold the connection for ever."""
        return self.closed or (self.close_sent and not self.parting)

    def release(self) -> None:
        self._released.set()

    def message_taken(self) -> None:
        self._unfinished_bytes = 0

    def silent_since(self, asked_at: float) -> bool:
        """True if the peer had its chance since `asked_at` and not a byte came.

        It had none while the library was not reading, so that a pong might lie in the kernel.
        """
        if self.torn:
            return True
        listening_since = self.listening_since
        return self.heard_at < asked_at and (
            listening_since is not None and listening_since <= asked_at
        )

    def close(self) -> None:
        self.closed = True
        self._released.set()
        if self._receiving is not None:
            self._receiving.cancel()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._replay:
            data, self._replay = self._replay, b""
            await trio.lowlevel.checkpoint()
            return data
        await self._released.wait()
        if self._surplus and not self.closed:
            data, self._surplus = self._surplus[:max_bytes], self._surplus[max_bytes:]
            if max_bytes is None:
                self._surplus = b""
        else:
            data = await self._receive(max_bytes)
        self.heard_at = trio.current_time()
        self._unfinished_bytes += len(data)
        if self._unfinished_bytes > self._flood_limit:
            self.flooded = True
            raise trio.BrokenResourceError("too many bytes without a message")
        if (wait_s := self._pace(len(data))) > 0:
            await self._wait(wait_s)
        return data

    async def _wait(self, seconds: float) -> None:
        """Let the peer wait, who has sent more than it may; the connection's end is not missed."""
        with trio.move_on_after(seconds) as self._receiving:
            await trio.sleep_forever()
        if self.closed:
            raise trio.ClosedResourceError

    async def _receive(self, max_bytes: int | None) -> bytes:
        data = b""
        with trio.CancelScope() as self._receiving:
            self.listening_since = trio.current_time()
            try:
                if not self._read_to_its_end:
                    data = bytes(await self._stream.receive_some(max_bytes))
            except trio.BrokenResourceError:
                self.lost = True
                raise
            finally:
                self.listening_since = None
        if self._read_to_its_end:
            raise trio.ClosedResourceError
        self.lost = not data
        return data

    def gather(self) -> None:
        """Keep what is sent from now on, until `send_gathered`."""
        self._gathered = bytearray()

    async def send_gathered(self) -> None:
        """Send what was kept, as one piece."""
        data, self._gathered = self._gathered, None
        closing, self._gathered_close = self._gathered_close, False
        if data:
            await self.send_all(data)
        if closing:
            self._closed_by_us()

    def _closed_by_us(self) -> None:
        self.close_sent = True
        if self._receiving is not None and self._read_to_its_end:
            self._receiving.cancel()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self.closed or self.torn:
            raise trio.ClosedResourceError
        if self._gathered is not None:
            self._gathered += data
            self._gathered_close |= data[0] == _CLOSE_FRAME
            await trio.lowlevel.checkpoint_if_cancelled()
            return
        # The library's own lock knows nothing of what was gathered.
        try:
            self._turn.acquire_nowait()
        except trio.WouldBlock:
            await self._turn.acquire()
        try:
            await self._send(data)
        finally:
            self._turn.release()

    async def until_sent(self) -> None:
        """Wait while a frame is on its way into the socket, for SENT_LIMIT_S at most."""
        with trio.move_on_after(SENT_LIMIT_S):
            async with self._turn:
                pass

    async def _send(self, data: bytes | bytearray | memoryview) -> None:
        if self.closed or self.torn:
            raise trio.ClosedResourceError
        # Who is cancelled before the first byte has torn nothing: a goodbye can still be said.
        await trio.lowlevel.checkpoint_if_cancelled()
        self.sending_since = trio.current_time()
        try:
            await self._stream.send_all(data)
        except BaseException:
            self.torn = True
            raise
        finally:
            self.sending_since = None
        if data[0] == _CLOSE_FRAME:
            self._closed_by_us()
        if not data[0] & _CONTROL:
            self.message_bytes += len(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()


class PrefixedStream(trio.abc.Stream):
    """A stream of which the beginning was read already."""

    def __init__(self, transport_stream: trio.abc.Stream, prefix: bytes) -> None:
        self.transport_stream = transport_stream
        self._prefix = prefix

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if not self._prefix:
            return bytes(await self.transport_stream.receive_some(max_bytes))
        await trio.lowlevel.checkpoint()
        data, self._prefix = self._prefix[:max_bytes], self._prefix[len(self._prefix[:max_bytes]) :]
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.transport_stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.transport_stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self.transport_stream.aclose()


async def send_close_frame(stream: trio.abc.SendStream, code: int) -> None:
    """Tell the peer why, on a stream that the library has left; raises nothing."""
    frame = FrameProtocol(client=False, extensions=[]).close(code)
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
        with trio.move_on_after(LINGER_LIMIT_S):
            await stream.send_all(frame)


async def linger(stream: trio.abc.Stream) -> None:
    """Half-close, read the peer to its end for at most LINGER_LIMIT_S, then close.

    Raises nothing. Where another task is inside `send_all` there is nothing to be polite about,
    and the stream is closed at once.
    """
    below = socket_of(stream) or stream  # TLS forgets it when it says goodbye
    try:
        with trio.move_on_after(LINGER_LIMIT_S):
            if isinstance(stream, trio.SSLStream):
                await _say_closing(stream)
            if isinstance(below, trio.abc.HalfCloseableStream):
                await below.send_eof()
                while await below.receive_some(_RECEIVE_BYTES):
                    pass
    except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
        pass
    finally:
        await drop(below)
        await drop(stream)


async def _say_closing(stream: trio.SSLStream[trio.abc.Stream]) -> None:
    """TLS's own word that nothing more comes (close_notify), without waiting for the peer's."""
    with trio.move_on_after(CLOSING_LIMIT_S):
        await stream.unwrap()


async def drop(stream: trio.abc.AsyncResource) -> None:
    """Close the stream now; completes under cancellation too."""
    with trio.CancelScope(shield=True):  # aclose_forcefully cannot wait: it is cancelled inside
        await trio.aclose_forcefully(stream)


def reset_on_close(stream: trio.abc.Stream) -> None:
    """Let the coming close discard what the kernel still holds for the peer (RST)."""
    if (below := socket_of(stream)) is not None:
        with suppress(OSError):  # closed already
            below.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def tune(stream: trio.abc.AsyncResource) -> None:
    """Small frames leave at once, the kernel holds little, and a machine that is gone is found."""
    if (below := socket_of(stream)) is not None:
        with suppress(OSError):  # not TCP, or reset already, which the next read will tell
            below.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            below.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            below.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _KEEPALIVE.items():
                if (option := getattr(socket, name, None)) is not None:  # not every system's
                    below.setsockopt(socket.IPPROTO_TCP, option, value)


_KEEPALIVE = {
    "TCP_KEEPIDLE": KEEPALIVE_IDLE_S,
    "TCP_KEEPINTVL": KEEPALIVE_EVERY_S,
    "TCP_KEEPCNT": KEEPALIVE_PROBES,
    "TCP_USER_TIMEOUT": UNACKNOWLEDGED_S * 1000,
}


def socket_of(stream: trio.abc.AsyncResource) -> trio.SocketStream | None:
    """The socket below a stream, be there TLS between or not; None where there is none."""
    while isinstance(stream, trio.SSLStream | PrefixedStream):
        stream = stream.transport_stream
    return stream if isinstance(stream, trio.SocketStream) else None


def peer_name(stream: trio.abc.Stream) -> str:
    """`host:port` of the other end, for logs."""
    if (below := socket_of(stream)) is None:
        return "stream"
    try:
        host, port = below.socket.getpeername()[:2]
    except (OSError, ValueError):
        return "unknown"
    return place_of(host, port)


def peer_host(stream: trio.abc.Stream) -> str:
    """The other end's address. What is no socket is in this process."""
    if (below := socket_of(stream)) is None:
        return "127.0.0.1"
    try:
        return str(below.socket.getpeername()[0])
    except (OSError, ValueError):
        return "unknown"
