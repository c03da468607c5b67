"""Connections without a request: how many there may be, and who goes. Virtual time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from parley.addresses import counted_as
from parley.server.http import waiting_room as module
from parley.server.http.front import Front
from parley.server.http.head import Head
from parley.server.http.responses import Response, text_response
from parley.server.http.waiting_room import WaitingRoom
from parley.transport import PeerGone

PAGE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(autouse=True)
def _addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream in memory comes from the address that was written on it."""
    monkeypatch.setattr(module, "peer_host", lambda stream: getattr(stream, "host", ""))


def from_host(host: str) -> trio.abc.Stream:
    stream = memory_stream_pair()[0]
    stream.host = host  # type: ignore[attr-defined]
    return stream


async def who_stays(room: WaitingRoom, hosts: Sequence[str]) -> list[int]:
    """Connections come in this order and wait; the numbers of those that may stay."""
    gone: list[int] = []

    async def wait(number: int, host: str) -> None:
        try:
            with room.place(from_host(host)):
                await trio.sleep_forever()
        except PeerGone:
            gone.append(number)

    async with trio.open_nursery() as nursery:
        for number, host in enumerate(hosts):
            nursery.start_soon(wait, number, host)
            await wait_all_tasks_blocked()
        assert room.waiting == len(hosts) - len(gone)
        stay = [number for number in range(len(hosts)) if number not in gone]
        nursery.cancel_scope.cancel()
    assert room.waiting == 0
    return stay


async def test_of_one_address_the_oldest_go() -> None:
    room = WaitingRoom(100, 3)
    assert await who_stays(room, ["b", "a", "a", "a", "a", "a"]) == [0, 3, 4, 5]


async def test_of_all_the_oldest_of_the_address_that_has_most_goes() -> None:
    room = WaitingRoom(4, 3)
    assert await who_stays(room, ["b", "a", "a", "c", "d"]) == [0, 2, 3, 4]


async def test_a_network_of_ipv6_is_one_address() -> None:
    one, same, other = "[2001:db8:0:1::1]", "[2001:db8:0:1:ffff::2]", "[2001:db8:0:2::1]"
    assert counted_as(one[1:-1]) == counted_as(same[1:-1])
    assert counted_as(one[1:-1]) != counted_as(other[1:-1])
    assert counted_as("::ffff:10.0.0.1") != counted_as("::ffff:10.0.0.2")
    assert counted_as("10.0.0.1") == "10.0.0.1"
    assert counted_as("fe80::1%eth0") == "fe80::/64"


async def page(head: Head, stream: trio.abc.Stream) -> Response:
    return text_response("here")


async def test_a_client_gets_in_whoever_else_waits(autojump_clock: MockClock) -> None:
    resets: list[int] = []
    room = WaitingRoom(8, 8, lambda: resets.append(1))
    front = Front({("GET", "/"): page}, {}, waiting_room=room)
    async with trio.open_nursery() as nursery:
        silent = []
        for _ in range(50):
            client, server = memory_stream_pair()
            nursery.start_soon(front.handle, server)
            silent.append(client)
            await wait_all_tasks_blocked()
        client, server = memory_stream_pair()
        nursery.start_soon(front.handle, server)
        await wait_all_tasks_blocked()
        assert front.waiting_room.waiting == 8
        await client.send_all(PAGE)
        assert bytes(await client.receive_some()).startswith(b"HTTP/1.1 200 ")
        assert trio.current_time() == 0
        assert await silent[0].receive_some() == b"", "who waited longest was dropped"
        assert len(resets) == 43, "each is counted"
        nursery.cancel_scope.cancel()


async def test_connections_between_two_requests_are_in_it_and_those_at_work_are_not(
    autojump_clock: MockClock,
) -> None:
    work = trio.Event()

    async def slow(head: Head, stream: trio.abc.Stream) -> Response:
        await work.wait()
        return text_response("done")

    front = Front({("GET", "/"): slow}, {}, waiting_room=WaitingRoom(2, 2))
    async with trio.open_nursery() as nursery:
        clients = []
        for _ in range(5):
            client, server = memory_stream_pair()
            nursery.start_soon(front.handle, server)
            await client.send_all(PAGE)
            clients.append(client)
        await wait_all_tasks_blocked()
        assert front.waiting_room.waiting == 0
        work.set()
        for client in clients:
            assert bytes(await client.receive_some()).startswith(b"HTTP/1.1 200 ")
        await wait_all_tasks_blocked()
        assert front.waiting_room.waiting == 2
        nursery.cancel_scope.cancel()
