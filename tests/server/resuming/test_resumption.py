"""Who may go on with a conversation, from where: a ticket that is wrong in some way begins a new
one, and says why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from parley.cluster.behind import WriteBehind
from parley.cluster.store import MemoryStore, Store, StoreUnavailable
from parley.protocol.kept import KeptConversation, KeptUser
from parley.server.resuming.keeper import ELSEWHERE_S, EVERY_S, keep_looking
from parley.server.resuming.resumption import CLAIM_S, Held, Resumption
from parley.server.resuming.ticket import BadTicket, new_ticket, ticket_of
from parley.telemetry import Telemetry

Clock = trio.testing.MockClock
KEEP_S = 100.0
WS = "prompt-voice"


class Talk:
    """A session, as far as it is kept."""

    replies = False

    def __init__(self, *words: str, dialect: str = WS) -> None:
        self.words = list(words)
        self.dialect = dialect

    def kept(self) -> KeptConversation:
        items = (KeptUser(id=f"item-{n}", turn=n, text=text) for n, text in enumerate(self.words))
        return KeptConversation(dialect=self.dialect, items=tuple(items))


@asynccontextmanager
async def a_server(store: Store, *, keep_s: float = KEEP_S) -> AsyncIterator[Resumption]:
    telemetry = Telemetry()
    behind = WriteBehind(store, telemetry)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(behind.run)
        yield Resumption(store=store, behind=behind, telemetry=telemetry, keep_s=keep_s)
        nursery.cancel_scope.cancel()


async def begun(
    server: Resumption, wish: str = "new", *, owner: str = "", dialect: str = WS, **more: str
) -> Held:
    held = await server.begin({"resume": wish, **more}, dialect, owner)
    assert held is not None
    return held


async def spoken(server: Resumption, held: Held, *words: str, dialect: str = WS) -> None:
    """A connection in which this is said, and which is lost."""
    with server.held(held):
        held.session = Talk(*words, dialect=dialect)
        server.keep(held)
        server.confirm(held)
        await trio.sleep(1)
    await trio.sleep(0.1)


def words_of(kept: KeptConversation | None) -> list[str]:
    return [item.text for item in kept.items if isinstance(item, KeptUser)] if kept else []


async def test_who_does_not_ask_gets_no_ticket(autojump_clock: Clock) -> None:
    async with a_server(MemoryStore()) as server:
        assert await server.begin({}, WS, "") is None
    async with a_server(MemoryStore(), keep_s=0) as server:
        assert await server.begin({"resume": "new"}, WS, "") is None


async def test_it_goes_on_where_it_was_and_again_with_the_next_ticket(
    autojump_clock: Clock,
) -> None:
    store = MemoryStore()
    async with a_server(store) as one, a_server(store) as other:
        held = await begun(one)
        assert held.kept is None
        await spoken(one, held, "hello")
        again = await begun(other, str(held.ticket), played_ms="120")
        assert (words_of(again.kept), again.played_ms, again.why) == (["hello"], 120, "")
        assert again.ticket.conversation == held.ticket.conversation
        await spoken(other, again, "hello", "there")
        third = await begun(one, str(again.ticket))
        assert words_of(third.kept) == ["hello", "there"]
        used = await begun(one, str(held.ticket))
        assert used.kept is None
        assert used.why == "the conversation is not kept any more"


async def test_a_connection_that_is_still_open_here_is_cut_and_gone_on_from(
    autojump_clock: Clock,
) -> None:
    async with a_server(MemoryStore()) as server:
        held = await begun(server)
        cut: list[str] = []
        with server.held(held):
            held.session, held.drop = Talk("just said"), lambda: cut.append("now")
            again = await begun(server, str(held.ticket))
        assert cut == ["now"]
        assert words_of(again.kept) == ["just said"], "nothing had been written yet"


async def test_a_connection_that_seems_open_elsewhere_is_cut_once_its_client_talks_here(
    autojump_clock: Clock,
) -> None:
    store = MemoryStore()
    async with a_server(store) as one, a_server(store) as other, trio.open_nursery() as nursery:
        held = await begun(one)
        cut_s: list[float] = []
        held.session = Talk("hello")
        held.drop = lambda: cut_s.append(trio.current_time())
        with one.held(held):
            looking = partial(keep_looking, one, held, has_spoken=lambda: True)
            nursery.start_soon(looking)
            await trio.sleep(2 * ELSEWHERE_S)
            again = await begun(other, str(held.ticket))
            with other.held(again):
                again.session = Talk("hello", "there")
                other.keep(again)
                await trio.sleep(2 * ELSEWHERE_S)
                assert cut_s == [], "its client has said nothing there, and may come again"
                other.confirm(again)
                spoken_s = trio.current_time()
                await trio.sleep(2 * ELSEWHERE_S)
        assert len(cut_s) == 1
        assert cut_s[0] - spoken_s <= ELSEWHERE_S + 2 * EVERY_S
        assert words_of((await begun(one, str(again.ticket))).kept) == ["hello", "there"]


async def test_of_two_who_come_with_one_ticket_one_goes_on(autojump_clock: Clock) -> None:
    store = MemoryStore()
    async with a_server(store) as one, a_server(store) as other:
        held = await begun(one)
        await spoken(one, held, "hello")
        came: list[Held] = []

        async def come(server: Resumption) -> None:
            came.append(await begun(server, str(held.ticket)))

        async with trio.open_nursery() as nursery:
            for server in (one, other, one, other):
                nursery.start_soon(come, server)
        assert sum(held.kept is not None for held in came) == 1
        whys = {held.why for held in came if held.kept is None}
        assert whys == {"another connection goes on with the conversation"}


async def test_a_client_that_loses_the_new_connection_too_comes_with_its_ticket_again(
    autojump_clock: Clock,
) -> None:
    async with a_server(MemoryStore()) as server:
        held = await begun(server)
        await spoken(server, held, "hello")
        for _ in range(3):
            again = await begun(server, str(held.ticket))
            assert words_of(again.kept) == ["hello"]
            with server.held(again):
                again.session = Talk("hello")  # and its client says nothing
                await trio.sleep(0.5)
            await trio.sleep(0.1)


async def test_a_server_that_dies_with_a_claim_holds_it_for_a_moment_only(
    autojump_clock: Clock,
) -> None:
    async with a_server(MemoryStore()) as server:
        held = await begun(server)
        await spoken(server, held, "hello")
        assert (await begun(server, str(held.ticket))).kept is not None
        assert (await begun(server, str(held.ticket))).kept is None
        await trio.sleep(CLAIM_S)
        assert words_of((await begun(server, str(held.ticket))).kept) == ["hello"]


async def test_it_is_kept_for_so_long_and_while_it_lasts(autojump_clock: Clock) -> None:
    async with a_server(MemoryStore()) as server:
        held = await begun(server)
        with server.held(held):
            held.session = Talk("hello")
            for _ in range(500):
                server.keep(held)
                await trio.sleep(1)
        await trio.sleep(KEEP_S - 1)
        assert words_of((await begun(server, str(held.ticket))).kept) == ["hello"]
        await trio.sleep(KEEP_S + CLAIM_S)
        late = await begun(server, str(held.ticket))
        assert late.why == "the conversation is not kept any more"


async def test_what_has_ended_in_peace_is_forgotten(autojump_clock: Clock) -> None:
    async with a_server(MemoryStore()) as server:
        held = await begun(server)
        with server.held(held):
            held.session = Talk("goodbye")
            server.keep(held)
            await trio.sleep(1)
            held.ended = True
        await trio.sleep(0.1)
        assert (await begun(server, str(held.ticket))).kept is None


def _other_secret(ticket: str) -> str:
    return ticket[:-24] + "A" * 24


BAD: Mapping[str, Any] = {
    "rubbish": (lambda ticket: "rubbish", {}, "this is no ticket"),
    "long": (lambda ticket: "x" * 10_000, {}, "this is no ticket"),
    "another secret": (_other_secret, {}, "not kept any more"),
    "another conversation": (lambda ticket: str(new_ticket()), {}, "not kept any more"),
    "a later connection": (
        lambda ticket: ticket.replace(".1.", ".2."),
        {},
        "not kept any more",
    ),
    "another owner": (str, {"owner": "eve"}, "another token's"),
    "no owner": (str, {"owner": ""}, "another token's"),
    "another address": (str, {"owner": "ann", "dialect": "newspeech"}, "at another address"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_ticket_that_is_no_good_begins_a_new_conversation(
    case: str, autojump_clock: Clock
) -> None:
    changed, asks, why = BAD[case]
    async with a_server(MemoryStore()) as server:
        held = await begun(server, owner="ann")
        await spoken(server, held, "hello")
        came = await begun(server, changed(str(held.ticket)), **({"owner": "ann"} | asks))
        assert came.kept is None
        assert why in came.why
        assert came.ticket.conversation != held.ticket.conversation
        good = await begun(server, str(held.ticket), owner="ann")
        assert words_of(good.kept) == ["hello"], "the true one is as good as before"


async def test_what_another_version_has_kept_is_not_guessed_at(autojump_clock: Clock) -> None:
    store = MemoryStore()
    async with a_server(store) as server:
        held = await begun(server)
        await spoken(server, held, "hello")
        stored = msgspec.json.decode(await store.get(held.ticket.key) or b"")
        stored["kept"]["version"] = 99
        for data in (msgspec.json.encode(stored), b"{}", b"\xff", b"[]"):
            await store.put(held.ticket.key, data, ttl_s=10)
            assert "another version" in (await begun(server, str(held.ticket))).why


class Away(MemoryStore):
    async def get(self, key: str) -> bytes | None:
        raise StoreUnavailable("away")

    async def put_new(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        raise StoreUnavailable("away")


async def test_without_the_store_who_comes_to_the_same_server_goes_on(
    autojump_clock: Clock,
) -> None:
    async with a_server(Away()) as server:
        held = await begun(server)
        assert "cannot be read just now" in (await begun(server, str(held.ticket))).why
        with server.held(held):
            held.session = Talk("still here")
            assert words_of((await begun(server, str(held.ticket))).kept) == ["still here"]


@pytest.mark.parametrize("played", ["", "-1", "x", "1.5", "9" * 40, "\u0661"])
async def test_a_client_that_counts_badly_is_not_believed(
    played: str, autojump_clock: Clock
) -> None:
    async with a_server(MemoryStore()) as server:
        held = await begun(server)
        await spoken(server, held, "hello")
        assert (await begun(server, str(held.ticket), played_ms=played)).played_ms is None


def test_a_ticket_is_read_as_it_was_written_and_guessed_by_nobody() -> None:
    tickets = [new_ticket() for _ in range(100)]
    assert len({str(ticket) for ticket in tickets}) == 100
    assert [ticket_of(str(ticket)) for ticket in tickets] == tickets
    for text in ("", "a.b.c", f"{tickets[0]} ", f"{tickets[0]}\n", str(tickets[0])[1:]):
        with pytest.raises(BadTicket):
            ticket_of(text)
