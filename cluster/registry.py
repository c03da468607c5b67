"""Who is there: each node tells of itself under a lease, and where each session is.

`parley:node:<id>`      what a node says of itself; gone ten seconds after it said nothing more
`parley:name:<name>`    the id of the node that has the name
`parley:session:<id>`   the id of the node where the session is

Nobody compares moments: a lease is over when the store says so, and how long a node has been up it
tells as a length. A session that a dead node left behind leads to a node that is not there.

Two nodes with one name are two nodes all the same, since an id is the name and a random end. The
one that came later is shown by its id, and its log says why.
"""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec
import structlog
import trio

from .. import __version__
from ..backoff import Attempts
from ..telemetry import Telemetry
from .behind import WriteBehind
from .shared_key import SharedKey
from .store import PAUSES, Store, StoreUnavailable

LEASE_S = 10.0
RENEW_S = 3.0
"""Three of them may fail before others take a node for gone."""
SESSION_S = 3600.0
"""A node tells where a session is for so long, and again at half of it."""
NAME_TAKEN_S = 2 * LEASE_S
"""For how long another may have the name before it is said: it may be what this node was before it
was started again."""
NODES_MAX = 1000

NODE = "parley:node:"
NAME = "parley:name:"
SESSION = "parley:session:"


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself. `server` is the same of all workers of one server, and the node's
    own id elsewhere; `admin_url` is where others may ask that server, empty: nowhere, and `proof`
    is by whom the three were signed; `up_s` is how long it runs, and `load` are figures by their
    names."""

    id: str
    name: str
    server: str = ""
    admin_url: str = ""
    proof: str = ""
    version: str = ""
    sessions: int = 0
    up_s: float = 0.0
    load: dict[str, float] = {}

    @property
    def shown(self) -> str:
        """What its server is called for people."""
        return self.name if self.server in ("", self.id) else self.server


class Registry:
    """One per server; `run` has to be a child of its tree."""

    def __init__(
        self,
        store: Store,
        behind: WriteBehind,
        telemetry: Telemetry,
        *,
        key: SharedKey | None = None,
        name: str | None = None,
        server: str = "",
        admin_url: str = "",
        load: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        """`server` is what all workers of one server say, empty: this node is alone. Without a
        `key` nobody asks it, and it asks nobody."""
        self._store = store
        self._behind = behind
        self._key = key
        self._telemetry = telemetry
        self._log = structlog.get_logger(__name__)
        self._wanted = name
        self._admin_url = admin_url
        self._load = load
        self.id = f"{name or host_label()}-{secrets.token_hex(4)}"
        self.name = self.id
        self._server = server or self.id
        self._began_s: float | None = None
        self._taken_since_s: float | None = None
        self._told_taken = False
        self._sessions: dict[str, float] = {}

    # Of itself

    async def run(self) -> None:
        """Renew the lease, for ever; give it up at the end."""
        self._began_s = trio.current_time()
        again = Attempts(replace(PAUSES, most_s=RENEW_S))
        try:
            while True:
                try:
                    await self._renew()
                except StoreUnavailable:
                    self._telemetry.dropped("lease")
                    await trio.sleep(again.next_s())
                else:
                    again.begin_again()
                    await trio.sleep(RENEW_S)
        finally:
            with trio.move_on_after(1.0, shield=True):
                await self._leave()

    def node(self) -> Node:
        now_s = trio.current_time()
        return Node(
            id=self.id,
            name=self.name,
            server=self._server,
            proof=self._proof(self.id, self._server, self._admin_url),
            admin_url=self._admin_url,
            version=__version__,
            sessions=len(self._sessions),
            up_s=round(now_s - (self._began_s if self._began_s is not None else now_s), 1),
            load={name: round(figure, 4) for name, figure in self._load().items()},
        )

    async def _renew(self) -> None:
        await self._claim_name()
        lost = await self._store.get(NODE + self.id) is None
        await self._store.put(NODE + self.id, msgspec.json.encode(self.node()), ttl_s=LEASE_S)
        now_s = trio.current_time()
        for session_id, told_s in self._sessions.items():
            if lost or now_s - told_s >= SESSION_S / 2:  # a store that lost a lease lost these too
                self._tell(session_id)

    async def _claim_name(self) -> None:
        if self._wanted is None:
            return
        key, own = NAME + self._wanted, self.id.encode()
        there = await self._store.get(key)
        if there == own:
            await self._store.put(key, own, ttl_s=LEASE_S)
        elif there is not None or not await self._store.put_new(key, own, ttl_s=LEASE_S):
            self._is_taken()
            return
        self.name, self._taken_since_s, self._told_taken = self._wanted, None, False

    def _is_taken(self) -> None:
        now_s = trio.current_time()
        self.name = self.id
        if self._taken_since_s is None:
            self._taken_since_s = now_s
        if now_s - self._taken_since_s >= NAME_TAKEN_S and not self._told_taken:
            self._told_taken = True
            self._log.warning(
                "node_name_taken",
                name=self._wanted,
                shown_as=self.id,
                do="give each server a PARLEY_NODE of its own",
            )

    async def _leave(self) -> None:
        try:
            await self._store.delete(NODE + self.id)
            if self._wanted is not None and self.name == self._wanted:
                await self._store.delete(NAME + self._wanted)
        except StoreUnavailable:
            pass  # the leases end by themselves

    # Of sessions

    def opened(self, session_id: str) -> None:
        self._tell(session_id)

    def closed(self, session_id: str) -> None:
        if self._sessions.pop(session_id, None) is not None:
            self._behind.forget(SESSION + session_id)

    def _tell(self, session_id: str) -> None:
        self._sessions[session_id] = trio.current_time()
        self._behind.keep(SESSION + session_id, self.id.encode(), ttl_s=SESSION_S)

    # Of all

    async def nodes(self) -> list[Node]:
        """Those that are alive, by their names. Raises StoreUnavailable."""
        found = await self._store.find(NODE, most=NODES_MAX)
        nodes = [node for node in map(self._read, found.values()) if node is not None]
        return sorted(nodes, key=lambda node: (node.name, node.id))

    async def node_of(self, session_id: str) -> Node | None:
        """Where a session is; None where nobody has it. Raises StoreUnavailable."""
        node_id = await self._store.get(SESSION + session_id)
        if node_id is None:
            return None
        told = await self._store.get(NODE + node_id.decode("utf-8", "replace"))
        return self._read(told) if told is not None else None

    async def other_servers(self) -> list[Node]:
        """One node of each server but this one, by their names. Raises StoreUnavailable."""
        found: dict[str, Node] = {}
        for node in await self.nodes():
            if not self.is_own(node):
                found.setdefault(node.server or node.id, node)
        return list(found.values())

    def is_own(self, node: Node) -> bool:
        """Whether it is this server, or another worker of it."""
        return node.id == self.id or node.server == self._server

    def _proof(self, node_id: str, server: str, admin_url: str) -> str:
        if self._key is None:
            return ""
        return self._key.sign("node", _signed(node_id, server, admin_url)).hex()

    def _is_proved(self, node: Node) -> bool:
        try:
            proof = bytes.fromhex(node.proof)
        except ValueError:
            return False
        text = _signed(node.id, node.server, node.admin_url)
        return self._key is not None and self._key.holds("node", text, proof)

    def _read(self, told: bytes) -> Node | None:
        """None where it is unreadable. Where nobody who shares the key has signed it, it is a node
        that nobody asks and that belongs to nobody: what it says may be anybody's."""
        try:
            node = msgspec.json.decode(told, type=Node)
        except (msgspec.MsgspecError, ValueError):
            self._telemetry.dropped("node_unreadable")
            return None
        if not self._is_proved(node):
            return msgspec.structs.replace(node, server="", admin_url="", proof="")
        return node


def _signed(*words: str) -> bytes:
    return "\n".join(words).encode()


def host_label() -> str:
    """This machine's name, as far as it fits into a node's."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:40] or "node"
