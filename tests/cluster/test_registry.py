"""Who is there, and where a session is, in virtual time."""

from __future__ import annotations

import msgspec
import pytest
import structlog
import trio
from pydantic import SecretStr
from trio.testing import MockClock

from parley.cluster.behind import WriteBehind
from parley.cluster.registry import LEASE_S, NODE, SESSION_S, Registry
from parley.cluster.shared_key import SharedKey
from parley.cluster.store import StoreUnavailable
from parley.telemetry import Telemetry
from support.stores import FaultyStore

KEY = SharedKey(SecretStr("a key that all have"))


class World:
    """Nodes on one store, each of which can be killed."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.store = FaultyStore()
        self._nursery = nursery

    async def node(self, name: str | None = None, **how: object) -> Registry:
        telemetry = Telemetry()
        behind = WriteBehind(self.store, telemetry)
        how = {"key": KEY, **how}
        registry = Registry(self.store, behind, telemetry, name=name, **how)  # type: ignore[arg-type]
        self._nursery.start_soon(behind.run)
        self._nursery.start_soon(registry.run)
        await trio.testing.wait_all_tasks_blocked()
        return registry


@pytest.fixture
def world(nursery: trio.Nursery) -> World:
    return World(nursery)


async def names(registry: Registry) -> list[str]:
    return [node.name for node in await registry.nodes()]


async def test_each_node_sees_all(world: World, autojump_clock: MockClock) -> None:
    a = await world.node("a", admin_url="http://10.0.0.1:8085", load=lambda: {"lag": 0.123456})
    b = await world.node("b")
    a.opened("s1")
    await trio.sleep(5)
    assert await names(b) == ["a", "b"]
    told = (await b.nodes())[0]
    assert (told.id, told.admin_url, told.sessions) == (a.id, "http://10.0.0.1:8085", 1)
    assert told.load == {"lag": 0.1235}
    assert told.up_s == 3.0


async def test_a_node_that_died_is_gone_when_its_lease_is_over(
    world: World, autojump_clock: MockClock
) -> None:
    a = await world.node("a")
    await world.store.put(f"{NODE}dead", b'{"id":"dead","name":"dead"}', ttl_s=LEASE_S)
    assert await names(a) == ["a", "dead"]
    await trio.sleep(LEASE_S + 0.1)
    assert await names(a) == ["a"]


async def test_a_node_that_stops_gives_its_lease_up(
    world: World, autojump_clock: MockClock
) -> None:
    telemetry = Telemetry()
    b = Registry(world.store, WriteBehind(world.store, telemetry), telemetry, name="b")
    a = await world.node("a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(b.run)
        await trio.sleep(1)
        assert await names(a) == ["a", "b"]
        nursery.cancel_scope.cancel()
    assert await names(a) == ["a"]


async def test_a_session_is_found_where_it_is(world: World, autojump_clock: MockClock) -> None:
    a, b = await world.node("a"), await world.node("b")
    a.opened("s1")
    await trio.sleep(1)
    found = await b.node_of("s1")
    assert found is not None
    assert found.id == a.id
    assert await b.node_of("s2") is None
    a.closed("s1")
    await trio.sleep(1)
    assert await b.node_of("s1") is None


async def test_a_long_session_is_found_to_its_end(world: World, autojump_clock: MockClock) -> None:
    a = await world.node("a")
    a.opened("s1")
    await trio.sleep(2.5 * SESSION_S)
    found = await a.node_of("s1")
    assert found is not None
    assert found.id == a.id


async def test_a_store_that_lost_everything_is_told_again(
    world: World, autojump_clock: MockClock
) -> None:
    a = await world.node("a")
    a.opened("s1")
    await trio.sleep(1)
    for key in await world.store.find("parley:", most=99):
        await world.store.delete(key)
    assert await a.node_of("s1") is None
    await trio.sleep(4)
    assert await a.node_of("s1") is not None
    assert await names(a) == ["a"]


async def test_a_session_of_a_dead_node_is_nowhere(world: World, autojump_clock: MockClock) -> None:
    a = await world.node("a")
    await world.store.put("parley:session:s1", b"dead", ttl_s=1000)
    assert await a.node_of("s1") is None


async def test_two_nodes_with_one_name_are_two_and_the_later_one_says_so(
    world: World, autojump_clock: MockClock
) -> None:
    with structlog.testing.capture_logs() as logs:
        a = await world.node("berlin")
        b = await world.node("berlin")
        await trio.sleep(60)
        nodes = await a.nodes()
        assert [node.name for node in nodes] == ["berlin", b.id]
        assert nodes[0].id == a.id
    assert [log["event"] for log in logs] == ["node_name_taken"]


async def test_a_node_that_was_started_again_has_its_name_when_the_old_lease_is_over(
    world: World, autojump_clock: MockClock
) -> None:
    await world.store.put("parley:name:berlin", b"berlin-before", ttl_s=LEASE_S)
    with structlog.testing.capture_logs() as logs:
        a = await world.node("berlin")
        assert a.name == a.id
        await trio.sleep(LEASE_S + 4)
        assert a.name == "berlin"
    assert logs == []


async def test_what_is_no_node_is_left_out(world: World, autojump_clock: MockClock) -> None:
    a = await world.node("a")
    for i, garbage in enumerate((b"", b"\xff", b"[]", b'{"id":1,"name":"x"}', b"null")):
        await world.store.put(f"{NODE}{i}", garbage, ttl_s=LEASE_S)
    assert await names(a) == ["a"]


async def test_a_node_goes_on_while_the_store_is_away(
    world: World, autojump_clock: MockClock
) -> None:
    a = await world.node("a")
    a.opened("s1")
    await trio.sleep(1)
    world.store.away = "it is away"
    await trio.sleep(30)
    with pytest.raises(StoreUnavailable):
        await a.nodes()
    a.opened("s2")
    world.store.away = None
    await trio.sleep(10)
    assert await names(a) == ["a"]
    assert await a.node_of("s2") is not None


def test_a_name_that_is_made_fits_a_key() -> None:
    telemetry = Telemetry()
    store = FaultyStore()
    ids = {Registry(store, WriteBehind(store, Telemetry()), telemetry).id for _ in range(5)}
    assert len(ids) == 5
    assert not any(":" in node_id for node_id in ids)


async def test_workers_of_one_server_are_one_to_the_others(
    world: World, autojump_clock: MockClock
) -> None:
    here = await world.node("here")
    for number in (1, 2, 3):
        await world.node(f"b-{number}", server="b", admin_url="http://b:9090")
    c = await world.node("c", admin_url="http://c:9090")
    others = await here.other_servers()
    assert [(node.shown, node.admin_url) for node in others] == [
        ("b", "http://b:9090"),
        ("c", "http://c:9090"),
    ]
    assert [node.shown for node in await c.other_servers()] == ["b", "here"]


@pytest.mark.parametrize(
    "lie",
    [
        {"admin_url": "http://evil:9090"},
        {"server": "b"},
        {"id": "a-nother"},
        {"proof": "00"},
        {"proof": "no hex"},
    ],
    ids=repr,
)
async def test_an_entry_that_nobody_with_the_key_has_signed_leads_nowhere(
    lie: dict[str, str], world: World, autojump_clock: MockClock
) -> None:
    """Who can write to the store could have the token of administration sent to themselves."""
    here = await world.node("here")
    a = await world.node("a", admin_url="http://a:9090")
    forged = msgspec.json.encode(msgspec.structs.replace(a.node(), **lie))
    await world.store.put(NODE + a.id, forged, ttl_s=LEASE_S)
    (found,) = await here.other_servers()
    assert (found.name, found.admin_url, found.server) == ("a", "", "")


async def test_an_entry_that_was_signed_with_another_key_leads_nowhere(
    world: World, autojump_clock: MockClock
) -> None:
    here = await world.node("here")
    stranger = SharedKey(SecretStr("another key"))
    await world.node("stranger", admin_url="http://evil:9090", key=stranger)
    (found,) = await here.other_servers()
    assert found.admin_url == ""
