"""Request heads: what is taken, what is refused with which status, and in what time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from parley.server.http.head import (
    HEAD_LIMIT_BYTES,
    HEAD_LIMIT_S,
    BadHead,
    Head,
    HeadParser,
    read_head,
)
from parley.server.http.wire import LINGER_LIMIT_S
from parley.transport import PeerGone


def parse(data: bytes) -> Head:
    head = HeadParser().feed(data)
    assert head is not None
    return head


def get(target: str, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"GET {target} HTTP/{version}", "Host: a", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def test_what_lets_a_stream_in_is_not_shown() -> None:
    place = "/telephone/twilio/sales"
    assert parse(get(f"{place}/key-t0ken-of-one-s-own")).shown_path == f"{place}/key-…"
    assert parse(get(f"{place}/%6bey-t0ken?x=1")).shown_path == f"{place}/key-…"
    assert parse(get(f"{place}/call-0011-2233")).shown_path == f"{place}/call-…"
    assert parse(get("/monkey-business/calls")).shown_path == "/monkey-business/calls"


def test_a_plain_request_is_taken_apart() -> None:
    head = parse(get("/a/b?x=1&y=&x=2", "X-Thing: One", "X-Thing: two") + b"surplus")
    assert (head.method, head.path, head.target) == ("GET", "/a/b", "/a/b?x=1&y=&x=2")
    assert dict(head.query) == {"x": "2", "y": ""}
    assert head.header("X-THING") == "One, two"
    assert head.tokens("x-thing") == ["One", "two"]
    assert head.header("absent") is None
    assert head.tokens("absent") == []
    assert head.surplus == b"surplus"
    assert head.raw.endswith(b"surplus")
    assert not head.is_websocket


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/caf%C3%A9%20x", "/café x"),
        ("http://host:8084/ws?a=b", "/ws"),
        ("http://host", "/"),
        ("HTTP://host?a=b", "/"),
        ("/a%2Fb", "/a/b"),
        ("/a#part?x", "/a"),
        ("//evil/ws", "//evil/ws"),
        ("*", "*"),
    ],
)
def test_every_form_of_target_gives_its_path(target: str, path: str) -> None:
    assert parse(get(target)).path == path


def test_a_head_may_come_byte_by_byte() -> None:
    parser = HeadParser()
    data = get("/slow", "Upgrade: WebSocket")
    assert all(parser.feed(data[i : i + 1]) is None for i in range(len(data) - 1))
    head = parser.feed(data[-1:])
    assert head is not None
    assert head.path == "/slow"
    assert head.is_websocket
    assert head.raw == data


def test_http_1_0_needs_no_host() -> None:
    head = parse(b"GET / HTTP/1.0\r\n\r\n")
    assert head.http_version == "1.0"


@pytest.mark.parametrize(
    ("upgrade", "expected"), [("websocket", True), ("h2c, WebSocket", True), ("h2c", False)]
)
def test_an_upgrade_to_websocket_is_seen(upgrade: str, expected: bool) -> None:
    assert parse(get("/", f"Upgrade: {upgrade}")).is_websocket is expected


BAD = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (get("/", "Host: b"), 400),
    "non-ASCII host": (b"GET / HTTP/1.1\r\nHost: caf\xe9\r\n\r\n", 400),
    "endless host": (b"GET / HTTP/1.1\r\nHost: " + b"a" * 300 + b"\r\n\r\n", 400),
    "non-ASCII subprotocol": (get("/", "Sec-WebSocket-Protocol: \xe9"), 400),
    "non-ASCII key": (get("/", "Sec-WebSocket-Key: \xe9"), 400),
    "two lengths": (get("/", "Content-Length: 1", "Content-Length: 2"), 400),
    "length and chunked": (get("/", "Content-Length: 1", "Transfer-Encoding: chunked"), 400),
    "negative length": (get("/", "Content-Length: -1"), 400),
    "other encoding": (get("/", "Transfer-Encoding: gzip"), 501),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "garbage": (b"\x00\xff\x00\xff" * 10, 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "no path": (get("relative"), 400),
    "authority": (b"CONNECT host:443 HTTP/1.1\r\nHost: host\r\n\r\n", 400),
    "path not UTF-8": (get("/%ff"), 400),
    "CRLF in the path": (get("/%0d%0aSet-Cookie:x"), 400),
    "NUL in the path": (get("/%00"), 400),
    "raw bytes in the target": (b"GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "NUL in a header": (get("/", "X: a\0b"), 400),
    "header without a colon": (get("/", "nonsense"), 400),
    "too many fields": (get("/?" + "&".join(f"a{i}=1" for i in range(100))), 400),
    "too large at once": (get("/", "X: " + "a" * HEAD_LIMIT_BYTES), 431),
    "too large, unfinished": (b"GET / HTTP/1.1\r\nX: " + b"a" * HEAD_LIMIT_BYTES, 431),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_head_is_refused_with_its_status(case: str) -> None:
    data, status = BAD[case]
    with pytest.raises(BadHead) as bad:
        HeadParser().feed(data)
    assert bad.value.status == status
    assert len(bad.value.message) <= 120


async def test_a_head_is_read_from_a_stream() -> None:
    client, server = memory_stream_pair()
    await client.send_all(get("/x") + b"more")
    head = await read_head(server)
    assert (head.path, head.surplus) == ("/x", b"more")


async def test_a_head_that_never_ends_has_less_than_ten_seconds(
    autojump_clock: MockClock,
) -> None:
    client, server = memory_stream_pair()
    await client.send_all(b"GET / HTTP/1.1\r\n")
    with pytest.raises(BadHead, match="408"):
        await read_head(server)
    assert trio.current_time() == HEAD_LIMIT_S
    assert HEAD_LIMIT_S + LINGER_LIMIT_S < 10


async def test_a_peer_that_says_nothing_and_leaves_is_gone() -> None:
    client, server = memory_stream_pair()
    await client.aclose()
    with pytest.raises(PeerGone):
        await read_head(server)


async def test_a_connection_lost_within_the_head_is_gone() -> None:
    _, server = memory_stream_pair()
    await server.aclose()
    with pytest.raises(PeerGone):
        await read_head(server)


async def test_a_head_that_breaks_off_is_incomplete() -> None:
    client, server = memory_stream_pair()
    await client.send_all(b"GET / HT")
    await client.send_eof()
    with pytest.raises(BadHead, match="incomplete"):
        await read_head(server)
