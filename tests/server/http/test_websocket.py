"""One WebSocket over a stream in memory: handshake, messages, breaches, keep-alive, endings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import (
    MockClock,
    lockstep_stream_pair,
    memory_stream_pair,
    wait_all_tasks_blocked,
)

from parley.server.http.head import BadRequest, Head, HeadParser, read_head
from parley.server.http.upgrade import BadUpgrade, check_upgrade
from parley.server.http.websocket import WebSocketTransport, open_websocket
from parley.server.http.wire import FLOOD_LIMIT_BYTES, SENT_LIMIT_S
from parley.transport import PeerGone, Transport
from support.ws_client import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    RawClient,
    close_payload,
    frame,
    request,
)

MAX = 1000


def parsed(data: bytes) -> Head:
    head = HeadParser().feed(data)
    assert head is not None
    return head


@asynccontextmanager
async def conversation(
    *offers: str, early: bytes = b"", known: tuple[str, ...] = (), lockstep: bool = False
) -> AsyncIterator[tuple[WebSocketTransport, RawClient]]:
    """An open WebSocket: the server's transport and a raw client."""
    client, server = lockstep_stream_pair() if lockstep else memory_stream_pair()
    raw = RawClient(client)
    extra = [f"Sec-WebSocket-Protocol: {', '.join(offers)}"] if offers else []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(raw.send, request("/ws", *extra) + early)
        head = await read_head(server)
        nursery.start_soon(open_client, raw)
        opening = open_websocket(server, head, max_message_bytes=MAX, subprotocols=known)
        async with opening as transport:
            while not raw.response:
                await wait_all_tasks_blocked()
            yield transport, raw


async def open_client(raw: RawClient) -> None:
    raw.response = (await raw.read_until(b"\r\n\r\n")).decode()
    assert raw.response.startswith("HTTP/1.1 101 ")


async def gone(transport: Transport) -> PeerGone:
    """How the connection ended, after the messages still waiting."""
    with pytest.raises(PeerGone) as caught:
        while True:
            await transport.receive()
    return caught.value


async def test_messages_go_both_ways() -> None:
    async with conversation() as (transport, raw):
        await raw.send(frame(TEXT, "hé".encode()), frame(BINARY, b"\0\1"))
        assert await transport.receive() == "hé"
        assert await transport.receive() == b"\0\1"
        await transport.send("back")
        await transport.send(b"\2")
        assert await raw.read_frame() == (TEXT, b"back")
        assert await raw.read_frame() == (BINARY, b"\2")
        assert transport.peer == "stream"
        await raw.send(frame(CLOSE, close_payload(1000)))
        assert (await gone(transport)).code == 1000
        assert await raw.read_close() == 1000


async def test_fragments_are_joined() -> None:
    async with conversation() as (transport, raw):
        await raw.send(frame(TEXT, b"a\xc3", fin=False), frame(PING, b"p"), frame(0, b"\xa9b"))
        assert await transport.receive() == "aéb"
        assert await raw.read_frame() == (PONG, b"p")
        await raw.stream.aclose()


async def test_frames_sent_before_the_handshake_was_answered_are_kept() -> None:
    early = frame(TEXT, b"early") + frame(TEXT, b"bird")
    async with conversation(early=early) as (transport, raw):
        assert [await transport.receive(), await transport.receive()] == ["early", "bird"]
        await raw.stream.aclose()


@pytest.mark.parametrize(
    ("offers", "known", "selected"),
    [
        ((), ("v1",), None),
        (("v2", "v1"), ("v1",), "v1"),
        (("v2", "v1"), ("v1", "v2"), "v2"),
        (("token.abc", "x"), (), "token.abc"),
        (("openai-insecure-api-key.abc", "v1"), ("v1",), "v1"),
        (("openai-insecure-api-key.abc",), ("v1",), None),
    ],
)
async def test_an_offered_subprotocol_is_selected_unless_it_may_hold_a_key(
    offers: tuple[str, ...], known: tuple[str, ...], selected: str | None
) -> None:
    async with conversation(*offers, known=known) as (transport, raw):
        assert transport.subprotocol == selected
        expected = f"sec-websocket-protocol: {selected}"
        assert (expected in raw.response.lower()) is (selected is not None)
        await raw.stream.aclose()


BAD = {
    "POST": (request(method="POST"), 400),
    "HTTP/1.0": (request().replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "no Connection": (request(drop=("Connection",)), 400),
    "body": (request("/", "Content-Length: 3"), 400),
    "chunked": (request("/", "Transfer-Encoding: chunked"), 400),
    "no version": (request(drop=("Sec-WebSocket-Version",)), 400),
    "version 8": (request("/", "Sec-WebSocket-Version: 8", drop=("Sec-WebSocket-Version",)), 426),
    "two versions": (request("/", "Sec-WebSocket-Version: 8"), 426),
    "no key": (request(drop=("Sec-WebSocket-Key",)), 400),
    "short key": (request("/", "Sec-WebSocket-Key: YWJj", drop=("Sec-WebSocket-Key",)), 400),
    "key not base64": (request("/", "Sec-WebSocket-Key: !!", drop=("Sec-WebSocket-Key",)), 400),
    "two keys": (request("/", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400),
    "subprotocol with a space": (request("/", "Sec-WebSocket-Protocol: a b"), 400),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_upgrade_is_refused_and_the_stream_untouched(case: str) -> None:
    data, status = BAD[case]
    client, server = memory_stream_pair()
    with pytest.raises(BadUpgrade) as bad:
        async with open_websocket(server, parsed(data), max_message_bytes=MAX):
            pass
    assert isinstance(bad.value, BadRequest)
    assert bad.value.status == status
    await server.send_all(b"still open")
    assert await client.receive_some() == b"still open"
    if status == 426:
        assert ("Sec-WebSocket-Version", "13") in bad.value.headers


def test_the_library_never_sees_the_peers_own_head() -> None:
    data = request("/ws?secret", "Cookie: a=b").replace(b"localhost", b"xn--a")
    replay = check_upgrade(parsed(data)).replay()
    assert all(word not in replay for word in (b"xn--a", b"secret", b"Cookie"))


BREACHES = {
    "oversized": (frame(BINARY, b"x" * (MAX + 1)), 1009),
    "oversized in pieces": (
        b"".join(frame(BINARY if i == 0 else 0, b"x" * 300, fin=False) for i in range(4)),
        1009,
    ),
    "oversized twice": (frame(BINARY, b"x" * (MAX + 1)) * 2, 1009),
    "oversized, then a ping": (frame(BINARY, b"x" * (MAX + 1)) + frame(PING, b"p"), 1009),
    "text not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "text cut within a character": (frame(TEXT, b"\xc3"), 1007),
    "unmasked": (frame(TEXT, b"x", masked=False), 1002),
    "reserved opcode": (frame(3, b"x"), 1002),
    "reserved control opcode": (frame(11, b"x"), 1002),
    "reserved bit": (b"\xc1\x80\1\2\3\4", 1002),
    "long ping": (frame(PING, b"x" * 126), 1002),
    "fragmented ping": (frame(PING, b"x", fin=False), 1002),
    "continuation of nothing": (frame(0, b"x"), 1002),
    "text within a message": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "close with one byte": (frame(CLOSE, b"x"), 1002),
    "close with code 999": (frame(CLOSE, close_payload(999)), 1002),
    "close with code 1006": (frame(CLOSE, close_payload(1006)), 1002),
    "close with code 5000": (frame(CLOSE, close_payload(5000)), 1002),
    "close, reason not UTF-8": (frame(CLOSE, close_payload(1000, b"\xff")), 1007),
    "length too large": (b"\x82\xff" + b"\xff" * 8 + b"\1\2\3\4", 1002),
}


@pytest.mark.parametrize("case", BREACHES)
async def test_a_breach_is_told_to_both_sides_and_ends_the_connection(
    case: str, autojump_clock: MockClock
) -> None:
    data, code = BREACHES[case]
    with capture_logs():
        async with conversation() as (transport, raw):
            await raw.send(data)
            assert (await gone(transport)).code == code
            with pytest.raises(PeerGone) as caught:
                await transport.send("more")
            assert caught.value.code == code
            assert await raw.read_close() == code
            await raw.send(b"still sending")
            assert await raw.read_all() == b""
            await raw.stream.aclose()
        assert trio.current_time() == 0


@pytest.mark.parametrize("case", BREACHES)
async def test_whoever_ends_a_session_behind_a_breach_leaves_the_peer_its_reason(case: str) -> None:
    """The session sees the end in the same moment in which the peer is told why."""
    data, code = BREACHES[case]
    with capture_logs():
        for _ in range(10):  # which of the two tasks is first is the scheduler's to choose
            async with conversation() as (transport, raw):
                await raw.send(data)
                await gone(transport)
                transport.abort()
                assert await raw.read_close() == code
                await raw.stream.aclose()


@pytest.mark.parametrize("flood", [frame(0, fin=False), frame(PONG, b"x")])
async def test_a_flood_without_a_message_is_cut(flood: bytes, autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw):
        await raw.send(frame(TEXT, b"fine"))
        assert await transport.receive() == "fine"
        await raw.send(frame(TEXT, b"", fin=False))
        await raw.send(flood * ((FLOOD_LIMIT_BYTES + MAX) // len(flood) + 1000))
        end = await gone(transport)
        assert (end.code, end.reason) == (1006, "too many bytes without a message")


async def test_much_audio_is_no_flood() -> None:
    async with conversation() as (transport, raw):
        for _ in range(FLOOD_LIMIT_BYTES // 500):
            await raw.send(frame(BINARY, bytes(1000)))
            assert len(await transport.receive()) == 1000
        await raw.stream.aclose()


async def test_a_lost_connection_is_1006() -> None:
    async with conversation() as (transport, raw):
        await raw.send(frame(TEXT, b"last"))
        await raw.stream.aclose()
        assert await transport.receive() == "last"
        assert (await gone(transport)).code == 1006
        with pytest.raises(PeerGone):
            await transport.send("x")
        await transport.close(1001)


async def test_a_half_closed_connection_is_over(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw):
        await raw.stream.send_eof()  # type: ignore[attr-defined]
        assert (await gone(transport)).code == 1006


async def test_lone_surrogates_are_sent_as_question_marks() -> None:
    async with conversation() as (transport, raw):
        await transport.send("a\ud800b")
        assert await raw.read_frame() == (TEXT, b"a?b")
        await raw.stream.aclose()


async def test_close_tells_the_code_and_waits_for_the_answer(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(transport.close, 1001, "going \ud800 away")
        assert await raw.read_frame() == (CLOSE, close_payload(1001, b"going ? away"))
        await trio.sleep(1)
        await raw.send(frame(TEXT, b"ignored"), frame(CLOSE, close_payload(1001)))
        end = await gone(transport)
        assert (end.code, end.reason) == (1001, "going \ud800 away")
        assert await raw.read_all() == b""
        assert trio.current_time() == 1
        await transport.close(1000)
        with pytest.raises(PeerGone, match="1001"):
            await transport.send("x")


async def test_close_is_given_two_seconds(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw):
        await transport.close(1000)
        assert trio.current_time() == 2
        assert await raw.read_close() == 1000
        assert await raw.read_all() == b""


async def test_close_behind_a_blocked_frame_is_given_two_seconds(
    autojump_clock: MockClock,
) -> None:
    async with conversation(lockstep=True) as (transport, _), trio.open_nursery() as nursery:
        nursery.start_soon(expect_gone, transport, "x" * 500)
        await wait_all_tasks_blocked()
        await transport.close(1000)
        assert trio.current_time() == 2


async def expect_gone(transport: Transport, text: str) -> None:
    with pytest.raises(PeerGone):
        await transport.send(text)


async def test_a_ping_while_closing_is_contained(autojump_clock: MockClock) -> None:
    with capture_logs() as logs:
        async with conversation() as (transport, raw), trio.open_nursery() as nursery:
            nursery.start_soon(transport.close, 1001)
            assert await raw.read_close() == 1001
            await raw.send(frame(PING, b"p"), frame(CLOSE, close_payload(1001)))
            assert await raw.read_all() == b""
            await raw.stream.aclose()
    assert trio.current_time() == 0
    assert [entry["event"] for entry in logs] == ["websocket_contained"]


async def test_a_crash_of_the_librarys_reader_ends_only_the_connection(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async def crash(self: Any, event: Any) -> None:
        raise UnicodeDecodeError("ascii", b"\xff", 0, 1, "made up")

    monkeypatch.setattr("trio_websocket._impl.WebSocketConnection._handle_ping_event", crash)
    with capture_logs() as logs:
        async with conversation() as (transport, raw):
            await raw.send(frame(PING, b"p"))
            assert (await gone(transport)).code == 1006
            assert await raw.read_close() == 1011
            await raw.stream.aclose()
            await trio.sleep(1)  # the body goes on
    assert "made up" in logs[0]["error"]


async def test_abort_wakes_receiver_and_sender(autojump_clock: MockClock) -> None:
    async with conversation(lockstep=True) as (transport, _), trio.open_nursery() as nursery:
        nursery.start_soon(expect_gone, transport, "x" * 500)
        nursery.start_soon(gone, transport)
        await wait_all_tasks_blocked()
        transport.abort()
        transport.abort()
    assert trio.current_time() == 0
    assert (await gone(transport)).reason == "connection aborted"


async def test_a_send_given_up_within_a_frame_aborts_the_connection(
    autojump_clock: MockClock,
) -> None:
    async with conversation(lockstep=True) as (transport, raw):
        with trio.move_on_after(3):
            await transport.send("x" * 500)
        assert trio.current_time() == 3
        with pytest.raises(PeerGone):
            await transport.send("y")
        assert (await gone(transport)).code == 1006
        assert b"y" not in await raw.read_all()


async def test_a_breach_frees_a_blocked_sender_with_its_code(autojump_clock: MockClock) -> None:
    async with conversation(lockstep=True) as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(expect_gone, transport, "x" * 500)
        await wait_all_tasks_blocked()
        await raw.send(frame(TEXT, b"\xff"))
        assert (await gone(transport)).code == 1007
    assert trio.current_time() == SENT_LIMIT_S


async def test_last_received_is_the_time_of_the_last_message(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw):
        assert transport.last_received == 0
        await trio.sleep(5)
        await raw.send(frame(PING), frame(TEXT, b"x"))
        await transport.receive()
        await trio.sleep(5)
        assert transport.last_received == 5
        await raw.stream.aclose()


async def answer_pings(raw: RawClient) -> None:
    try:
        while True:
            opcode, payload = await raw.read_frame()
            if opcode == PING:
                await raw.send(frame(PONG, payload))
    except EOFError:
        pass


async def test_a_peer_that_answers_pings_is_kept(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(answer_pings, raw)
        nursery.start_soon(transport.keep_alive, 20, 10)
        nursery.start_soon(gone, transport)
        await trio.sleep(1000)
        await raw.stream.aclose()


async def test_a_silent_peer_is_dropped(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(transport.keep_alive, 20, 10)
        end = await gone(transport)
        assert (end.code, end.reason) == (1006, "the peer shows no life")
        assert trio.current_time() == 30
        assert (await raw.read_frame())[0] == PING


async def test_any_byte_is_life(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(transport.keep_alive, 20, 10)
        nursery.start_soon(gone, transport)
        for _ in range(50):
            await trio.sleep(9)
            await raw.send(frame(BINARY, b"x"))
        await wait_all_tasks_blocked()
        assert transport.last_received == 450
        await trio.sleep(100)
        assert transport._reader_ended.is_set()


async def test_a_peer_is_not_judged_while_nobody_receives(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(answer_pings, raw)
        nursery.start_soon(transport.keep_alive, 20, 10)
        await raw.send(*[frame(TEXT, b"%d" % i) for i in range(5)])
        await trio.sleep(500)
        assert [await transport.receive() for _ in range(5)] == ["0", "1", "2", "3", "4"]
        await trio.sleep(500)
        assert not transport._reader_ended.is_set()
        await raw.stream.aclose()


async def test_after_a_pause_the_peer_is_judged_from_its_end(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(transport.keep_alive, 20, 10)
        await raw.send(*[frame(TEXT, b"%d" % i) for i in range(3)])
        await trio.sleep(25)  # within the ping's ten seconds
        for _ in range(3):
            await transport.receive()
        await trio.sleep(10)
        assert not transport._reader_ended.is_set()
        await gone(transport)
        assert trio.current_time() == 60


async def test_a_peer_that_takes_no_byte_of_a_frame_is_dropped(autojump_clock: MockClock) -> None:
    async with conversation(lockstep=True) as (transport, _), trio.open_nursery() as nursery:
        nursery.start_soon(transport.keep_alive, 20, 30)
        await expect_gone(transport, "x" * 500)
        assert trio.current_time() == 40


async def test_a_ping_that_cannot_be_written_is_a_dead_peer(autojump_clock: MockClock) -> None:
    async with conversation(lockstep=True) as (transport, _), trio.open_nursery() as nursery:
        nursery.start_soon(transport.keep_alive, 20, 10)
        await gone(transport)
        assert trio.current_time() == 30


async def test_keep_alive_ends_with_the_connection(autojump_clock: MockClock) -> None:
    async with conversation() as (transport, raw):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.keep_alive, 20, 10)
            await trio.sleep(21)  # its ping waits for a pong
            await raw.stream.aclose()
        assert trio.current_time() == 21
        await transport.keep_alive(20, 10)
        assert trio.current_time() == 21


async def test_the_body_that_ends_closes_with_1000(autojump_clock: MockClock) -> None:
    client, server = memory_stream_pair()
    raw = RawClient(client)
    async with open_websocket(server, parsed(request()), max_message_bytes=MAX):
        await open_client(raw)
    assert await raw.read_close() == 1000


async def test_the_bodys_exception_comes_out_as_itself(autojump_clock: MockClock) -> None:
    client, server = memory_stream_pair()
    raw = RawClient(client)
    with pytest.raises(ZeroDivisionError):
        async with open_websocket(server, parsed(request()), max_message_bytes=MAX):
            raise ZeroDivisionError
    await open_client(raw)
    assert await raw.read_close() == 1011


async def test_a_cancelled_body_aborts_at_once(autojump_clock: MockClock) -> None:
    client, server = memory_stream_pair()
    raw = RawClient(client)
    with trio.move_on_after(3) as scope:
        async with open_websocket(server, parsed(request()), max_message_bytes=MAX) as transport:
            await transport.receive()
    assert scope.cancelled_caught
    assert trio.current_time() == 3
    await open_client(raw)
    assert await raw.read_all() == b""


async def test_a_failure_survives_a_cancelled_close(autojump_clock: MockClock) -> None:
    _client, server = memory_stream_pair()
    with pytest.raises(ZeroDivisionError), trio.move_on_after(1):
        async with open_websocket(server, parsed(request()), max_message_bytes=MAX):
            raise ZeroDivisionError
    assert trio.current_time() == 1


async def test_a_peer_lost_before_the_handshake_is_gone() -> None:
    client, server = memory_stream_pair()
    await client.aclose()
    with pytest.raises(PeerGone, match="handshake"):
        async with open_websocket(server, parsed(request()), max_message_bytes=MAX):
            raise AssertionError("never entered")


async def test_a_handshake_that_nobody_reads_is_given_five_seconds(
    autojump_clock: MockClock,
) -> None:
    _client, server = lockstep_stream_pair()
    with pytest.raises(PeerGone, match="handshake"):
        async with open_websocket(server, parsed(request()), max_message_bytes=MAX):
            raise AssertionError("never entered")
    assert trio.current_time() == 5


async def test_a_silent_peer_that_sent_too_much_does_not_hold_its_connection(
    autojump_clock: MockClock,
) -> None:
    """The library goes on reading behind its own close frame; such a peer was kept for ever."""
    with trio.fail_after(10):
        async with conversation() as (transport, raw):
            await raw.send(frame(BINARY, bytes(MAX + 1)))
            assert (await gone(transport)).code == 1009
            assert await raw.read_close() == 1009
            assert await raw.read_all() == b""


async def test_the_same_where_the_goodbye_left_with_other_frames(
    autojump_clock: MockClock,
) -> None:
    with trio.fail_after(10):
        async with conversation() as (transport, raw):
            wire = transport._wire
            wire.gather()
            await raw.send(frame(BINARY, bytes(MAX + 1)))
            await wait_all_tasks_blocked()
            await wire.send_gathered()
            assert (await gone(transport)).code == 1009
            assert await raw.read_close() == 1009


async def test_a_breach_is_told_behind_a_frame_that_is_being_sent() -> None:
    """The session's sender is often at work when a peer breaks the rules."""
    async with conversation(lockstep=True) as (transport, raw), trio.open_nursery() as nursery:
        nursery.start_soon(transport.send, "on its way")
        await wait_all_tasks_blocked()
        await raw.send(frame(TEXT, b"\xff"))
        await wait_all_tasks_blocked()
        assert await raw.read_frame() == (TEXT, b"on its way")
        assert await raw.read_close() == 1007
        assert (await gone(transport)).code == 1007
        nursery.start_soon(raw.read_all)
        await raw.stream.aclose()
