"""Connections that carry several requests, and answers that are sent while they are made."""

from __future__ import annotations

import json
import math

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from parley.server.http import front as front_module
from parley.server.http.cors import Cors
from parley.server.http.front import KEPT_S, Answer, Front, HttpHandler, WebSocketRoute
from parley.server.http.head import BadRequest, Head
from parley.server.http.request_body import read_body
from parley.server.http.responses import Send, StreamedResponse, text_response
from parley.server.http.websocket import WebSocketTransport
from support.ws_client import CLOSE, TEXT, RawClient, close_payload, frame, request

TEXT_TYPE = {"Content-Type": "text/plain"}


async def hello(head: Head, stream: trio.abc.Stream) -> Answer:
    return text_response("hello " + head.query.get("name", "you"))


async def upload(head: Head, stream: trio.abc.Stream) -> Answer:
    return text_response((await read_body(stream, head, 10, 5)).decode())


async def counting(head: Head, stream: trio.abc.Stream) -> Answer:
    async def write(send: Send) -> None:
        for number in range(3):
            await send(f"{number};".encode())
            await send(b"")
            await trio.sleep(1)

    return StreamedResponse(TEXT_TYPE, write)


async def refused_before(head: Head, stream: trio.abc.Stream) -> Answer:
    async def write(send: Send) -> None:
        raise BadRequest(415, "not that")

    return StreamedResponse(TEXT_TYPE, write)


async def broken_behind(head: Head, stream: trio.abc.Stream) -> Answer:
    async def write(send: Send) -> None:
        await send(b"half")
        raise RuntimeError("a bug")

    return StreamedResponse(TEXT_TYPE, write)


async def silent(head: Head, stream: trio.abc.Stream) -> Answer:
    async def write(send: Send) -> None:
        await trio.lowlevel.checkpoint()

    return StreamedResponse(TEXT_TYPE, write)


async def echo(transport: WebSocketTransport, head: Head) -> None:
    while True:
        await transport.send(await transport.receive())


ROUTES: dict[tuple[str, str], HttpHandler] = {
    ("GET", "/"): hello,
    ("POST", "/upload"): upload,
    ("GET", "/counting"): counting,
    ("GET", "/refused"): refused_before,
    ("GET", "/broken"): broken_behind,
    ("GET", "/silent"): silent,
    ("GET", "/v1/models"): hello,
}
SOCKETS = {"/ws": WebSocketRoute(on_websocket=echo, max_message_bytes=100)}


class Client:
    """A connection that is served, and what its answers are."""

    def __init__(self, front: Front | None = None) -> None:
        self.front = front or Front(ROUTES, SOCKETS)
        self.stream, self.server = memory_stream_pair()
        self.raw = RawClient(self.stream)

    async def head(self) -> tuple[int, dict[str, str]]:
        first, *lines = (await self.raw.read_until(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines if line)
        return int(first.split()[1]), {name.lower(): value for name, value in pairs}

    async def answer(self) -> tuple[int, str]:
        status, headers = await self.head()
        body = b""
        if "content-length" in headers:
            for _ in range(int(headers["content-length"])):
                body += await self.raw.read_exactly(1)
        else:
            while size := int((await self.raw.read_until(b"\r\n")).strip(), 16):
                body += await self.raw.read_exactly(size)
                await self.raw.read_until(b"\r\n")
            await self.raw.read_until(b"\r\n")
        return status, body.decode()


def get(target: str, *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/{version}", "Host: a", *lines, "", ""]).encode()


def posted(body: str, *lines: str) -> bytes:
    return get("/upload", f"Content-Length: {len(body)}", *lines, method="POST") + body.encode()


async def test_two_hundred_requests_share_a_connection(autojump_clock: MockClock) -> None:
    client = Client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        for number in range(200):
            await client.raw.send(posted("abc") if number % 2 else get(f"/?name={number}"))
            expected = "abc" if number % 2 else f"hello {number}"
            assert await client.answer() == (200, expected)
        nursery.cancel_scope.cancel()


async def test_what_comes_at_once_is_answered_in_its_order(autojump_clock: MockClock) -> None:
    client = Client()
    chunked = get("/upload", "Transfer-Encoding: chunked", method="POST") + b"2\r\nde\r\n0\r\n\r\n"
    together = posted("abc") + get("/") + chunked + get("/nowhere") + get("/", "Connection: close")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        await client.raw.send(together)
        answers = [await client.answer() for _ in range(5)]
        assert await client.raw.read_all() == b""
        await client.stream.aclose()
    assert [status for status, _ in answers] == [200, 200, 200, 404, 200]
    assert [body for _, body in answers[:3]] == ["abc", "hello you", "de"]


CLOSING = (
    ("asked for", get("/", "Connection: close")),
    ("by HTTP/1.0", get("/", version="1.0")),
    ("behind a body that was not read", get("/", "Content-Length: 3", method="POST") + b"abc"),
    ("behind a body that was too large", posted("a" * 11)),
    ("behind a head that cannot be read", b"GET / HTTP/1.1\r\n\r\n"),
    ("behind an upgrade that was refused", request("/nowhere")),
)


@pytest.mark.parametrize(("why", "data"), CLOSING, ids=[why for why, _ in CLOSING])
async def test_the_connection_is_closed(why: str, data: bytes, autojump_clock: MockClock) -> None:
    client = Client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        await client.raw.send(data)
        _, headers = await client.head()
        await client.raw.read_all()
        await client.stream.aclose()
    assert headers["connection"] == "close"


async def test_a_connection_that_is_idle_is_closed_without_a_word(
    autojump_clock: MockClock,
) -> None:
    client = Client()
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.front.handle, client.server)
            await client.raw.send(get("/"))
            await client.answer()
            assert await client.raw.read_all() == b""
    assert trio.current_time() == KEPT_S
    assert [entry["log_level"] for entry in logs] == ["debug"]


async def test_a_connection_has_its_share_of_requests(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setattr(front_module, "REQUESTS_PER_CONNECTION", 2)
    client = Client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        await client.raw.send(get("/") * 3)
        assert "connection" not in (await client.head())[1]
        await client.raw.read_exactly(9)
        assert (await client.head())[1]["connection"] == "close"
        assert await client.raw.read_all() == b"hello you"
        await client.stream.aclose()


async def test_where_many_are_open_none_is_kept(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setattr(front_module, "KEPT_CONNECTIONS", 0)
    client = Client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        await client.raw.send(get("/"))
        assert (await client.head())[1]["connection"] == "close"
        await client.stream.aclose()


async def test_a_websocket_may_be_the_second_request(autojump_clock: MockClock) -> None:
    client = Client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        await client.raw.send(get("/") + request("/ws") + frame(TEXT, b"early"))
        assert await client.answer() == (200, "hello you")
        assert b" 101 " in await client.raw.read_until(b"\r\n\r\n")
        assert await client.raw.read_frame() == (TEXT, b"early")
        await client.raw.send(frame(CLOSE, close_payload(1000)))
        assert await client.raw.read_close() == 1000


# Streamed


async def test_a_streamed_answer_leaves_while_it_is_made(mock_clock: MockClock) -> None:
    client = Client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        await client.raw.send(get("/counting") + get("/"))
        status, headers = await client.head()
        assert (status, headers["transfer-encoding"]) == (200, "chunked")
        assert await client.raw.read_until(b";\r\n") == b"2\r\n0;\r\n"
        await wait_all_tasks_blocked()
        mock_clock.autojump_threshold = 0
        assert await client.raw.read_until(b"0\r\n\r\n") == b"2\r\n1;\r\n2\r\n2;\r\n0\r\n\r\n"
        assert trio.current_time() == 3
        assert await client.answer() == (200, "hello you")  # which waited behind it
        nursery.cancel_scope.cancel()


async def test_to_a_client_of_the_old_protocol_it_ends_with_the_connection(
    autojump_clock: MockClock,
) -> None:
    client = Client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        await client.raw.send(get("/counting", version="1.0"))
        _, headers = await client.head()
        assert "transfer-encoding" not in headers
        assert await client.raw.read_all() == b"0;1;2;"
        await client.stream.aclose()


async def test_what_goes_wrong_before_the_first_piece_has_a_status(
    autojump_clock: MockClock,
) -> None:
    client = Client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        await client.raw.send(get("/refused") + get("/silent") + get("/"))
        status, body = await client.answer()
        assert (status, json.loads(body)["error"]) == (415, "not that")
        assert await client.answer() == (200, "")
        assert await client.answer() == (200, "hello you")
        nursery.cancel_scope.cancel()


async def test_half_an_answer_is_not_taken_for_a_whole_one(autojump_clock: MockClock) -> None:
    client = Client()
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.front.handle, client.server)
            await client.raw.send(get("/broken"))
            assert (await client.raw.read_all()).endswith(b"4\r\nhalf\r\n")
    assert [entry["event"] for entry in logs] == ["answer_cut"]


async def test_a_peer_that_hangs_up_ends_the_work(autojump_clock: MockClock) -> None:
    ended = trio.Event()

    async def endless(head: Head, stream: trio.abc.Stream) -> Answer:
        async def write(send: Send) -> None:
            try:
                await send(b"first")
                await trio.sleep_forever()
            finally:
                ended.set()

        return StreamedResponse(TEXT_TYPE, write)

    client = Client(Front({("GET", "/"): endless}, {}))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        await client.raw.send(get("/"))
        await client.raw.read_until(b"first")
        await client.stream.aclose()
        with trio.fail_after(1):
            await ended.wait()


@pytest.mark.parametrize(
    ("bytes_per_s", "is_cut"), [(0, True), (500, True), (1500, True), (3000, False)]
)
async def test_who_reads_an_answer_too_slowly_does_not_get_its_end(
    bytes_per_s: int, is_cut: bool, autojump_clock: MockClock
) -> None:
    """Encoded speech at the pace at which it is spoken is not too slow."""

    class Slow(trio.abc.HalfCloseableStream):
        """Takes what is sent at the pace at which a peer reads it."""

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            await trio.sleep(len(data) / bytes_per_s if bytes_per_s else math.inf)

        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            if asked:
                await trio.sleep_forever()
            asked.append(True)
            await trio.lowlevel.checkpoint()
            return get("/")

        async def wait_send_all_might_not_block(self) -> None:
            await trio.lowlevel.checkpoint()

        async def send_eof(self) -> None:
            await trio.lowlevel.checkpoint()

        async def aclose(self) -> None:
            await trio.lowlevel.checkpoint()

    async def speech(head: Head, stream: trio.abc.Stream) -> Answer:
        async def write(send: Send) -> None:
            for _ in range(500):
                await send(b"x" * 1000)
            ended.append(True)

        return StreamedResponse(TEXT_TYPE, write)

    asked: list[bool] = []
    ended: list[bool] = []
    with trio.move_on_after(600):
        await Front({("GET", "/"): speech}, {}).handle(Slow())
    assert ended == ([] if is_cut else [True])
    if is_cut:
        assert trio.current_time() < 260


# Other origins


def cross(*lines: str, target: str = "/", method: str = "GET") -> bytes:
    return get(target, "Origin: https://page.example.org", *lines, method=method)


ASKS = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")


@pytest.mark.parametrize("origins", [("*",), ("https://page.example.org",)])
async def test_a_page_of_an_allowed_origin_may_ask_and_read(
    origins: tuple[str, ...], autojump_clock: MockClock
) -> None:
    client = Client(Front(ROUTES, SOCKETS, cors=Cors(origins)))
    allowed = origins[0]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        await client.raw.send(cross(*ASKS, target="/upload", method="OPTIONS"))
        status, headers = await client.head()
        assert (status, headers["access-control-allow-origin"]) == (204, allowed)
        assert headers["access-control-allow-methods"] == "OPTIONS, POST"
        assert headers["access-control-allow-headers"] == "authorization"
        for target in ("/", "/counting", "/nowhere", "/refused"):
            await client.raw.send(cross("Connection: close", target=target))
            assert (await client.head())[1]["access-control-allow-origin"] == allowed
            client = Client(client.front)
            nursery.start_soon(client.front.handle, client.server)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("origins", [(), ("https://other.example.org",)])
async def test_a_page_of_another_origin_may_not(
    origins: tuple[str, ...], autojump_clock: MockClock
) -> None:
    client = Client(Front(ROUTES, SOCKETS, cors=Cors(origins)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        await client.raw.send(cross(*ASKS, method="OPTIONS") + cross())
        status, headers = await client.head()
        assert (status, headers["allow"]) == (204, "GET, HEAD")
        assert not [name for name in headers if name.startswith("access-control")]
        assert "access-control-allow-origin" not in (await client.head())[1]
        nursery.cancel_scope.cancel()


# Refusals below /v1


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (get("/v1/nowhere"), 404, "unknown_url"),
        (get("/v1/models", method="POST"), 405, "method_not_allowed"),
    ],
)
async def test_below_v1_errors_have_the_shape_that_openais_clients_read(
    data: bytes, status: int, code: str, autojump_clock: MockClock
) -> None:
    client = Client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.front.handle, client.server)
        await client.raw.send(data)
        got, body = await client.answer()
        nursery.cancel_scope.cancel()
    error = json.loads(body)["error"]
    assert (got, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert error["message"]
