"""The front door: one connection in, HTTP answers or a WebSocket conversation out.

The server's listener calls `Front.handle` once per connection. It raises nothing (cancellation
aside) and leaves nothing open: the peer's mistakes are answered, a handler's bug is logged and
costs only its own connection.

A connection carries one request after another (HTTP/1.1), until the client says `close`, says
nothing for a while, has had its share, or the two no longer agree on where a request ends. Of those
without a request there are as many as `waiting_room` has room for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import structlog
import trio
from structlog.typing import FilteringBoundLogger

from ...addresses import host_name, is_loopback
from ...transport import PeerGone
from .cors import Cors
from .head import RECEIVE_BYTES, BadRequest, Head, read_head
from .refusals import refusal
from .request_stream import RequestStream, while_connected
from .responses import Response, StreamedResponse, Writer, render, respond
from .tls import Certificates, NoHandshake
from .upgrade import check_upgrade
from .waiting_room import WaitingRoom
from .websocket import WebSocketTransport, open_websocket
from .wire import drop, peer_host, peer_name, reset_on_close, tune

ANY_PATH = "*"
"""The key in `websocket_routes` of what serves every path that has no route of its own."""
RETRY_AFTER_S = 5
"""What a refused client is asked to wait: sessions end in minutes, a full house in seconds."""
KEPT_S = 30.0
"""How long a connection may be idle between two requests. Clients' pools keep theirs 5 to 60 s, and
ask again where one was closed meanwhile."""
REQUESTS_PER_CONNECTION = 1000
"""Then a client opens another one. It bounds what a connection can go wrong by, and costs a
thousandth."""
SECURE_S = 86_400
"""For how long a browser that came by https comes by nothing else: a day, so that one who goes back
to plain HTTP is not locked out for long."""
KEPT_CONNECTIONS = 500
"""Kept open at once. Beyond that each answer closes its connection, as descriptors are limited."""

Answer: TypeAlias = Response | StreamedResponse
HttpHandler: TypeAlias = Callable[[Head, trio.abc.Stream], Awaitable[Answer]]
"""The stream is there for `read_body`; the handler does not write to it."""
WebSocketHandler: TypeAlias = Callable[[WebSocketTransport, Head], Awaitable[None]]


def _no_check(head: Head) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketRoute:
    """What serves a path's WebSockets. A message over `max_message_bytes` closes with 1009.

    `check` is asked before the upgrade is accepted, and raises BadRequest where its address asks
    for what cannot be.
    """

    on_websocket: WebSocketHandler
    max_message_bytes: int
    subprotocols: Collection[str] = ()
    check: Callable[[Head], object] = _no_check


class Guest(Protocol):
    """Whoever was let in."""

    def conversation(self) -> AbstractContextManager[None]:
        """A place for one WebSocket. Raises BadRequest where there is none."""
        ...

    def wait_for_bytes(self, count: int) -> float:
        """So many bytes were read; how many seconds to wait before more are read."""
        ...


class Doorman(Protocol):
    """Who may ask for what; see server/access."""

    async def look_up(self, head: Head) -> Any:
        """What has to be asked elsewhere before; it is `once` for let_in."""
        ...

    def let_in(self, head: Head, peer: str, *, private: bool = False, once: Any = None) -> Guest:
        """Raises BadRequest for a request that is refused. `peer` is an address without its port;
        `private`: it came by a listener of its own."""
        ...


class _Anybody:
    """Where nobody asks."""

    def conversation(self) -> AbstractContextManager[None]:
        return nullcontext()

    def wait_for_bytes(self, count: int) -> float:
        return 0.0


ANYBODY: Guest = _Anybody()


def _admit_all() -> str | None:
    return None


@dataclass(slots=True)
class Front:
    """Routes, and who is let in.

    `routes` maps (method, path) to a handler; the last part of a path, or the one before, may be
    `*`, for any one name, and the last of one of `websocket_routes`; a GET serves HEAD too. The
    `doorman` is asked first, before anything is done for a request. `admit` is asked before each
    upgrade and says None, or why not; it may rest on `websockets`, which counts every upgrade that
    was let in, from that very moment to its end. `private`: only who may look after the server
    reaches it.
    """

    routes: Mapping[tuple[str, str], HttpHandler]
    websocket_routes: Mapping[str, WebSocketRoute]
    admit: Callable[[], str | None] = _admit_all
    log: FilteringBoundLogger = field(default_factory=lambda: structlog.get_logger(__name__))
    cors: Cors = field(default_factory=Cors)
    waiting_room: WaitingRoom = field(default_factory=WaitingRoom)
    certificates: Certificates | None = None
    doorman: Doorman | None = None
    private: bool = False
    websockets: int = field(default=0, init=False)
    idle: int = field(default=0, init=False)
    """Connections that are kept open between two requests."""
    _connections: int = field(default=0, init=False)

    async def handle(self, stream: trio.abc.Stream) -> None:
        """Serve one connection, to its end."""
        self._connections += 1
        tune(stream)
        try:
            secured = stream
            if self.certificates is not None:
                with self.waiting_room.place(stream):
                    secured = await self.certificates.secure(stream)
            await self._serve(secured)
        except* (PeerGone, NoHandshake):
            pass
        except* Exception as group:
            self.log.error("connection_failed", peer=peer_name(stream), exc_info=group)
        finally:
            self._connections -= 1
            await drop(stream)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        early = b""
        for left in range(REQUESTS_PER_CONNECTION - 1, -1, -1):
            try:
                with self.waiting_room.place(stream):
                    head = await read_head(stream, early)
            except BadRequest as exc:
                await respond(stream, None, refusal(None, exc))
                return
            if head.is_websocket:
                refused = await self._upgrade(stream, head)
                if refused is not None:
                    self._log(head, refused.status)
                    await respond(stream, head, refused)
                return
            request = RequestStream(stream, head)
            if not await self._answer(request, head, may_keep=left > 0):
                return
            early = request.rest or await self._next_bytes(stream)

    async def _upgrade(self, stream: trio.abc.Stream, head: Head) -> Response | None:
        """Serve a WebSocket, or say why not."""
        with ExitStack() as kept:
            try:
                guest, route = await self._may_open(stream, head)
                kept.enter_context(guest.conversation())
            except BadRequest as exc:
                return refusal(head, exc)
            self.websockets += 1
            try:
                async with open_websocket(
                    stream,
                    head,
                    max_message_bytes=route.max_message_bytes,
                    subprotocols=route.subprotocols,
                    log=self.log,
                    pace=guest.wait_for_bytes,
                ) as transport:
                    await route.on_websocket(transport, head)
            finally:
                self.websockets -= 1
        return None

    async def _may_open(self, stream: trio.abc.Stream, head: Head) -> tuple[Guest, WebSocketRoute]:
        """Whose WebSocket it is, and what serves it. Raises BadRequest."""
        guest = await self._let_in(stream, head)
        route = self._websocket_route(head.path) or self.websocket_routes.get(ANY_PATH)
        if route is None:
            raise BadRequest(404, "no WebSocket is served at this path")
        check_upgrade(head)
        route.check(head)
        if (full := self.admit()) is not None:
            raise BadRequest(503, full, (("Retry-After", str(RETRY_AFTER_S)),))
        return guest, route

    async def _let_in(self, stream: trio.abc.Stream, head: Head) -> Guest:
        """Raises BadRequest for whoever may not ask for this."""
        if self.doorman is None:
            return ANYBODY
        once = await self.doorman.look_up(head)
        return self.doorman.let_in(head, peer_host(stream), private=self.private, once=once)

    async def _answer(self, request: RequestStream, head: Head, *, may_keep: bool) -> bool:
        """Answer a plain request; whatever the handler does, it is answered. Says whether the
        connection can carry another one."""
        answer = await self._asked(head, request)
        if isinstance(answer, StreamedResponse):
            keep = may_keep and self._can_keep(head, request)
            told = StreamedResponse({**self._headers(head), **answer.headers}, answer.write)
            writer = Writer(request, head, told, keep=keep)
            failed = await self._stream(head, request, writer, told)
            if failed is None:
                self._log(head, 200)
                return keep and self._can_keep(head, request)
            answer = failed
        # A handler's own choice of a header wins, and Vary is not its to drop.
        answer = Response(answer.status, {**self._headers(head), **answer.headers}, answer.body)
        keep = may_keep and self._can_keep(head, request)
        self._log(head, answer.status)
        return await respond(request.socket, head, answer, keep=keep)

    def _headers(self, head: Head) -> dict[str, str]:
        """What comes on top of every answer's headers."""
        headers = self.cors.headers(head)
        if self.certificates is not None and not is_loopback(host_name(head.header("host") or "")):
            headers["Strict-Transport-Security"] = f"max-age={SECURE_S}"
        return headers

    async def _asked(self, head: Head, request: RequestStream) -> Answer:
        """What the handler answers, or what is answered in its place."""
        try:
            request.pace = (await self._let_in(request.socket, head)).wait_for_bytes
            handler = self._handler(head)
            if handler is None:
                return self._no_route(head)
            answer = await handler(head, request)
            if isinstance(answer, Response):
                render(head, answer)  # an invalid one is the handler's bug, found before it is sent
        except Exception as error:
            return self._failed(head, error)
        return answer

    async def _stream(
        self, head: Head, request: RequestStream, writer: Writer, answer: StreamedResponse
    ) -> Response | None:
        """Send an answer while it is made. Gives another one where nothing of it has left."""
        try:
            await while_connected(request, lambda: answer.write(writer.send))
            await writer.end()
        except Exception as error:
            if not writer.begun:
                return self._failed(head, error)
            if not isinstance(error, PeerGone):
                self.log.warning("answer_cut", path=head.shown_path, error=error)
            reset_on_close(request.socket)  # by HTTP/1.0 a plain close would be its end
            raise PeerGone(reason="the answer could not be made to its end") from None
        return None

    def _failed(self, head: Head, error: Exception) -> Response:
        """The answer where a handler raised."""
        if isinstance(error, PeerGone):
            raise error
        if isinstance(error, BadRequest):
            return refusal(head, error)
        self.log.error("handler_failed", path=head.shown_path, exc_info=error)
        return refusal(head, BadRequest(500, "internal error"))

    def _handler(self, head: Head) -> HttpHandler | None:
        method = "GET" if head.method == "HEAD" else head.method
        places = (head.path, _below(head.path), _within(head.path))
        found = (self.routes.get((method, place)) for place in places)
        return next(filter(None, found), None)

    def _websocket_route(self, path: str) -> WebSocketRoute | None:
        return self.websocket_routes.get(path) or self.websocket_routes.get(_below(path))

    def _no_route(self, head: Head) -> Response:
        places = (head.path, _below(head.path), _within(head.path))
        allowed = {method for method, path in self.routes if path in places}
        if allowed:
            if "GET" in allowed:
                allowed.add("HEAD")
            if head.method == "OPTIONS":
                preflight = self.cors.preflight(head, allowed)
                return Response(204, preflight or {"Allow": ", ".join(sorted(allowed))})
            told = (("Allow", ", ".join(sorted(allowed))),)
            return refusal(head, BadRequest(405, "method not allowed", told))
        if self._websocket_route(head.path) is not None:
            told = (("Upgrade", "websocket"),)
            return refusal(head, BadRequest(426, "this path serves WebSockets", told))
        return refusal(head, BadRequest(404, "not found", code="unknown_url"))

    def _can_keep(self, head: Head, request: RequestStream) -> bool:
        return (
            request.whole
            and head.http_version == "1.1"
            and "close" not in [token.lower() for token in head.tokens("connection")]
            and self._connections <= KEPT_CONNECTIONS
        )

    async def _next_bytes(self, stream: trio.abc.Stream) -> bytes:
        """The beginning of the next request. Raises PeerGone where none comes for a while."""
        self.idle += 1
        try:
            with self.waiting_room.place(stream), trio.move_on_after(KEPT_S):
                data = await stream.receive_some(RECEIVE_BYTES)
                if data:
                    return bytes(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self.idle -= 1
        raise PeerGone(reason="no further request")

    def _log(self, head: Head, status: int) -> None:
        """A path that nothing is served at may hold anything, also what proves who asks."""
        known = self._handler(head) or self._websocket_route(head.path)
        path = head.shown_path if known is not None else "unknown"
        self.log.debug("http", method=head.method, path=path, status=status)


def _below(path: str) -> str:
    """The route that serves any one name in a path's folder."""
    return f"{path.rpartition('/')[0]}/{ANY_PATH}"


def _within(path: str) -> str:
    """The route that serves what is below any one name."""
    folder, _, last = path.rpartition("/")
    return f"{_below(folder)}/{last}"
