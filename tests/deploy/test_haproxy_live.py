"""Real HAProxy with deploy/haproxy.cfg, real servers, everything that may happen to them."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio

from parley.transport import PeerGone
from support.haproxy import HAPROXY, POLL_S, Service, service
from support.live_server import LiveClient, request_http

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed here"),
]

FOUND_S = 4.0
"""A hung process is out: the next check begins within a second, times out in one, and the second
one that is needed begins half a second later and takes another."""


BUSY_S = 8.0
"""What a busy machine may add; the test prints what it was."""

CLOSE = "Connection: close"
UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


async def callers(stack: AsyncExitStack, served: Service, count: int) -> list[LiveClient]:
    return [await stack.enter_async_context(served.balancer.client()) for _ in range(count)]


async def places(served: Service, clients: Sequence[LiveClient]) -> Counter[str]:
    return Counter([await served.where(client) for client in clients])


async def closed(client: LiveClient) -> PeerGone:
    with trio.fail_after(30):
        return await client.wait_closed()


async def answered(client: LiveClient, count: int = 1) -> None:
    """It says something, and hears the answer to its end."""
    await client.type_text("hello")
    with trio.fail_after(30):
        await client.wait_for("tts_complete", count=count)


@pytest.mark.long
async def test_sessions_spread_and_who_is_refused_at_capacity_lands_elsewhere(
    tmp_path: Path,
) -> None:
    """The first holds two, and is not asked by its agent yet when all come at once: its refusals
    send them on."""
    async with service(tmp_path, [{"WS_MAX_CONNECTIONS": "2"}, {}, {}]) as served:
        async with AsyncExitStack() as stack:
            clients = await callers(stack, served, 14)
            found = await places(served, clients)
            assert found == {"node-1": 2, "node-2": 6, "node-3": 6}
            for client in clients[:3]:
                await answered(client)
            with trio.fail_after(20):
                while (await served.balancer.states())["node-1"] not in (("NOLB", 0), ("DRAIN", 0)):
                    await trio.sleep(POLL_S)
            states = await served.balancer.states()
            assert all(client.closed is None for client in clients), "full is not broken"
            assert {name for name, (state, _) in states.items() if state == "UP"} == {
                "node-2",
                "node-3",
            }
        with trio.fail_after(30):  # it has room again
            await served.balancer.until("node-1", "UP")
            while (await served.balancer.states())["node-1"][1] != 100:
                await trio.sleep(POLL_S)


@pytest.mark.long
async def test_where_all_are_full_the_client_is_told_when_to_come_again(tmp_path: Path) -> None:
    full = {"WS_MAX_CONNECTIONS": "1"}
    async with service(tmp_path, [full, full]) as served, AsyncExitStack() as stack:
        await callers(stack, served, 2)
        for _ in range(2):  # by the servers' refusals, and by what HAProxy knows
            answer = (await served.balancer.request("/engine", *UPGRADE)).lower()
            assert answer.startswith(b"http/1.1 503 ")
            assert b"\r\nretry-after: 5\r\n" in answer
            await trio.sleep(2.5)


@pytest.mark.long
async def test_one_that_drains_gets_nobody_new_and_its_conversations_finish(
    tmp_path: Path,
) -> None:
    patient = {"STREAM_DRAIN_S": "20"}
    async with service(tmp_path, [patient, patient]) as served, AsyncExitStack() as stack:
        clients = await callers(stack, served, 4)
        drained = served.nodes[0]
        theirs = [client for client in clients if await served.where(client) == drained.name]
        others = [client for client in clients if client not in theirs]
        assert len(theirs) == 2
        talking = theirs[0]
        await talking.type_text("hello")
        await talking.wait_for("binary")
        drained.signal(signal.SIGTERM)
        late = [await stack.enter_async_context(served.balancer.client()) for _ in range(4)]
        served.nodes.remove(drained)
        assert await places(served, late) == {"node-2": 4}
        gone = await closed(talking)
        assert gone.code == 1001, served.balancer.log
        assert talking.of("tts_complete"), "the reply was finished"
        with trio.fail_after(30):
            await drained.ended()
        assert all(client.closed is None for client in (*others, *late))
        await answered(others[0])
        # It comes back under the same address, and nobody has to tell HAProxy.
        await drained.start({})
        served.nodes.append(drained)
        with trio.fail_after(30):
            await served.balancer.until(drained.name, "UP")
        assert drained.name in await places(served, await callers(stack, served, 6))


@pytest.mark.long
async def test_one_that_hangs_is_out_within_the_checks_time_and_its_clients_learn_of_it(
    tmp_path: Path,
) -> None:
    async with service(tmp_path, [{}, {}, {}]) as served, AsyncExitStack() as stack:
        clients = await callers(stack, served, 6)
        hung = served.nodes[1]
        homes = {id(client): await served.where(client) for client in clients}
        theirs = [client for client in clients if homes[id(client)] == hung.name]
        others = [client for client in clients if client not in theirs]
        assert len(theirs) == 2
        hung.signal(signal.SIGSTOP)
        try:
            stopped_s = trio.current_time()
            served.nodes.remove(hung)
            # Who comes before it is found waits for an answer, and is sent on.
            early = await callers(stack, served, 3)
            for client in theirs:
                await closed(client)
            found_s = trio.current_time() - stopped_s
            print(f"found after {found_s:.2f} s")
            assert found_s < FOUND_S + BUSY_S
            with trio.fail_after(FOUND_S + BUSY_S):
                await served.balancer.until(hung.name, "DOWN")
            again = await callers(stack, served, 2)
            found = await places(served, [*early, *again])
            assert set(found) == {"node-1", "node-3"}
            assert all(client.closed is None for client in others)
            await answered(others[0])
        finally:
            hung.signal(signal.SIGCONT)
        with trio.fail_after(30):
            await served.balancer.until(hung.name, "UP")


async def test_one_that_is_killed_loses_its_own_sessions_alone_and_they_come_again(
    tmp_path: Path,
) -> None:
    async with service(tmp_path, [{}, {}, {}]) as served, AsyncExitStack() as stack:
        clients = await callers(stack, served, 9)
        killed = served.nodes[2]
        homes = {id(client): await served.where(client) for client in clients}
        theirs = [client for client in clients if homes[id(client)] == killed.name]
        others = [client for client in clients if client not in theirs]
        assert len(theirs) == 3
        for client in clients:
            await client.type_text("hello")
        killed.signal(signal.SIGKILL)
        killed_s = trio.current_time()
        served.nodes.remove(killed)
        for client in theirs:
            await closed(client)
        again = await callers(stack, served, len(theirs))
        back_s = trio.current_time() - killed_s
        print(f"back after {back_s:.2f} s")
        assert back_s < 2.0 + BUSY_S
        assert set(await places(served, again)) == {"node-1", "node-2"}
        for client in others:
            with trio.fail_after(30):
                await client.wait_for("tts_complete")
        assert all(client.closed is None for client in others)


@pytest.mark.long
async def test_a_balancer_that_is_killed_is_started_again_and_everybody_comes_again(
    tmp_path: Path,
) -> None:
    async with service(tmp_path, [{}, {}]) as served, AsyncExitStack() as stack:
        clients = await callers(stack, served, 4)
        await served.balancer.kill()
        for client in clients:
            await closed(client)
        with trio.fail_after(30):  # no session is left behind in the servers
            while any([await node.sessions() for node in served.nodes]):
                await trio.sleep(POLL_S)
        await served.balancer.start()
        again = await callers(stack, served, 4)
        assert await places(served, again) == {"node-1": 2, "node-2": 2}
        await answered(again[0])


async def test_what_the_configuration_says_beside_balancing(tmp_path: Path) -> None:
    """Administration is not behind the door, http goes to https, figures are there."""
    async with service(tmp_path, [{}]) as served:
        figures = await request_http(
            served.balancer.figures, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        assert b"haproxy_server_status" in figures.body
        for path in ("/metrics", "/sessions", "/sessions/x", "/sessions/x/cancel", "/broadcast"):
            assert (await served.balancer.request(path, CLOSE)).startswith(b"HTTP/1.1 404 ")
        assert (await served.balancer.request("/ready", CLOSE)).startswith(b"HTTP/1.1 200 ")
