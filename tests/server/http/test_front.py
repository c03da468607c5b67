"""The front door: routing, admission, refusals, containment. In memory, under virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from parley.server.http.front import ANY_PATH, Front, HttpHandler, WebSocketRoute
from parley.server.http.head import HEAD_LIMIT_S, BadRequest, Head
from parley.server.http.request_body import read_body
from parley.server.http.responses import Response, json_response, text_response
from parley.server.http.websocket import WebSocketTransport
from parley.transport import PeerGone
from support.ws_client import CLOSE, TEXT, RawClient, close_payload, frame, request


async def hello(head: Head, stream: trio.abc.Stream) -> Response:
    return text_response("hello " + head.query.get("name", "you"))


async def upload(head: Head, stream: trio.abc.Stream) -> Response:
    return json_response({"bytes": len(await read_body(stream, head, 10, 5))})


async def broken(head: Head, stream: trio.abc.Stream) -> Response:
    raise RuntimeError("a secret detail")


async def invalid(head: Head, stream: trio.abc.Stream) -> Response:
    return Response(200, {"X": "a\r\nb"})


async def vanished(head: Head, stream: trio.abc.Stream) -> Response:
    raise PeerGone


async def echo(transport: WebSocketTransport, head: Head) -> None:
    while True:
        await transport.send(await transport.receive())


async def crash(transport: WebSocketTransport, head: Head) -> None:
    raise RuntimeError("a bug")


async def polite(transport: WebSocketTransport, head: Head) -> None:
    await transport.send(head.path)
    await transport.close(1001, "bye")


ROUTES: dict[tuple[str, str], HttpHandler] = {
    ("GET", "/"): hello,
    ("POST", "/upload"): upload,
    ("GET", "/broken"): broken,
    ("GET", "/invalid"): invalid,
    ("GET", "/vanished"): vanished,
}
SOCKETS = {
    "/ws": WebSocketRoute(on_websocket=echo, max_message_bytes=100, subprotocols=("v1",)),
    "/crash": WebSocketRoute(on_websocket=crash, max_message_bytes=100),
    "/polite": WebSocketRoute(on_websocket=polite, max_message_bytes=100),
}


class Connection:
    """A client in memory, before a front that serves it."""

    def __init__(self, front: Front | None = None) -> None:
        self.front = front or Front(ROUTES, SOCKETS)
        client, self.server = memory_stream_pair()
        self.raw = RawClient(client)
        self.stream = client

    async def ask(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        """One request; the response's status, headers and body."""
        answer = b""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.front.handle, self.server)
            await self.raw.send(data)
            answer = await self.raw.read_all()
            await self.stream.aclose()
        top, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = top.decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        return int(first.split()[1]), headers, body


def http(method: str, target: str, *lines: str, body: str = "") -> bytes:
    top = [f"{method} {target} HTTP/1.1", "Host: a", "Connection: close", *lines]
    return ("\r\n".join([*top, "", ""]) + body).encode()


async def test_a_known_path_is_answered() -> None:
    status, headers, body = await Connection().ask(http("GET", "/?name=J%C3%BCrg"))
    assert (status, body.decode()) == (200, "hello Jürg")
    assert headers["connection"] == "close"


async def test_a_get_serves_head_too() -> None:
    status, headers, body = await Connection().ask(http("HEAD", "/"))
    assert (status, headers["content-length"], body) == (200, "9", b"")


async def test_a_body_reaches_its_handler() -> None:
    answer = await Connection().ask(http("POST", "/upload", "Content-Length: 3", body="abc"))
    assert json.loads(answer[2]) == {"bytes": 3}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (http("GET", "/nowhere"), 404),
        (http("PUT", "/"), 405),
        (http("POST", "/upload", "Content-Length: 11", body="x" * 11), 413),
        (http("GET", "/ws"), 426),
        (request("/nowhere"), 404),
        (request("/ws", drop=("Sec-WebSocket-Key",)), 400),
        (request("/ws", "Sec-WebSocket-Version: 8", drop=("Sec-WebSocket-Version",)), 426),
        (b"garbage\r\n\r\n", 400),
    ],
)
async def test_what_cannot_be_served_is_refused_in_json(data: bytes, status: int) -> None:
    got, headers, body = await Connection().ask(data)
    assert got == status
    assert headers["content-type"] == "application/json"
    answer = json.loads(body)
    assert answer["ok"] is False
    assert answer["error"]
    if status == 405:
        assert headers["allow"] == "GET, HEAD"
    if status == 426:
        assert headers["upgrade"] == "websocket"


async def test_a_route_may_refuse_what_an_address_asks_for() -> None:
    def check(head: Head) -> None:
        if "bad" in head.query:
            raise BadRequest(400, "bad: not that")

    route = WebSocketRoute(on_websocket=polite, max_message_bytes=100, check=check)
    front = Front(ROUTES, {"/ws": route}, admit=lambda: "full")
    status, _, body = await Connection(front).ask(request("/ws?bad=1"))
    assert (status, json.loads(body)["error"]) == (400, "bad: not that")
    assert (await Connection(front).ask(request("/ws?good=1")))[0] == 503


async def test_a_wrong_method_without_a_get_allows_no_head() -> None:
    assert (await Connection().ask(http("GET", "/upload")))[1]["allow"] == "POST"


@pytest.mark.parametrize("path", ["/broken", "/invalid"])
async def test_a_handlers_bug_is_500_without_details(path: str) -> None:
    with capture_logs() as logs:
        status, _, body = await Connection().ask(http("GET", path))
    assert status == 500
    assert json.loads(body) == {"ok": False, "error": "internal error"}
    assert [entry["log_level"] for entry in logs] == ["error", "debug"]


async def test_a_peer_lost_within_its_request_gets_nothing() -> None:
    connection = Connection()
    await connection.raw.send(http("GET", "/vanished"))
    await connection.front.handle(connection.server)
    assert await connection.raw.read_all() == b""


async def test_a_websocket_is_served_and_counted(autojump_clock: MockClock) -> None:
    connection = Connection()
    raw = connection.raw
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.front.handle, connection.server)
        await raw.open("/ws", "Sec-WebSocket-Protocol: v2, v1")
        assert "v1" in raw.response
        assert connection.front.websockets == 1
        await raw.send(frame(TEXT, b"hi"))
        assert await raw.read_frame() == (TEXT, b"hi")
        await raw.send(frame(CLOSE, close_payload(1000)))
        assert await raw.read_close() == 1000
    assert connection.front.websockets == 0


async def test_a_handler_may_close_with_its_own_code(autojump_clock: MockClock) -> None:
    connection = Connection()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.front.handle, connection.server)
        await connection.raw.open("/polite")
        assert await connection.raw.read_frame() == (TEXT, b"/polite")
        assert await connection.raw.read_close() == 1001
        await connection.stream.aclose()


async def test_any_path_serves_what_has_no_route_of_its_own(autojump_clock: MockClock) -> None:
    any_path = {ANY_PATH: WebSocketRoute(on_websocket=polite, max_message_bytes=100)}
    connection = Connection(Front({}, any_path))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.front.handle, connection.server)
        await connection.raw.open("/what/ever")
        assert await connection.raw.read_frame() == (TEXT, b"/what/ever")
        await connection.stream.aclose()


async def test_a_path_with_a_star_serves_websockets_of_any_one_name(
    autojump_clock: MockClock,
) -> None:
    below = {"/calls/*": WebSocketRoute(on_websocket=polite, max_message_bytes=100)}
    connection = Connection(Front({}, below))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.front.handle, connection.server)
        await connection.raw.open("/calls/any")
        assert await connection.raw.read_frame() == (TEXT, b"/calls/any")
        await connection.stream.aclose()
    assert (await Connection(Front({}, below)).ask(request("/calls/any/more")))[0] == 404
    assert (await Connection(Front({}, below)).ask(http("GET", "/calls/any")))[0] == 426


async def test_a_crash_of_a_websocket_handler_is_logged_and_told(
    autojump_clock: MockClock,
) -> None:
    connection = Connection()
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.front.handle, connection.server)
            await connection.raw.open("/crash")
            assert await connection.raw.read_close() == 1011
            await connection.stream.aclose()
    assert [entry["event"] for entry in logs] == ["connection_failed"]


async def test_a_full_house_refuses_before_the_upgrade() -> None:
    front = Front(ROUTES, SOCKETS, admit=lambda: "all seats are taken")
    status, headers, body = await Connection(front).ask(request("/ws"))
    assert (status, headers["retry-after"]) == (503, "5")
    assert json.loads(body) == {"ok": False, "error": "all seats are taken"}
    assert front.websockets == 0


async def test_admission_by_the_count_lets_in_exactly_that_many(
    autojump_clock: MockClock,
) -> None:
    front = Front(ROUTES, SOCKETS, admit=lambda: "full" if front.websockets >= 3 else None)
    clients = [Connection(front) for _ in range(10)]
    async with trio.open_nursery() as nursery:
        for client in clients:
            await client.raw.send(request("/ws"))
            nursery.start_soon(front.handle, client.server)
        await wait_all_tasks_blocked()
        firsts = [(await client.raw.read_until(b"\r\n"))[9:12] for client in clients]
        assert sorted(firsts) == [b"101"] * 3 + [b"503"] * 7
        for client in clients:
            await client.stream.aclose()


async def test_a_head_that_never_ends_is_answered_408(autojump_clock: MockClock) -> None:
    status, _, _ = await Connection().ask(b"GET / HTTP/1.1\r\nHost")
    assert status == 408
    assert trio.current_time() == HEAD_LIMIT_S


async def test_a_head_that_drips_is_answered_408(autojump_clock: MockClock) -> None:
    connection = Connection()

    async def drip() -> None:
        try:
            for byte in request("/ws"):
                await connection.raw.send(bytes([byte]))
                await trio.sleep(1)
        except trio.BrokenResourceError:
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip)
        nursery.start_soon(connection.front.handle, connection.server)
        assert (await connection.raw.read_until(b"\r\n")).startswith(b"HTTP/1.1 408 ")
    assert trio.current_time() < 15


async def test_a_connection_without_a_word_is_no_news() -> None:
    connection = Connection()
    with capture_logs() as logs:
        await connection.stream.aclose()
        await connection.front.handle(connection.server)
    assert logs == []


async def test_a_broken_admission_costs_one_connection_only() -> None:
    def admit() -> str | None:
        raise RuntimeError("a bug")

    connection = Connection(Front(ROUTES, SOCKETS, admit=admit))
    with capture_logs() as logs:
        await connection.raw.send(request("/ws"))
        await connection.front.handle(connection.server)
    assert logs[0]["event"] == "connection_failed"
    assert await connection.raw.read_all() == b""


@pytest.mark.parametrize("stage", [lambda: b"", lambda: b"GET ", lambda: request("/ws")])
async def test_cancellation_leaves_nothing_open(
    stage: Callable[[], bytes], autojump_clock: MockClock
) -> None:
    connection = Connection()
    await connection.raw.send(stage())
    with trio.move_on_after(1):
        await connection.front.handle(connection.server)
    await connection.raw.read_all()
    assert trio.current_time() == 1
    assert connection.front.websockets == 0


async def drip(stream: trio.abc.SendStream, data: bytes, every_s: float) -> None:
    try:
        for at in range(len(data)):
            await stream.send_all(data[at : at + 1])
            await trio.sleep(every_s)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass


async def test_a_body_that_drips_is_answered_408(autojump_clock: MockClock) -> None:
    """It had two minutes, and one byte a second keeps it from standing still."""

    async def patient(head: Head, stream: trio.abc.Stream) -> Response:
        return json_response({"bytes": len(await read_body(stream, head, 1000, 120))})

    asked = http("POST", "/upload", "Content-Length: 100")
    for every_s, status in ((0.01, b"200"), (1.0, b"408")):
        connection = Connection(Front({("POST", "/upload"): patient}, {}))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.front.handle, connection.server)
            began_s = trio.current_time()
            await connection.stream.send_all(asked)
            nursery.start_soon(drip, connection.stream, b"x" * 100, every_s)
            answer = await connection.raw.read_until(b"\r\n")
            assert answer.startswith(b"HTTP/1.1 " + status)
            assert trio.current_time() - began_s < 10
            nursery.cancel_scope.cancel()
