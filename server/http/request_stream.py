"""What a handler sees of its connection: one request's bytes, and whether the peer is still there.

A connection carries several requests. `RequestStream` stands between a handler and the socket for
one of them; what was read beyond the request's end is kept in it for the next one.
`while_connected` gives up work whose peer has hung up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from ...transport import PeerGone
from .head import Head
from .wire import no_pace

T = TypeVar("T")

WATCH_BYTES = 16 * 1024
"""How much is read of a peer that sends more before it has its answer. Beyond that it is not read
any more, so its hang-up would be noticed only by the next send."""


class RequestStream(trio.abc.Stream):
    """One request's part of a connection. It fails as the socket's stream does."""

    def __init__(self, stream: trio.abc.Stream, head: Head) -> None:
        self.socket = stream
        """The stream below: that of a WebSocket's upgrade."""
        self.pace: Callable[[int], float] = no_pace
        """Told of bytes that were read; how many seconds to wait before more are."""
        self.rest: bytes | None = None if has_body(head) else head.surplus
        """What came behind the request's end: the next request's beginning. None while the end was
        not seen; the connection cannot be used again then."""

    @property
    def whole(self) -> bool:
        """Whether the request was read to its end."""
        return self.rest is not None

    def body_ended(self, rest: bytes) -> None:
        """The body was read to its end, and `rest` is what came behind it."""
        self.rest = rest

    async def watch(self) -> None:
        """Return when the peer has hung up. What it sends before that is kept."""
        try:
            while len(self.rest or b"") < WATCH_BYTES:
                data = await self.socket.receive_some(WATCH_BYTES)
                if not data:
                    return
                self.rest = (self.rest or b"") + bytes(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        await trio.sleep_forever()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data = bytes(await self.socket.receive_some(max_bytes))
        if (wait_s := self.pace(len(data))) > 0:
            await trio.sleep(wait_s)
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.socket.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.socket.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self.socket.aclose()


def has_body(head: Head) -> bool:
    """Whether bytes of the request follow its head."""
    return bool(head.header("transfer-encoding")) or (head.header("content-length") or "0") != "0"


async def while_connected(stream: trio.abc.Stream, work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`; cancel it and raise PeerGone as soon as the peer hangs up.

    Only for requests that were read to their end: what else could be read is no hang-up. What
    `work` raises comes out as it is.
    """
    if not (isinstance(stream, RequestStream) and stream.whole):
        return await work()
    failure: Exception | None = None
    done: list[T] = []
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            await stream.watch()
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        try:
            done.append(await work())
        except Exception as error:
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    if not done:
        raise PeerGone(reason="the peer hung up before it had its answer")
    return done[0]
