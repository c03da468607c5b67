"""A real WebSocket on loopback behind the Wire, and its fake."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio_websocket

from parley.client import wire as wire_module
from parley.client.scripted import ScriptedWire
from parley.client.server_process import free_port
from parley.client.wire import Unreachable, WireClosed, open_wire
from support.stand_in import open_stand_in


async def echo_then_close(request: trio_websocket.WebSocketRequest) -> None:
    connection = await request.accept()
    await connection.send_message(await connection.get_message())
    await connection.aclose(1001, "going")


async def test_frames_go_both_ways_until_the_server_closes() -> None:
    async with open_stand_in(echo_then_close) as url, open_wire(url) as wire:
        await wire.send(b"\1\2")
        assert await wire.receive() == b"\1\2"
        with pytest.raises(WireClosed, match="closed with 1001: going") as caught:
            await wire.receive()
        assert (caught.value.code, caught.value.reason) == (1001, "going")
        with pytest.raises(WireClosed):
            await wire.send("more")


async def test_a_connection_that_just_goes_is_1006() -> None:
    async def vanish(stream: trio.SocketStream) -> None:
        async with trio.open_nursery() as nursery:
            request = await trio_websocket.wrap_server_stream(nursery, stream)
            await request.accept()
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, vanish, 0)
        port = listeners[0].socket.getsockname()[1]
        async with open_wire(f"ws://127.0.0.1:{port}/") as wire:
            with pytest.raises(WireClosed) as caught:
                await wire.receive()
            assert caught.value.code == 1006
        nursery.cancel_scope.cancel()


async def test_nobody_there_says_how_to_start_one() -> None:
    with pytest.raises(Unreachable, match="start one with `parley serve`"):
        async with open_wire(f"ws://127.0.0.1:{free_port()}/ws"):
            pass  # pragma: no cover


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "ws:///ws", "ws://127.0.0.1:0/", "ws://h:port/", "8084"]
)
async def test_what_is_no_address_is_told_apart(url: str) -> None:
    with pytest.raises(Unreachable, match="is not a WebSocket address"):
        async with open_wire(url):
            pass  # pragma: no cover


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nfull", "HTTP 503"),
        (b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n", "HTTP 404"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "is no WebSocket server"),
        (b"220 mail.example ESMTP\r\n\r\n", "is no WebSocket server"),
        (b"", "is no WebSocket server"),
    ],
)
@pytest.mark.parametrize("close", [True, False])
async def test_a_refusal_says_what_it_is(answer: bytes, why: str, close: bool) -> None:
    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)
        if close or not answer:
            await stream.aclose()
        else:
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, refuse, 0)
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(Unreachable, match=why):
            async with open_wire(f"ws://127.0.0.1:{port}/?x=1"):
                pass  # pragma: no cover
        nursery.cancel_scope.cancel()


async def test_a_name_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*_: object, **__: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(wire_module, "CONNECT_S", 0.01)
    monkeypatch.setattr(trio, "open_tcp_stream", slow)
    monkeypatch.setattr(trio, "open_ssl_over_tcp_stream", slow)
    for url in ("ws://127.0.0.1/", "wss://127.0.0.1/"):
        with pytest.raises(Unreachable, match="did not answer"):
            async with open_wire(url):
                pass  # pragma: no cover


async def test_a_server_that_accepts_and_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire_module, "CONNECT_S", 0.05)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with pytest.raises(Unreachable, match="did not answer"):
            async with open_wire(f"ws://127.0.0.1:{mute.getsockname()[1]}/"):
                pass  # pragma: no cover


async def test_what_the_block_raises_comes_out_bare() -> None:
    async with open_stand_in() as url:
        with pytest.raises(ZeroDivisionError):
            async with open_wire(url):
                raise ZeroDivisionError


async def test_a_peer_that_is_slow_to_close_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "CLOSE_S", 0.05)

    async def deaf(request: Any) -> None:
        await request.accept()
        await trio.sleep_forever()

    async with open_stand_in(deaf) as url:
        with pytest.raises(ZeroDivisionError):
            async with open_wire(url) as wire:
                for _ in range(3):  # its queue holds one: the close behind them is never read
                    await wire.send("x")
                raise ZeroDivisionError


async def test_who_is_cancelled_says_goodbye_and_does_not_wait_for_an_answer_in_vain() -> None:
    ended = trio.Event()

    async def answer_the_close(request: trio_websocket.WebSocketRequest) -> None:
        connection = await request.accept()
        with pytest.raises(trio_websocket.ConnectionClosed) as caught:
            await connection.get_message()
        assert caught.value.reason is not None
        assert caught.value.reason.code == 1000
        ended.set()

    async def converse(url: str, task_status: trio.TaskStatus[None]) -> None:
        async with open_wire(url) as wire:
            task_status.started()
            await wire.receive()

    async with open_stand_in(answer_the_close) as url:
        began_s = trio.current_time()
        async with trio.open_nursery() as nursery:
            await nursery.start(converse, url)
            nursery.cancel_scope.cancel()
        assert trio.current_time() - began_s < wire_module.CLOSE_S
        with trio.fail_after(1):
            await ended.wait()


async def opened_and_cancelled(moments: int) -> None:
    """A connection is opened, and whoever opens it is cancelled after so many steps of Trio's."""

    async def accept(request: trio_websocket.WebSocketRequest) -> None:
        with suppress(trio_websocket.ConnectionClosed):
            connection = await request.accept()
            await connection.get_message()

    async with open_stand_in(accept) as url, trio.open_nursery() as nursery:

        async def open_it() -> None:
            async with open_wire(url):
                await trio.sleep_forever()

        nursery.start_soon(open_it)
        for _ in range(moments):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("moments", range(40))
def test_who_is_cancelled_while_connecting_gets_away(moments: int) -> None:
    """In a thread of its own, since nothing within Trio ends what hangs behind a shield."""
    trial = threading.Thread(
        target=trio.run, args=(opened_and_cancelled, moments), daemon=True, name=f"after {moments}"
    )
    trial.start()
    trial.join(30)
    assert not trial.is_alive()


@pytest.mark.parametrize("last", [b"\x89\0" + b"\x88\x02\x03\xe8", b"no frame", b""])
async def test_what_comes_behind_the_goodbye_is_nobodys_concern(last: bytes) -> None:
    """A ping and the answer, what is no frame, or nothing but the end."""

    async def answer_late(stream: trio.SocketStream) -> None:
        async with trio.open_nursery() as nursery:
            request = await trio_websocket.wrap_server_stream(nursery, stream)
            await request.accept()
            nursery.cancel_scope.cancel()  # from here on nobody answers by himself
        assert await stream.receive_some()
        await stream.send_all(last)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, answer_late, 0)
        port = listeners[0].socket.getsockname()[1]
        with trio.fail_after(wire_module.CLOSE_S - 1):
            async with open_wire(f"ws://127.0.0.1:{port}/"):
                pass
        nursery.cancel_scope.cancel()


async def test_bytes_that_are_no_frames_end_the_connection() -> None:
    async def derail(request: Any) -> None:
        connection = await request.accept()
        await connection._stream.send_all(b"\xff" * 100)
        await trio.sleep_forever()

    async with open_stand_in(derail) as url:
        with pytest.raises(WireClosed):
            async with open_wire(url) as wire:
                await wire.receive()


async def test_the_fake_is_closed_like_the_real_one() -> None:
    wire = ScriptedWire()
    wire.say("last words")
    wire.hang_up(1000)
    assert await wire.receive() == "last words"
    with pytest.raises(WireClosed, match="closed with 1000"):
        await wire.receive()
    with pytest.raises(WireClosed):
        await wire.send("x")


async def test_what_is_asked_for_stands_before_the_query_of_the_address() -> None:
    paths = []

    async def note(request: Any) -> None:
        paths.append(request.path)
        await (await request.accept()).aclose()

    async with open_stand_in(note) as url:
        for address in (url, f"{url}?agent=shop"):
            async with open_wire(address, asks="tools=told"):
                pass
    assert paths == ["/ws?tools=told", "/ws?tools=told&agent=shop"]
