"""The store in a real Redis, and servers that are none."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio

from parley.backoff import Backoff
from parley.cluster.redis_store import RedisStore
from parley.cluster.store import StoreUnavailable
from parley.cluster.store_address import StoreAddress, store_address
from parley.telemetry import Telemetry
from support.bad_network import GOOD, Conditions, bad_network
from support.certificates import certificate
from support.redis_server import HOST, RedisServer, needs_redis, redis_server

pytestmark = needs_redis


@asynccontextmanager
async def open_store(
    url: str, ca: Path | None = None, call_s: float = 0.5
) -> AsyncIterator[RedisStore]:
    address = store_address(url, str(ca) if ca else None)
    store = RedisStore(
        address,
        Telemetry(),
        backoff=Backoff(first_s=0.02, most_s=0.1),
        call_s=call_s,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        yield store
        nursery.cancel_scope.cancel()


async def until(true: Callable[[], bool], within_s: float = 10) -> None:
    with trio.fail_after(within_s):
        while not true():
            await trio.sleep(0.01)


async def here(store: RedisStore) -> None:
    await until(lambda: store.why_away is None)


async def why(store: RedisStore) -> str:
    """Why it cannot be used, once that is known."""
    await until(lambda: store.why_away not in (None, "it was not asked yet"))
    assert store.why_away is not None
    return store.why_away


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parley.cluster.redis_link.CONNECT_S", 0.5)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path) as server:
        yield server


async def test_it_does_what_every_store_does(server: RedisServer) -> None:
    async with open_store(server.url) as store:
        await here(store)
        assert await store.get("parley:item:a") is None
        await store.put("parley:item:a", b"one\r\n\x00", ttl_s=60)
        assert await store.get("parley:item:a") == b"one\r\n\x00"
        assert not await store.put_new("parley:item:a", b"two", ttl_s=60)
        assert await store.put_new("parley:item:b", b"two", ttl_s=60)
        assert await store.take("parley:item:a") == b"one\r\n\x00"
        assert await store.take("parley:item:a") is None
        await store.delete("parley:item:b")
        assert await store.get("parley:item:b") is None
        assert await store.add("parley:used:a", 1.5, ttl_s=60) == 1.5
        assert await store.add("parley:used:a", 1e-7, ttl_s=60) == pytest.approx(1.5000001)
        await store.put("parley:item:brief", b"x", ttl_s=0.05)
        await trio.sleep(0.1)
        assert await store.get("parley:item:brief") is None


async def test_a_sum_has_a_time_to_live_from_the_first(server: RedisServer) -> None:
    async with open_store(server.url) as store:
        await here(store)
        await store.add("parley:used:a", 1, ttl_s=50)
        await store.add("parley:used:a", 1, ttl_s=5000)
    left = int((await server.ask("PTTL", "parley:used:a"))[1:])
    assert 40_000 < left <= 50_000


@pytest.mark.parametrize("kind", ["node", "item"])
async def test_those_of_a_kind_are_found(kind: str, server: RedisServer) -> None:
    async with open_store(server.url) as store:
        await here(store)
        for i in range(150):
            await store.put(f"parley:{kind}:{i}", str(i).encode(), ttl_s=60)
        await store.put(f"parley:{kind}:gone", b"x", ttl_s=0.02)
        await store.put("parley:other:a", b"x", ttl_s=60)
        await trio.sleep(0.05)
        found = await store.find(f"parley:{kind}:", most=1000)
        assert found == {f"parley:{kind}:{i}": str(i).encode() for i in range(150)}
        assert len(await store.find(f"parley:{kind}:", most=7)) == 7


async def test_of_two_who_take_one_gets_it_by_an_older_server_too(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RedisStore, "_has_getdel", lambda self: False)
    async with open_store(server.url) as store:
        await here(store)
        await store.put("parley:ticket:a", b"x", ttl_s=60)
        got: list[bytes | None] = []

        async def take() -> None:
            got.append(await store.take("parley:ticket:a"))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(take)
        assert sorted(value or b"" for value in got) == [b"", b"", b"", b"", b"x"]


async def test_calls_follow_each_other_without_waiting(server: RedisServer) -> None:
    async with (
        bad_network(server.port, to_server=GOOD, to_client=Conditions(delay_s=0.2)) as proxy,
        open_store(f"redis://{HOST}:{proxy.port}") as store,
    ):
        await here(store)
        began_s = trio.current_time()
        async with trio.open_nursery() as nursery:
            for i in range(20):

                async def put(i: int = i) -> None:
                    await store.put(f"parley:item:{i}", b"x", ttl_s=60)

                nursery.start_soon(put)
        assert trio.current_time() - began_s < 0.5


async def test_it_comes_back_after_a_restart(server: RedisServer) -> None:
    async with open_store(server.url) as store:
        await here(store)
        server.kill()
        await until(lambda: store.why_away is not None)
        began_s = trio.current_time()
        with pytest.raises(StoreUnavailable):
            await store.get("parley:item:a")
        assert trio.current_time() - began_s < 0.4, "who knows that it is away does not wait"
        await server.start()
        await here(store)
        assert await store.get("parley:item:a") is None


async def test_a_server_that_hangs_costs_a_call_its_deadline_and_later_ones_nothing(
    server: RedisServer,
) -> None:
    async with open_store(server.url, call_s=0.1) as store:
        await here(store)
        server.stop()
        for _ in range(3):
            began_s = trio.current_time()
            with pytest.raises(StoreUnavailable):
                await store.get("parley:item:a")
            assert trio.current_time() - began_s < 1.0
        await until(lambda: store.why_away is not None)
        with pytest.raises(StoreUnavailable):
            await store.get("parley:item:a")
        server.go_on()
        await here(store)
        assert await store.get("parley:item:a") is None


async def test_a_server_that_hangs_is_noticed_where_nobody_asks(server: RedisServer) -> None:
    async with open_store(server.url, call_s=0.1) as store:
        await here(store)
        server.stop()
        await until(lambda: store.why_away is not None, 15)


async def test_a_server_that_is_too_slow_is_away(server: RedisServer) -> None:
    slow = Conditions(delay_s=0.3)
    async with (
        bad_network(server.port, to_server=GOOD, to_client=slow) as network,
        open_store(f"redis://{HOST}:{network.port}", call_s=0.2) as store,
    ):
        assert (await why(store)).startswith("it does not answer")
        network.to_client = GOOD
        await here(store)


async def test_a_full_memory_is_said_and_what_is_there_can_be_read(tmp_path: Path) -> None:
    options = ("--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
    async with redis_server(tmp_path, *options) as server, open_store(server.url) as store:
        await here(store)
        await store.put("parley:item:a", b"x", ttl_s=60)
        with pytest.raises(StoreUnavailable, match="its memory is full"):
            for i in range(100):
                await store.put(f"parley:fill:{i}", b"x" * 100_000, ttl_s=60)
        assert store.why_away == "its memory is full"
        await server.ask("CONFIG", "SET", "maxmemory", "100kb")
        with pytest.raises(StoreUnavailable, match="its memory is full"):
            await store.add("parley:used:a", 1, ttl_s=60)
        assert await store.get("parley:item:a") == b"x"
        await server.ask("CONFIG", "SET", "maxmemory", "50mb")
        await store.put("parley:item:b", b"x", ttl_s=60)
        assert store.why_away is None


async def test_a_password_is_used_and_a_wrong_one_is_said_without_it(tmp_path: Path) -> None:
    async with redis_server(tmp_path, password="right horse") as server:
        url = server.url.replace("right horse", "right%20horse")
        async with open_store(url) as store:
            await here(store)
        async with open_store(f"redis://:hunter2@{HOST}:{server.port}") as store:
            assert await why(store) == "it does not take the user or the password"
            with pytest.raises(StoreUnavailable) as told:
                await store.get("parley:item:a")
            assert "hunter2" not in str(told.value)
        async with open_store(f"redis://{HOST}:{server.port}") as store:
            assert await why(store) == "it asks for a password: put it into PARLEY_STORE_URL"


async def test_a_user_who_may_not_is_said(server: RedisServer) -> None:
    await server.ask("ACL", "SETUSER", "voice", "on", ">pass", "~parley:*", "+@all", "-set")
    async with open_store(f"redis://voice:pass@{HOST}:{server.port}") as store:
        await here(store)
        with pytest.raises(StoreUnavailable, match="its user may not"):
            await store.put("parley:item:a", b"x", ttl_s=60)
        with pytest.raises(StoreUnavailable, match="its user may not"):
            await store.get("elsewhere")


async def test_a_database_that_there_is_not(server: RedisServer) -> None:
    async with open_store(f"redis://{HOST}:{server.port}/99") as store:
        assert await why(store) == "it has no database of this number"


async def test_what_another_program_keeps_there(server: RedisServer) -> None:
    await server.ask("LPUSH", "parley:item:a", "x")
    async with open_store(server.url) as store:
        await here(store)
        with pytest.raises(StoreUnavailable, match="another program"):
            await store.get("parley:item:a")
        await store.put("parley:used:a", b"words", ttl_s=60)
        with pytest.raises(StoreUnavailable, match="no sum"):
            await store.add("parley:used:a", 1, ttl_s=60)


async def test_a_replica_is_said(tmp_path: Path) -> None:
    async with (
        redis_server(tmp_path, "--replicaof", f"{HOST} 1") as server,
        open_store(server.url) as store,
    ):
        await here(store)
        with pytest.raises(StoreUnavailable, match="replica"):
            await store.put("parley:item:a", b"x", ttl_s=60)


# TLS


async def test_a_server_with_tls_is_known_by_its_authority(tmp_path: Path) -> None:
    pair = certificate(tmp_path)
    options = (
        *("--tls-cert-file", str(pair.cert), "--tls-key-file", str(pair.key)),
        *("--tls-auth-clients", "no", "--tls-ca-cert-file", str(pair.cert)),
    )
    async with redis_server(tmp_path, *options, tls=True) as server:
        async with open_store(server.url, pair.cert) as store:
            await here(store)
            await store.put("parley:item:a", b"x", ttl_s=60)
        async with open_store(server.url) as store:
            assert (await why(store)).startswith("its certificate is refused: self")
        async with open_store(server.url.replace("localhost", HOST), pair.cert) as store:
            assert (await why(store)).startswith("its certificate is refused: IP address mismatch")
        async with open_store(f"redis://localhost:{server.port}") as store:
            assert await why(store) in (
                "the connection was lost",
                "it cannot be reached (Connection reset by peer)",
            )


async def test_a_server_without_tls(server: RedisServer) -> None:
    async with open_store(server.url.replace("redis:", "rediss:")) as store:
        assert "does not speak TLS" in await why(store)


# Servers that are none


@asynccontextmanager
async def odd_server(answers: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncIterator[str]:
    async def handle(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await answers(stream)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host=HOST))
        yield f"redis://:hunter2@{HOST}:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


GARBAGE = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "bytes": bytes(range(256)) * 4 + b"\r\n",
    "number": b":12\r\n",
    "no number": b"$x\r\n",
    "map of nothing": b"%0\r\n",
    "wrong proto": b"%3\r\n+proto\r\n:2\r\n+version\r\n+7.0\r\n+id\r\n:1\r\n",
    "null": b"_\r\n",
    "bad utf-8": b"-\xff\xfe\r\n",
}


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_what_is_no_redis_is_said(garbage: str) -> None:
    async def answers(stream: trio.SocketStream) -> None:
        async for _ in stream:
            await stream.send_all(GARBAGE[garbage])

    async with odd_server(answers) as url, open_store(url) as store:
        assert await why(store) in (
            "it answers something that is not Redis' protocol",
            "it refuses the command",
            "it does not answer in time",
        )


async def test_an_old_server_is_said_without_the_password_that_it_repeats() -> None:
    async def answers(stream: trio.SocketStream) -> None:
        async for _ in stream:
            await stream.send_all(
                b"-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, "
                b"`hunter2`, \r\n"
            )

    async with odd_server(answers) as url, open_store(url) as store:
        assert await why(store) == "it is older than Redis 6, which is needed"


async def test_a_server_that_accepts_and_never_answers() -> None:
    async def answers(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with odd_server(answers) as url, open_store(url) as store:
        assert await why(store) == "it does not answer in time"


async def test_a_server_that_hangs_up() -> None:
    async def answers(stream: trio.SocketStream) -> None:
        await stream.receive_some()

    async with odd_server(answers) as url, open_store(url) as store:
        assert await why(store) == "the connection was lost"


async def test_a_server_that_sends_without_end_fills_no_memory() -> None:
    sent = 0

    async def answers(stream: trio.SocketStream) -> None:
        nonlocal sent
        while True:
            await stream.send_all(b"$1000000000\r\n" if sent == 0 else b"x" * 10_000)
            sent += 10_000

    async with odd_server(answers) as url, open_store(url) as store:
        assert await why(store) == "it sends more than it was asked for"
    assert sent < 20_000_000


async def test_garbage_in_the_midst_of_it_ends_the_connection_and_no_more() -> None:
    hello = b"%3\r\n+proto\r\n:3\r\n+version\r\n+7.0.0\r\n+id\r\n:1\r\n"
    replies = [hello, b"+OK\r\n", b"+PONG\r\n", b"*3\r\n:1\r\n", b"!garbage\r\n"]

    async def answers(stream: trio.SocketStream) -> None:
        for reply in replies:
            await stream.receive_some()
            await stream.send_all(reply)
        await trio.sleep_forever()

    async with odd_server(answers) as url, open_store(url, call_s=0.2) as store:
        await here(store)
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await store.get("parley:item:a")
        await until(lambda: store.why_away is not None)


async def test_nobody_is_there_and_nobody_knows_the_name() -> None:
    async with open_store(f"redis://{HOST}:1") as store:
        assert await why(store) == "it cannot be reached (Connection refused)"


def test_an_address_shows_no_secret() -> None:
    address = store_address("redis://user:hunter2@[::1]:7000/3", None)
    assert address == StoreAddress(
        host="::1", port=7000, database=3, user="user", password="hunter2"
    )
    assert "hunter2" not in f"{address} {address!r}"
    assert isinstance(store_address("rediss://a", None).tls, ssl.SSLContext)
