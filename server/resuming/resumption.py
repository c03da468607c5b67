"""Going on with a conversation: who may, from where, and what is kept meanwhile.

A client that wants it asks with its first connection (`?resume=new`) and is given a ticket; with
that it comes again. What its conversation goes on from is looked for here first, where the
connection that it lost may still be open, and then in the store. Whatever is wrong with a ticket,
or with the store, costs the conversation its past and never the call: a new conversation begins,
and the client is told why.

One connection goes on from another: who comes first. It has CLAIM_S to say something; until then
its ticket is not used up, so that a client may lose that connection, too.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import structlog
import trio

from ...cluster.store import Store, StoreUnavailable
from ...protocol.effects import GoOn
from ...protocol.kept import VERSION, KeptConversation
from ...protocol.ticket_message import PLAYED_QUERY, RESUME_QUERY
from ...telemetry import Telemetry
from .ticket import BadTicket, ResumeTicket, new_ticket, ticket_of

CLAIM_S = 10.0
PATIENCE_S, AGAIN_S = 2.0, 0.1
"""So long the store is asked again, so often."""
MAX_PLAYED_MS = 3_600_000
USED = b"used"
"""Of a ticket's claim, once the client has spoken over the new connection."""
WANTED = frozenset({"", "new", "1", "true", "yes"})
"""What asks for a ticket and brings none."""


class Behind(Protocol):
    """Writes without ever making anybody wait."""

    def keep(self, key: str, value: bytes, *, ttl_s: float) -> None: ...

    def forget(self, key: str) -> None: ...


class Session(Protocol):
    """What is needed of a session."""

    @property
    def replies(self) -> bool:
        """Whether a reply is being made or said."""
        ...

    def kept(self) -> KeptConversation: ...


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    hashed: str
    owner: str
    """The name of the access token that it was held with; empty: none was asked for."""
    kept: KeptConversation


class NoResume(Exception):
    """Why a conversation does not go on, in words for its client."""


@dataclass(slots=True, kw_only=True, eq=False)
class Held:
    """A conversation that is kept, on the connection that it has now."""

    ticket: ResumeTicket
    owner: str
    before: ResumeTicket | None = None
    """By which it goes on from another connection."""
    kept: KeptConversation | None = None
    """What it goes on from."""
    played_ms: int | None = None
    why: str = ""
    agent_state: Callable[[], Any] = lambda: None
    session: Session | None = None
    drop: Callable[[], None] = lambda: None
    """Cuts the connection."""
    moved: bool = False
    """It has gone on elsewhere."""
    ended: bool = False
    """It has ended in peace: nothing is kept of it any more."""
    _last: bytes = b""
    _renew_s: float = 0.0

    def go_on(self, *, conducted: bool) -> GoOn:
        return GoOn(
            ticket=str(self.ticket),
            kept=self.kept,
            played_ms=self.played_ms,
            why=self.why,
            conducted=conducted,
        )

    def picture(self) -> KeptConversation | None:
        """The conversation as it is now; None before it has begun."""
        if self.session is None:
            return self.kept
        return msgspec.structs.replace(self.session.kept(), state=self.agent_state())


@dataclass(slots=True, kw_only=True)
class Resumption:
    """One per server. `keep_s`: for how long a conversation is kept after its connection; 0: none
    is, and nobody gets a ticket."""

    store: Store
    behind: Behind
    telemetry: Telemetry
    keep_s: float
    _held: dict[str, Held] = field(default_factory=dict, init=False)
    """By the conversation's name: its newest connection here."""

    async def begin(self, query: Mapping[str, str], dialect: str, owner: str) -> Held | None:
        """What the client that comes asks for; None: it does not ask, or nothing is kept here."""
        wish = query.get(RESUME_QUERY)
        if wish is None or self.keep_s <= 0:
            return None
        if wish.strip().lower() in WANTED:
            return Held(ticket=new_ticket(), owner=owner)
        try:
            ticket, kept = await self._found(wish.strip(), dialect, owner)
        except (NoResume, BadTicket) as problem:
            self.telemetry.count("resumes_refused")
            structlog.get_logger().info("not_resumed", why=str(problem), dialect=dialect)
            return Held(ticket=new_ticket(), owner=owner, why=str(problem))
        self.telemetry.count("resumes")
        return Held(
            ticket=ticket.next(),
            owner=owner,
            before=ticket,
            kept=kept,
            played_ms=_played_ms(query.get(PLAYED_QUERY, "")),
        )

    async def _found(
        self, text: str, dialect: str, owner: str
    ) -> tuple[ResumeTicket, KeptConversation]:
        """What a ticket leads to, claimed for whoever has brought it. Raises NoResume and
        BadTicket."""
        ticket = ticket_of(text)
        here = self._held.get(ticket.conversation)
        if here is not None and here.ticket.generation != ticket.generation:
            here = None
        stored = self._pictured(here) if here is not None else await self._stored_soon(ticket)
        if stored is None or not ticket.proves(stored.hashed):
            raise NoResume("the conversation is not kept any more")
        if stored.owner != owner:
            raise NoResume("the conversation is another token's")
        if stored.kept.dialect != dialect:
            raise NoResume(f"the conversation was held at another address than {dialect}")
        if not await self._claimed(ticket, here is not None):
            raise NoResume("another connection goes on with the conversation")
        if here is not None:
            stored = self._pictured(here) or stored  # in this moment
            here.moved = True
            here.drop()
        return ticket, stored.kept

    async def _stored_soon(self, ticket: ResumeTicket) -> _Stored | None:
        """What the store has. A store, or a server, that is out of breath because so many come at
        once is asked again: to give up is to forget what somebody has said. Raises NoResume."""
        until_s = trio.current_time() + PATIENCE_S
        while True:
            try:
                return await self._stored(ticket)
            except StoreUnavailable:
                if trio.current_time() > until_s:
                    raise NoResume("what was kept cannot be read just now") from None
                await trio.sleep(AGAIN_S)

    async def _claimed(self, ticket: ResumeTicket, is_here: bool) -> bool:
        """Whether it is this connection that goes on. An answer that was lost may have been a yes:
        whose claim it is says what stands in it. Without a store a conversation that is here goes
        on."""
        mine = secrets.token_bytes(9)
        until_s = trio.current_time() + PATIENCE_S
        while True:
            try:
                if await self.store.put_new(ticket.claim, mine, ttl_s=CLAIM_S):
                    return True
                return await self.store.get(ticket.claim) == mine
            except StoreUnavailable:
                if is_here or trio.current_time() > until_s:
                    return is_here
                await trio.sleep(AGAIN_S)

    def _pictured(self, held: Held) -> _Stored | None:
        kept = held.picture()
        if kept is None:
            return None
        return _Stored(hashed=held.ticket.hashed, owner=held.owner, kept=kept)

    async def _stored(self, ticket: ResumeTicket) -> _Stored | None:
        data = await self.store.get(ticket.key)
        if data is None:
            return None
        try:
            stored = msgspec.json.decode(data, type=_Stored)
        except msgspec.MsgspecError:
            raise NoResume("the conversation was kept by another version of the server") from None
        if stored.kept.version != VERSION:
            raise NoResume("the conversation was kept by another version of the server")
        return stored

    # While it lasts

    @contextmanager
    def held(self, held: Held) -> Iterator[None]:
        """While a conversation has its connection. At the end it is kept as it is then."""
        name = held.ticket.conversation
        self._held[name] = held
        try:
            yield
        finally:
            if self._held.get(name) is held:
                del self._held[name]
            self._part(held)

    def _part(self, held: Held) -> None:
        """Its connection is over."""
        if held.moved:
            return
        if held.ended:
            self.behind.forget(held.ticket.key)
            return
        self.keep(held)
        if held.before is not None and (stored := self._pictured(held)) is not None:
            # The client may never have seen its new ticket: the one that it has is good again.
            again = msgspec.structs.replace(stored, hashed=held.before.hashed)
            self.behind.keep(held.before.key, msgspec.json.encode(again), ttl_s=self.keep_s)
            self.behind.forget(held.before.claim)

    def keep(self, held: Held) -> None:
        """Keep a conversation as it is now, where that has changed or would be forgotten soon."""
        stored = self._pictured(held)
        if stored is None:
            return
        data, now_s = msgspec.json.encode(stored), trio.current_time()
        if data == held._last and now_s < held._renew_s:
            return
        held._last, held._renew_s = data, now_s + self.keep_s / 2
        self.behind.keep(held.ticket.key, data, ttl_s=self.keep_s)

    def confirm(self, held: Held) -> None:
        """The client has said something over its new connection: the older ticket is used up."""
        if held.before is not None:
            self.behind.keep(held.before.claim, USED, ttl_s=2 * self.keep_s)
            self.behind.forget(held.before.key)
            held.before = None

    async def goes_on_elsewhere(self, held: Held) -> bool:
        """Whether somebody has used its ticket up on another server, and talks there."""
        with suppress(StoreUnavailable):  # it is asked again in a moment
            held.moved = held.moved or await self.store.get(held.ticket.claim) == USED
        return held.moved


def _played_ms(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    return min(int(text), MAX_PLAYED_MS)
