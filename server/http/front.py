"""The front door: one connection in, an HTTP answer or a WebSocket conversation out.

The server's listener calls `Front.handle` once per connection. It raises nothing (cancellation
aside) and leaves nothing open: the peer's mistakes are answered, a handler's bug is logged and
costs only its own connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import structlog
import trio
from structlog.typing import FilteringBoundLogger

from ...transport import PeerGone
from .head import BadRequest, Head, read_head
from .responses import Response, error_response, render, respond
from .upgrade import check_upgrade
from .websocket import WebSocketTransport, open_websocket
from .wire import drop, peer_name

ANY_PATH = "*"
"""The key in `websocket_routes` of what serves every path that has no route of its own."""
RETRY_AFTER_S = 5
"""What a refused client is asked to wait: sessions end in minutes, a full house in seconds."""

HttpHandler: TypeAlias = Callable[[Head, trio.abc.Stream], Awaitable[Response]]
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


def _admit_all() -> str | None:
    return None


@dataclass(slots=True)
class Front:
    """Routes, and who is let in.

    `routes` maps (method, path) to a handler; a path may end in `/*`, for any one name there; a
    GET serves HEAD too. `admit` is asked before each upgrade and says None, or why not; it may rest
    on `websockets`, which counts every upgrade that was let in, from that very moment to its end.
    """

    routes: Mapping[tuple[str, str], HttpHandler]
    websocket_routes: Mapping[str, WebSocketRoute]
    admit: Callable[[], str | None] = _admit_all
    log: FilteringBoundLogger = field(default_factory=lambda: structlog.get_logger(__name__))
    websockets: int = field(default=0, init=False)

    async def handle(self, stream: trio.abc.Stream) -> None:
        """Serve one connection, to its end."""
        try:
            await self._serve(stream)
        except* PeerGone:
            pass
        except* Exception as group:
            self.log.error("connection_failed", peer=peer_name(stream), exc_info=group)
        finally:
            await drop(stream)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        try:
            head = await read_head(stream)
        except BadRequest as exc:
            await respond(stream, None, _refusal(exc))
            return
        response = await (self._upgrade if head.is_websocket else self._answer)(stream, head)
        if response is not None:
            self.log.debug("http", method=head.method, path=head.path, status=response.status)
            await respond(stream, head, response)

    async def _upgrade(self, stream: trio.abc.Stream, head: Head) -> Response | None:
        """Serve a WebSocket, or say why not."""
        route = self.websocket_routes.get(head.path) or self.websocket_routes.get(ANY_PATH)
        if route is None:
            return error_response(404, "no WebSocket is served at this path")
        try:
            check_upgrade(head)
            route.check(head)
        except BadRequest as exc:
            return _refusal(exc)
        refusal = self.admit()
        if refusal is not None:
            return error_response(503, refusal, {"Retry-After": str(RETRY_AFTER_S)})
        self.websockets += 1
        try:
            async with open_websocket(
                stream,
                head,
                max_message_bytes=route.max_message_bytes,
                subprotocols=route.subprotocols,
                log=self.log,
            ) as transport:
                await route.on_websocket(transport, head)
        finally:
            self.websockets -= 1
        return None

    async def _answer(self, stream: trio.abc.Stream, head: Head) -> Response:
        """The response to a plain request; whatever the handler does, there is one."""
        method = "GET" if head.method == "HEAD" else head.method
        below = f"{head.path.rpartition('/')[0]}/{ANY_PATH}"
        handler = self.routes.get((method, head.path)) or self.routes.get((method, below))
        if handler is None:
            return self._no_route(head)
        try:
            response = await handler(head, stream)
            render(head, response)  # an invalid one is the handler's bug, found before it is sent
        except PeerGone:
            raise
        except BadRequest as exc:
            return _refusal(exc)
        except Exception as exc:
            self.log.error("handler_failed", path=head.path, exc_info=exc)
            return error_response(500, "internal error")
        return response

    def _no_route(self, head: Head) -> Response:
        allowed = {method for method, path in self.routes if path == head.path}
        if allowed:
            if "GET" in allowed:
                allowed.add("HEAD")
            return error_response(405, "method not allowed", {"Allow": ", ".join(sorted(allowed))})
        if head.path in self.websocket_routes:
            return error_response(426, "this path serves WebSockets", {"Upgrade": "websocket"})
        return error_response(404, "not found")


def _refusal(exc: BadRequest) -> Response:
    return error_response(exc.status, exc.message, dict(exc.headers))
