"""The in-memory transport behaves as a connection does."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from parley.transport import MemoryTransport, PeerGone, Transport, memory_pair


def as_transport(transport: Transport) -> Transport:
    """Type-checked: a MemoryTransport is a Transport."""
    return transport


async def test_frames_arrive_in_order_in_both_directions() -> None:
    server, client = memory_pair(4)
    await server.send("a")
    await server.send(b"b")
    await client.send("c")
    assert [await client.receive(), await client.receive()] == ["a", b"b"]
    assert await as_transport(server).receive() == "c"


def test_the_ends_carry_names_and_a_subprotocol() -> None:
    server, client = memory_pair(1, peer="test", subprotocol="x")
    assert isinstance(server, MemoryTransport)
    assert (server.peer, server.subprotocol, client.peer) == ("test", "x", "server")


async def test_a_client_that_does_not_read_blocks_the_server(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server, client = memory_pair(2)
    await server.send("1")
    await server.send("2")
    with trio.move_on_after(5) as scope:
        await server.send("3")
    assert scope.cancelled_caught
    assert await client.receive() == "1"
    await server.send("3")
    assert [await client.receive(), await client.receive()] == ["2", "3"]


async def test_close_lets_what_was_sent_arrive_and_then_tells_the_code() -> None:
    server, client = memory_pair(4)
    await server.send("last")
    await server.close(1001, "going away")
    await server.close(1011, "too late")
    assert await client.receive() == "last"
    for end in (client, server):
        with pytest.raises(PeerGone) as gone:
            await end.receive()
        assert (gone.value.code, gone.value.reason) == (1001, "going away")
        with pytest.raises(PeerGone, match="1001 going away"):
            await end.send("more")


async def test_close_frees_a_sender_that_waits(autojump_clock: trio.testing.MockClock) -> None:
    server, client = memory_pair(0)
    async with trio.open_nursery() as nursery:

        async def sender() -> None:
            with pytest.raises(PeerGone) as gone:
                await server.send("never read")
            assert gone.value.code == 4000

        nursery.start_soon(sender)
        await trio.testing.wait_all_tasks_blocked()
        await client.close(4000)


@pytest.mark.parametrize("who", [0, 1])
async def test_abort_ends_both_ends_at_once(who: int) -> None:
    ends = memory_pair(4)
    await ends[0].send("lost")
    await ends[1].send("lost")
    ends[who].abort()
    ends[who].abort()
    await ends[who].close(1000)
    for end in ends:
        with pytest.raises(PeerGone) as gone:
            await end.receive()
        assert gone.value.code == 1006
        with pytest.raises(PeerGone):
            await end.send("x")


async def test_abort_wakes_a_receiver() -> None:
    server, client = memory_pair(1)
    async with trio.open_nursery() as nursery:

        async def receiver() -> None:
            with pytest.raises(PeerGone):
                await server.receive()

        nursery.start_soon(receiver)
        await trio.testing.wait_all_tasks_blocked()
        client.abort()
