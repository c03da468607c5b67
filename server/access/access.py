"""The access policy: one for all doors of a server, asked before anything is done for a request.

In this order, so that what costs least comes first and nobody learns more than it must: the name
under which the server was asked, the page that asks, how often its address asks, the token, how
often that one asks, and what both have left of their shares.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog
import trio

from ...addresses import counted_as, host_name, is_loopback
from ...childspec import Child
from ...cluster.cluster import Cluster
from ...cluster.shared_key import SharedKey
from ...config import Settings
from ...engines.services.keys import plain_text
from ...telemetry import Telemetry
from ...wallclock import unix_ms
from ..http.head import BadRequest, Head
from .addresses import client_address
from .credentials import CHALLENGE, credentials_of
from .doors import Door, door_of
from .guest import Guest, too_many, work_for
from .keyring import Keyring
from .limits import Meter
from .meters import Meters
from .once import OnceOverall
from .origins import Origins
from .shared_meters import SharedMeters
from .tickets import NoTicket, Once, Ticket, Tickets
from .tokens import Token, digest_of

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers by which a proxy tells that somebody else asks."""


class Access:
    """One per server. `now_s` is the moment on the wall, in Unix seconds."""

    def __init__(
        self,
        settings: Settings,
        telemetry: Telemetry,
        *,
        now_s: Callable[[], float] = lambda: unix_ms() / 1000,
        cluster: Cluster | None = None,
        key: SharedKey | None = None,
        is_first: Callable[[str], bool] = lambda once: True,
    ) -> None:
        """`cluster` None: this server shares neither tickets nor shares of tokens with others.
        `key` signs tickets in the place of the cluster's, and `is_first` says whether no other
        process of this server has taken the one of this number before, and notes it. Raises
        BadTokens for a file of tokens that cannot be used."""
        self.now_s = now_s
        self.settings = settings.admitting
        self.keyring = Keyring(self.settings)
        shared = cluster.key if cluster is not None else None
        self.tickets = Tickets(key or shared, is_first)
        self._once = OnceOverall(cluster, telemetry)
        self._telemetry = telemetry
        self._log = structlog.get_logger(__name__)
        self.meters = Meters(settings.address_limits)
        self._shared_meters = (
            SharedMeters(self.meters, cluster.store, cluster.behind, cluster.registry.id, telemetry)
            if cluster is not None and cluster.shares
            else None
        )
        self._limits_addresses = settings.address_limits.any
        admin = plain_text(self.settings.admin_token)
        self._admin = None if admin is None else digest_of(admin)
        self._only_loopback = is_loopback(self.settings.host)

    @property
    def asks_for_tokens(self) -> bool:
        return self.keyring.is_set

    def children(self) -> Sequence[Child]:
        """What has to run in the server's tree."""
        if self._shared_meters is None:
            return ()
        return (Child("shared-meters", run=self._shared_meters.run),)

    async def look_up(self, head: Head) -> Once:
        """What the store says of the ticket that a request brings, if it brings one and there is a
        store; it is used up by that. Takes half a second at most."""
        if not self._once.asks or not self.asks_for_tokens or _is_preflight(head):
            return Once.UNKNOWN
        if door_of(head.path, websocket=head.is_websocket) in _WITHOUT_TICKETS:
            return Once.UNKNOWN
        try:
            given = credentials_of(head)
            brought = given.ticket or given.token
            if not brought or "." not in brought or self.keyring.ring.found(brought) is not None:
                return Once.UNKNOWN
            return await self._once.take(self.tickets.read(brought))
        except (BadRequest, NoTicket):
            return Once.UNKNOWN  # what is wrong with it is said by let_in

    def let_in(
        self, head: Head, peer: str, *, private: bool = False, once: Once = Once.UNKNOWN
    ) -> Guest:
        """Who asks, where it may ask for this; the current task works for it from then on. Raises
        BadRequest: 400, 401, 403, 421 or 429. `private`: it came by the listener that is for
        administration; `once` is what look_up gave."""
        door = door_of(head.path, websocket=head.is_websocket)
        try:
            guest = self._let_in(door, head, peer, private, once)
        except BadRequest as problem:
            self._refused(door, head, peer, problem)
            raise
        work_for(guest)
        return guest

    def let_in_call(self, peer: str) -> Guest:
        """A telephone call that came without HTTP."""
        guest = Guest(address=client_address(peer, None, ()))
        work_for(guest)
        return guest

    def meter_of(self, kind: str, name: str) -> Meter | None:
        """Of a token or an address that another process of this server tells of; None for a token
        that is not known here."""
        if kind == "address":
            return self.meters.of_address(name, trio.current_time())
        token = self.keyring.ring.named(name)
        return None if token is None else self.meters.of_token(token)

    async def ticket(self, ticket: Ticket, for_s: float) -> str:
        once, kept = await self._once.make(for_s)
        return self.tickets.make(ticket, now_s=self.now_s(), for_s=for_s, once=once, kept=kept)

    # What is checked

    def _let_in(self, door: Door, head: Head, peer: str, private: bool, once: Once) -> Guest:
        address = client_address(peer, head, self.settings.proxies)
        if door in (Door.OPEN, Door.TELEPHONE):  # a service's proof is looked at by its own gate
            return Guest(address=address, on_refused=self._count)
        origins = self._origins()
        origins.check_host(head)
        if not (door is Door.PAGE and head.method in ("GET", "HEAD")):
            origins.check_origin(head)
        if door is Door.PAGE or _is_preflight(head):
            return Guest(address=address, on_refused=self._count)
        meters = list(self._address_meters(address, head))
        self._handshake(meters)
        if door is Door.ADMIN:
            return self._administrator(head, address, meters, private)
        if not self.asks_for_tokens:
            if door is Door.TICKETS:
                raise BadRequest(404, "this server asks nobody for a token, so it has no tickets")
            guest = Guest(address=address, meters=meters, on_refused=self._count)
        else:
            guest = self._known(head, door, address, meters, once)
        guest.check_share()
        return guest

    def _known(
        self, head: Head, door: Door, address: str, meters: list[Meter], once: Once
    ) -> Guest:
        """Whose token or ticket it is. Raises BadRequest."""
        token, ticket = self._proof(head, door, once)
        if door is not Door.TICKETS and door not in token.doors:
            raise BadRequest(403, f"the token {token.name} is not for {door.value}")
        if ticket is not None and ticket.doors and door not in ticket.doors:
            raise BadRequest(403, f"the ticket is not for {door.value}")
        meter = self.meters.of_token(token)
        self._handshake([meter])
        claims = {**(ticket.claims if ticket is not None else {}), **token.claims}
        return Guest(
            token=token,
            address=address,
            claims=claims,
            meters=(meter, *meters),
            on_refused=self._count,
        )

    def _proof(self, head: Head, door: Door, once: Once) -> tuple[Token, Ticket | None]:
        given = credentials_of(head)
        token = self.keyring.ring.found(given.token) if given.token else None
        ticket: Ticket | None = None
        brought = given.ticket or (given.token if token is None else "")
        if not given.token and not given.ticket:
            raise BadRequest(
                401,
                "this server asks for a token: send `Authorization: Bearer TOKEN`, or from a "
                "browser `?ticket=` with what POST /tickets answers",
                CHALLENGE,
            )
        if brought and door is not Door.TICKETS and "." in brought:
            try:
                ticket = self.tickets.take(brought, now_s=self.now_s(), once=once)
            except NoTicket as problem:
                raise BadRequest(401, str(problem), CHALLENGE) from None
            token = self.keyring.ring.named(ticket.name)
        if token is None:
            raise BadRequest(401, "the token is not known here", CHALLENGE)
        if token.is_over(self.now_s()):
            raise BadRequest(401, f"the token {token.name} has expired", CHALLENGE)
        return token, ticket

    def _administrator(self, head: Head, address: str, meters: list[Meter], private: bool) -> Guest:
        """Raises BadRequest unless it is proved, or nobody else can be it."""
        guest = Guest(address=address, meters=meters, on_refused=self._count)
        given = credentials_of(head).token
        if given and self._admin is not None and _same(self._admin, given):
            return guest
        if given:
            token = self.keyring.ring.found(given)
            if token is None or token.is_over(self.now_s()):
                raise BadRequest(401, "the token is not known here, or has expired", CHALLENGE)
            if Door.ADMIN not in token.doors:
                raise BadRequest(403, f"the token {token.name} is not for admin")
            return replace(guest, token=token)
        if self._admin is None and self._only_here(head, private):
            return guest
        raise BadRequest(
            401,
            "this is for administration: send the token of PARLEY_ADMIN_TOKEN, or a token for the "
            "door admin, or ask at PARLEY_ADMIN_PORT",
            CHALLENGE,
        )

    def _only_here(self, head: Head, private: bool) -> bool:
        """Whether only this machine can have asked, and nobody was to prove who they are."""
        if private:
            here = is_loopback(self.settings.admin_host)
        else:
            here = self._only_loopback and not self.asks_for_tokens
        return here and not any(head.header(name) for name in FORWARDED)

    # Shares

    def _address_meters(self, address: str, head: Head) -> list[Meter]:
        """None for this machine, unless a proxy on it says that it asks for another."""
        if is_loopback(address) or not self._limits_addresses:
            return []
        return [self.meters.of_address(counted_as(address), trio.current_time())]

    def _handshake(self, meters: list[Meter]) -> None:
        now_s = trio.current_time()
        for meter in meters:
            if (wait_s := meter.handshakes.wait_s(now_s, 1)) > 0:
                raise too_many(f"{meter.name} asks too often", wait_s)
            meter.handshakes.take(1, now_s)

    def _origins(self) -> Origins:
        settings = self.settings
        anybody = not settings.hosts and self.asks_for_tokens and not self._only_loopback
        names = {host_name(self.settings.host), *settings.hosts}
        return Origins(
            hosts=None if anybody else names,
            only_loopback=self._only_loopback,
            pages=settings.pages,
        )

    # What is told

    def _count(self, reason: str) -> None:
        self._telemetry.refused(reason)

    def _refused(self, door: Door, head: Head, peer: str, problem: BadRequest) -> None:
        self._telemetry.refused(_REASONS.get(problem.status, "bad_request"))
        self._log.info(
            "access_refused",
            door=door.value,
            peer=peer,
            status=problem.status,
        )


_WITHOUT_TICKETS = (Door.OPEN, Door.TELEPHONE, Door.PAGE, Door.TICKETS, Door.ADMIN)
"""A ticket that is brought there is not used: a page may have it in its address for the WebSocket
that it opens."""

_REASONS = {401: "no_token", 403: "not_allowed", 421: "other_host", 429: "too_often"}


def _same(digest: bytes, given: str) -> bool:
    return hmac.compare_digest(digest, digest_of(given))


def _is_preflight(head: Head) -> bool:
    return head.method == "OPTIONS" and not head.is_websocket
