"""Tickets on several servers: good once, wherever they come, whatever time servers think it is."""

from __future__ import annotations

from urllib.parse import quote

import pytest
import trio
from pydantic import SecretStr
from trio.testing import MockClock

from parley.cluster.cluster import Cluster
from parley.cluster.shared_key import KEY, SharedKey
from parley.config import Settings
from parley.server.access.access import Access
from parley.server.access.guest import Guest
from parley.server.access.tickets import NoTicket, Ticket, Tickets
from parley.server.access.tokens import OWN_NAME
from parley.server.http.head import BadRequest, HeadParser
from parley.telemetry import Telemetry
from support.stores import FaultyStore

TOKEN = "a-token-of-one's-own"
NOW_S = 1_700_000_000.0


class Node:
    """A server's access, with a clock that may be wrong."""

    def __init__(self, store: FaultyStore, nursery: trio.Nursery, skew_s: float = 0.0) -> None:
        settings = Settings.defaults(
            parley_host="0.0.0.0", parley_token=TOKEN, parley_shared_key="k" * 16
        )
        self.telemetry = Telemetry()
        cluster = Cluster(settings.clustering, self.telemetry, store=store)
        self.access = Access(
            settings,
            self.telemetry,
            now_s=lambda: NOW_S + skew_s + trio.current_time(),
            cluster=cluster,
        )
        nursery.start_soon(cluster.behind.run)

    async def make(self) -> str:
        return await self.access.ticket(Ticket(name=OWN_NAME), 60)

    async def bring(self, ticket: str, path: str = "/ws") -> Guest:
        upgrade = "Upgrade: websocket\r\nConnection: upgrade\r\n" if path == "/ws" else ""
        head = HeadParser().feed(
            f"GET {path}?ticket={quote(ticket)} HTTP/1.1\r\nHost: voice.example.org\r\n"
            f"{upgrade}\r\n".encode()
        )
        assert head is not None
        once = await self.access.look_up(head)
        return self.access.let_in(head, "10.0.0.9", once=once)


async def test_a_ticket_of_one_server_lets_in_at_another_and_once(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a, b = Node(store, nursery), Node(store, nursery)
    ticket = await a.make()
    assert (await b.bring(ticket)).token is not None
    for node in (a, b):
        with pytest.raises(BadRequest, match="used before"):
            await node.bring(ticket)


async def test_a_page_with_a_ticket_in_its_address_does_not_use_it_up(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a = Node(store, nursery)
    ticket = await a.make()
    await a.bring(ticket, "/")
    assert (await a.bring(ticket)).token is not None


async def test_of_two_who_bring_one_at_the_same_time_one_is_let_in(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore(takes_s=0.1)
    a, b = Node(store, nursery), Node(store, nursery)
    ticket = await a.make()
    got: list[str] = []

    async def bring(node: Node) -> None:
        try:
            await node.bring(ticket)
            got.append("in")
        except BadRequest:
            got.append("out")

    async with trio.open_nursery() as both:
        both.start_soon(bring, a)
        both.start_soon(bring, b)
    assert sorted(got) == ["in", "out"]


@pytest.mark.parametrize("skew_s", [3600, -3600])
async def test_clocks_an_hour_apart_do_not_matter(
    skew_s: float, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a, b = Node(store, nursery), Node(store, nursery, skew_s)
    first, second = await a.make(), await a.make()
    assert (await b.bring(first)).token is not None
    await trio.sleep(61)
    with pytest.raises(BadRequest, match="over"):
        await b.bring(second)


async def test_while_the_store_is_away_a_ticket_is_good_once_on_each_server(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a, b = Node(store, nursery), Node(store, nursery)
    ticket = await a.make()
    store.away = "it is away"
    made_alone = await a.make()
    for one in (ticket, made_alone):
        for node in (a, b):
            assert (await node.bring(one)).token is not None
            with pytest.raises(BadRequest, match="used before"):
                await node.bring(one)
    store.away = None
    for one in (ticket, made_alone):
        with pytest.raises(BadRequest, match="used before"):
            await a.bring(one)


async def test_a_forged_ticket_asks_the_store_nothing(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a = Node(store, nursery)
    ticket = await a.make()
    calls = store.calls
    for forged in (ticket[:-4] + "AAAA", "x." + ticket, "a.b", "é.é"):
        with pytest.raises(BadRequest):
            await a.bring(forged)
    assert store.calls == calls


# The key


async def test_servers_without_a_key_agree_on_one(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    keys = [SharedKey(None, store) for _ in range(3)]
    before = [key.sign("x", b"text") for key in keys]
    for key in keys:
        nursery.start_soon(key.run)
    await trio.sleep(5)
    assert all(key.holds("x", b"text", keys[0].sign("x", b"text")) for key in keys)
    for key, signature in zip(keys, before, strict=True):
        assert key.holds("x", b"text", signature), "what was signed before stays good here"
    assert not keys[0].holds("y", b"text", keys[0].sign("x", b"text"))


async def test_a_key_that_is_given_never_is_in_the_store(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a, b = (SharedKey(SecretStr("k" * 16), store) for _ in range(2))
    nursery.start_soon(a.run)
    await trio.sleep(5)
    assert b.holds("x", b"text", a.sign("x", b"text"))
    assert len(store) == 0


async def test_a_server_that_comes_without_the_store_gets_the_key_later(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore(away="it is away")
    a, b = SharedKey(None, store), SharedKey(None, store)
    nursery.start_soon(a.run)
    nursery.start_soon(b.run)
    await trio.sleep(30)
    assert [a.is_shared, b.is_shared] == [False, False]
    store.away = None
    await trio.sleep(10)
    assert [a.is_shared, b.is_shared] == [True, True]
    assert a.holds("x", b"text", b.sign("x", b"text"))


async def test_a_key_that_the_store_lost_is_there_again(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = FaultyStore()
    a = SharedKey(None, store)
    nursery.start_soon(a.run)
    await trio.sleep(1)
    await store.delete(KEY)
    await trio.sleep(6)
    b = SharedKey(None, store)
    nursery.start_soon(b.run)
    await trio.sleep(1)
    assert a.holds("x", b"text", b.sign("x", b"text"))


async def test_what_is_no_key_is_not_used(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    store = FaultyStore()
    await store.put(KEY, b"short", ttl_s=1000)
    a = SharedKey(None, store)
    nursery.start_soon(a.run)
    await trio.sleep(5)
    assert not a.is_shared


def test_a_ticket_of_a_server_with_another_key_is_not_taken() -> None:
    made = Tickets(SharedKey()).make(Ticket(name="a"), now_s=0.0)
    with pytest.raises(NoTicket):
        Tickets(SharedKey()).take(made, now_s=0.0)
