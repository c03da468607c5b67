"""HTTP responses and request bodies."""

from __future__ import annotations

import json
from functools import partial

import h11
import pytest
import trio
from trio.testing import (
    MockClock,
    lockstep_stream_pair,
    memory_stream_pair,
    wait_all_tasks_blocked,
)

from parley.server.http.head import Head, HeadParser
from parley.server.http.request_body import BadBody, read_body
from parley.server.http.responses import (
    Response,
    error_response,
    json_response,
    render,
    respond,
    text_response,
)
from parley.transport import PeerGone
from support.ws_client import RawClient


def head_of(method: str, *headers: str, body: bytes = b"", version: str = "1.1") -> Head:
    lines = [f"{method} / HTTP/{version}", "Host: a", *headers, "", ""]
    head = HeadParser().feed("\r\n".join(lines).encode() + body)
    assert head is not None
    return head


def split(raw: bytes) -> tuple[str, dict[str, str], bytes]:
    top, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = top.decode().split("\r\n")
    return status, {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, body


def test_a_json_response_is_complete_and_never_cached() -> None:
    status, headers, body = split(render(head_of("GET"), json_response({"ok": True})))
    assert status == "HTTP/1.1 200 OK"
    assert headers == {
        "content-length": str(len(body)),
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "connection": "close",
    }
    assert json.loads(body) == {"ok": True}


def test_a_text_response_may_have_another_type_and_headers_win() -> None:
    response = text_response("é", 400, "text/html")
    assert (response.status, response.body) == (400, "é".encode())
    fresh = json_response(1, headers={"Cache-Control": "max-age=60"})
    assert split(render(None, fresh))[1]["cache-control"] == "max-age=60"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_head_gets_the_headers_without_the_body(version: str) -> None:
    _, headers, body = split(render(head_of("HEAD", version=version), text_response("hello")))
    assert headers["content-length"] == "5"
    assert body == b""


def test_no_content_has_no_length() -> None:
    assert "content-length" not in split(render(head_of("GET"), Response(204)))[1]


@pytest.mark.parametrize(
    "bad", [Response(200, {"X": "a\r\nSet-Cookie: b"}), Response(204, {}, b"body")]
)
def test_an_invalid_response_is_our_bug_and_not_sent(bad: Response) -> None:
    with pytest.raises(h11.LocalProtocolError):
        render(head_of("GET"), bad)


async def test_a_client_still_sending_gets_its_answer(autojump_clock: MockClock) -> None:
    client, server = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(respond, server, None, error_response(413, "too much"))
        await wait_all_tasks_blocked()
        await client.send_all(b"x" * 100_000)
        answer = await RawClient(client).read_all()
        await client.aclose()
    assert b"413 Content Too Large" in answer
    assert trio.current_time() == 0


async def test_a_peer_that_never_closes_costs_two_seconds(autojump_clock: MockClock) -> None:
    _client, server = memory_stream_pair()
    await respond(server, None, text_response("x"))
    assert trio.current_time() == 2
    with pytest.raises(trio.ClosedResourceError):
        await server.send_all(b"x")


async def test_a_peer_that_never_reads_is_dropped(autojump_clock: MockClock) -> None:
    _client, server = lockstep_stream_pair()
    await respond(server, head_of("GET"), text_response("x" * 100_000))
    assert trio.current_time() == 10


async def test_a_peer_that_is_gone_already_is_no_error() -> None:
    client, server = memory_stream_pair()
    await client.aclose()
    await respond(server, head_of("GET"), text_response("x"))


async def test_a_long_response_arrives_whole() -> None:
    client, server = lockstep_stream_pair()
    text = "0123456789" * 20_000
    async with trio.open_nursery() as nursery:
        nursery.start_soon(respond, server, head_of("GET"), text_response(text))
        answer = await RawClient(client).read_all()
        await client.aclose()
    assert split(answer)[2].decode() == text


async def test_a_body_is_read_whole_from_surplus_and_stream() -> None:
    client, server = memory_stream_pair()
    head = head_of("POST", "Content-Length: 10", body=b"01234")
    await client.send_all(b"56789next")
    assert await read_body(server, head, 10, 1) == b"0123456789"


async def test_a_request_without_a_body_has_an_empty_one() -> None:
    _, server = memory_stream_pair()
    assert await read_body(server, head_of("GET"), 10, 1) == b""


async def test_a_chunked_body_is_read() -> None:
    client, server = memory_stream_pair()
    head = head_of("POST", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n")
    await client.send_all(b"2;ext=1\r\nde\r\n0\r\n\r\n")
    assert await read_body(server, head, 10, 1) == b"abcde"


async def test_a_client_that_waits_for_permission_gets_it() -> None:
    client, server = memory_stream_pair()
    head = head_of("POST", "Content-Length: 2", "Expect: 100-continue")
    async with trio.open_nursery() as nursery:

        async def sender() -> None:
            raw = RawClient(client)
            assert await raw.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await raw.send(b"ok")

        nursery.start_soon(sender)
        assert await read_body(server, head, 10, 1) == b"ok"


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (["Content-Length: 11"], b"", 413),
        (["Content-Length: 11", "Expect: 100-continue"], b"", 413),
        ([CHUNKED], b"b\r\n01234567890\r\n0\r\n\r\n", 413),
        ([CHUNKED], b"zz\r\n", 400),
        ([CHUNKED], b"-1\r\n", 400),
        ([CHUNKED], b"3\r\nabcXX", 400),
        ([CHUNKED], b"1;" + b"e" * 17_000, 400),
    ],
)
async def test_a_bad_body_is_refused_with_its_status(
    headers: list[str], body: bytes, status: int
) -> None:
    client, server = memory_stream_pair()
    await client.send_all(body)
    await client.send_eof()
    with pytest.raises(BadBody) as bad:
        await read_body(server, head_of("POST", *headers), 10, 1)
    assert bad.value.status == status


async def test_endless_framing_is_not_a_body() -> None:
    client, server = memory_stream_pair()
    for _ in range(4):
        await client.send_all(b"1;" + b"e" * 8_000 + b"\r\nx\r\n")
    with pytest.raises(BadBody, match="framing"):
        await read_body(server, head_of("POST", CHUNKED), 10, 1)


async def test_a_body_cut_short_is_bad() -> None:
    client, server = memory_stream_pair()
    await client.send_all(b"01")
    await client.send_eof()
    with pytest.raises(BadBody, match="400"):
        await read_body(server, head_of("POST", "Content-Length: 3"), 10, 1)


async def test_a_body_too_slow_is_given_up_in_time(autojump_clock: MockClock) -> None:
    _client, server = memory_stream_pair()
    with pytest.raises(BadBody) as bad:
        await read_body(server, head_of("POST", "Content-Length: 3"), 10, 7)
    assert (bad.value.status, trio.current_time()) == (408, 7)


async def test_a_connection_lost_within_the_body_is_gone() -> None:
    _client, server = memory_stream_pair()
    read = partial(read_body, server, head_of("POST", "Content-Length: 3"), 10, 1)
    async with trio.open_nursery() as nursery:

        async def reader() -> None:
            with pytest.raises(PeerGone):
                await read()

        nursery.start_soon(reader)
        await wait_all_tasks_blocked()
        await server.aclose()
