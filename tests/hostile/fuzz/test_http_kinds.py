"""HTTP that two servers could read in two ways, and what is answered: a table.

Each input is sent to a front on a live loopback port, whole and in two pieces. `/secret` must never
be asked: what asks for it is hidden in something else. The answers are the statuses, in order.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog
import trio

from parley.server.http.front import Front
from parley.server.http.head import HEAD_LIMIT_BYTES, Head
from parley.server.http.request_body import read_body
from parley.server.http.responses import Response, json_response
from support.figures import Figures

LIMIT_S = 20.0
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /upload HTTP/1.1\r\nHost: a\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
SECRET = b"GET /secret HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


END = b"0\r\n\r\n"
SMUGGLED: dict[str, tuple[bytes, list[int]]] = {
    # Where does the request end? RFC 9112, 6.3: doubt ends the connection.
    "length and chunked": (
        POST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n" + END + SECRET,
        [400],
    ),
    "chunked and length": (POST + CHUNKED + b"Content-Length: 99\r\n\r\n" + END + SECRET, [400]),
    "two lengths": (POST + b"Content-Length: 0\r\nContent-Length: 37\r\n\r\n" + SECRET, [400]),
    "two lengths in one": (POST + b"Content-Length: 0, 37\r\n\r\n" + SECRET, [400]),
    "one length twice": (
        POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab" + LAST,
        [200, 200],
    ),
    "a length with a plus": (POST + b"Content-Length: +37\r\n\r\n" + SECRET, [400]),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n" + SECRET, [400]),
    "a length in hex": (POST + b"Content-Length: 0x25\r\n\r\n" + SECRET, [400]),
    "a length with a space": (POST + b"Content-Length: 3 7\r\n\r\n" + SECRET, [400]),
    "a length that is empty": (POST + b"Content-Length: \r\n\r\n" + SECRET, [400]),
    "a length of other digits": (POST + "Content-Length: ٣\r\n\r\n".encode() + SECRET, [400]),
    "a length with zeros": (POST + b"Content-Length: 0002\r\n\r\nab" + LAST, [200, 200]),
    "chunked twice": (POST + CHUNKED * 2 + b"\r\n" + END + SECRET, [501]),
    "chunked, chunked": (
        POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + END + SECRET,
        [501],
    ),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\n" + SECRET, [501]),
    "gzip, chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + END + SECRET, [501]),
    "chunked in capitals": (POST + b"Transfer-Encoding: CHUNKED\r\n\r\n" + END + LAST, [200, 200]),
    "xchunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n" + END + SECRET, [501]),
    "quoted chunked": (POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + END + SECRET, [501]),
    "chunked behind a tab": (
        POST + b"Transfer-Encoding:\tchunked\r\n\r\n" + END + LAST,
        [200, 200],
    ),
    "chunked behind \\x0b": (
        POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + END + SECRET,
        [400],
    ),
    "chunked by HTTP/1.0": (
        POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n" + chunk(SECRET) + END + SECRET,
        [200],
    ),
    # Headers. RFC 9112, 5.
    "a space before the colon": (
        POST + b"Transfer-Encoding : chunked\r\n\r\n" + END + SECRET,
        [400],
    ),
    "a tab before the colon": (POST + b"Content-Length\t: 37\r\n\r\n" + SECRET, [400]),
    "a folded line": (GET + b" Content-Length: 37\r\n\r\n" + SECRET, [400]),
    "a folded line of a header": (GET + b"X: a\r\n\tb\r\n\r\n" + SECRET, [400]),
    "a bare LF": (GET + b"X: a\nContent-Length: 37\r\n\r\n" + SECRET, [400]),
    "bare LFs": (LAST.replace(b"\r\n", b"\n") + SECRET, [400]),
    "a bare LF at the end": (GET[:-2] + b"\n\r\n" + SECRET, [400]),
    "a space before the first name": (
        b"GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n" + SECRET,
        [400],
    ),
    "no colon": (GET + b"Content-Length\r\n\r\n" + SECRET, [400]),
    "no name": (GET + b": chunked\r\n\r\n" + SECRET, [400]),
    "a NUL in a name": (GET + b"Content\0-Length: 37\r\n\r\n" + SECRET, [400]),
    "a NUL in a value": (GET + b"X: a\0b\r\n\r\n" + SECRET, [400]),
    "a bare CR in a value": (GET + b"X: a\rContent-Length: 37\r\n\r\n" + SECRET, [400]),
    "a bare CR at the end of a line": (GET + b"X: a\rY: b\r\n\r\n" + SECRET, [400]),
    "an underscore": (POST + b"Content_Length: 37\r\nContent-Length: 0\r\n\r\n" + LAST, [200, 200]),
    "two hosts": (GET + b"Host: b\r\n\r\n" + SECRET, [400]),
    "no host": (b"GET / HTTP/1.1\r\n\r\n" + SECRET, [400]),
    "an empty host": (b"GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", [200]),
    # Chunks. RFC 9112, 7.1.
    "a chunk's size with a sign": (POST + CHUNKED + b"\r\n+5\r\nhello\r\n" + END + SECRET, [400]),
    "a chunk's size as 0x5": (POST + CHUNKED + b"\r\n0x5\r\nhello\r\n" + END + SECRET, [400]),
    "a chunk's size behind a space": (
        POST + CHUNKED + b"\r\n 5\r\nhello\r\n" + END + SECRET,
        [400],
    ),
    "a chunk's size of 30 digits": (POST + CHUNKED + b"\r\n" + b"f" * 30 + b"\r\n" + SECRET, [400]),
    "a chunk that is longer": (POST + CHUNKED + b"\r\n3\r\nhello\r\n" + END + SECRET, [400]),
    "a chunk without its line end": (POST + CHUNKED + b"\r\n5\r\nhello" + END + SECRET, [400]),
    "an extension": (POST + CHUNKED + b"\r\n5;a=b\r\nhello\r\n" + END + LAST, [200, 200]),
    "an extension with a bare LF": (
        POST + CHUNKED + b"\r\n5;\nx\r\nhello\r\n" + END + SECRET,
        [400],
    ),
    "a chunk behind a bare LF": (POST + CHUNKED + b"\r\n5\nhello\n" + END + SECRET, [400]),
    "trailers": (POST + CHUNKED + b"\r\n" + chunk(b"a") + b"0\r\nX: y\r\n\r\n" + LAST, [200, 200]),
    "a trailer that is a length": (
        POST + CHUNKED + b"\r\n" + chunk(b"a") + b"0\r\nContent-Length: 37\r\n\r\n" + LAST,
        [200, 200],
    ),
    # The first line. RFC 9112, 3.
    "two spaces": (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n" + SECRET, [400]),
    "a tab": (b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n" + SECRET, [400]),
    "a space behind": (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n" + SECRET, [400]),
    "a space in the target": (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" + SECRET, [400]),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n" + SECRET, [505]),
    "HTTP/0.9": (b"GET /\r\n\r\n" + SECRET, [400]),
    "http/1.1": (b"GET / http/1.1\r\nHost: a\r\n\r\n" + SECRET, [400]),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SECRET, [505]),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECRET, [400]),
    "empty lines before": (b"\r\n\r\n" + SECRET, [400]),
    "a method in small letters": (b"get / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", [405]),
    "a method of its own": (b"FOO / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", [405]),
    "CONNECT": (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n" + SECRET, [400]),
    "TRACE": (b"TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", [405]),
    # Targets.
    "another host's address": (
        b"GET http://other.example/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        [200],
    ),
    "dots": (b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", [404]),
    "encoded dots": (b"GET /%2e%2e/secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", [404]),
    "dots to the secret": (
        b"GET /x/../secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        [404],
    ),
    "two slashes": (b"GET //secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", [404]),
    "a backslash": (b"GET /\\secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", [404]),
    "encoded twice": (b"GET /%2573ecret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", [404]),
    "half an encoding": (b"GET /%2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", [404]),
    "no UTF-8": (b"GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n" + SECRET, [400]),
    "overlong": (b"GET /%c0%afsecret HTTP/1.1\r\nHost: a\r\n\r\n" + SECRET, [400]),
    "a NUL": (b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n" + SECRET, [400]),
    "a line end": (b"GET /%0d%0aX:%20y HTTP/1.1\r\nHost: a\r\n\r\n" + SECRET, [400]),
    "a fragment": (b"GET /#/secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", [200]),
    # Many, and large.
    "a hundred headers": (GET + b"X: y\r\n" * 100 + b"Connection: close\r\n\r\n", [200]),
    "too many headers": (GET + b"X: y\r\n" * 4000 + b"\r\n" + SECRET, [431]),
    "a long header": (GET + b"X: " + b"y" * HEAD_LIMIT_BYTES + b"\r\n\r\n" + SECRET, [431]),
    "a long target": (
        b"GET /" + b"x" * HEAD_LIMIT_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n" + SECRET,
        [431],
    ),
    "many fields": (b"GET /?" + b"a&" * 1000 + b" HTTP/1.1\r\nHost: a\r\n\r\n" + SECRET, [400]),
    # One behind the other.
    "fifty in a row": ((GET + b"\r\n") * 49 + LAST, [200] * 50),
    "behind a body": (POST + b"Content-Length: 5\r\n\r\nhello" + LAST, [200, 200]),
    "behind a refused body": (POST + b"Content-Length: 5000\r\n\r\n" + b"x" * 5000 + SECRET, [413]),
    "behind a body that nobody reads": (
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\n" + SECRET,
        [200],
    ),
    "behind a close": (LAST + SECRET, [200]),
    "behind HTTP/1.0": (b"GET / HTTP/1.0\r\n\r\n" + SECRET, [200]),
}


@asynccontextmanager
async def server() -> AsyncIterator[tuple[int, list[str]]]:
    """Its port, and what was asked of `/secret`."""
    asked: list[str] = []

    async def page(head: Head, stream: trio.abc.Stream) -> Response:
        return json_response({"ok": True})

    async def secret(head: Head, stream: trio.abc.Stream) -> Response:
        asked.append(head.path)
        return json_response({"ok": True})

    async def upload(head: Head, stream: trio.abc.Stream) -> Response:
        return json_response({"bytes": len(await read_body(stream, head, 1000, 5))})

    def drop(*_: object) -> str:
        raise structlog.DropEvent

    front = Front(
        {("GET", "/"): page, ("GET", "/secret"): secret, ("POST", "/upload"): upload},
        {},
        log=structlog.wrap_logger(None, processors=[drop]),
    )
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, front.handle, listeners)
        yield listeners[0].socket.getsockname()[1], asked
        nursery.cancel_scope.cancel()


async def statuses(port: int, data: bytes, cut: int) -> list[int]:
    """Of the answers to these bytes, sent in two pieces, to the connection's end."""
    received = b""
    with trio.fail_after(LIMIT_S):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            for piece in (data[:cut], data[cut:]):
                if piece:
                    await stream.send_all(piece)
                    await trio.sleep(0.002)
            await stream.send_eof()
            async for part in stream:
                received += part
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


@pytest.mark.parametrize("name", SMUGGLED)
async def test_what_is_in_doubt_is_refused_and_hides_nothing(name: str) -> None:
    data, expected = SMUGGLED[name]
    async with server() as (port, asked):
        for cut in (0, len(data) // 2, data.index(b"\r\n") + 1):
            assert await statuses(port, data, cut) == expected, cut
        assert asked == []


def test_the_table_is_large(figures: Figures) -> None:
    figures.tell("HTTP in doubt", f"{len(SMUGGLED)} kinds", "all answered as the table says")
    assert len(SMUGGLED) >= 80
