"""What one server has to do with others: the store, who is there, the key that all share.

    store          keeps the connection to Valkey or Redis; none where the store is in memory
    shared-key     gets the key that all have, where none is set
    registry       tells that this node lives, and where its sessions are
    store-writer   writes what nobody waits for

A server that is alone has a store in memory, and no child but the writer, which sleeps.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..childspec import Child
from ..config import Clustering
from ..telemetry import Telemetry
from .behind import LAST_S, WriteBehind
from .registry import Registry
from .shared_key import SharedKey
from .store import MemoryStore, Store
from .store_address import BadStore, store_address

if TYPE_CHECKING:
    from .redis_store import RedisStore

NOT_INSTALLED = "coredis is not installed: pip install 'parley-voice[cluster]'"


class Cluster:
    """One per server."""

    def __init__(
        self,
        settings: Clustering,
        telemetry: Telemetry,
        *,
        server: str = "",
        load: Callable[[], Mapping[str, float]] = dict,
        store: Store | None = None,
        local: Store | None = None,
    ) -> None:
        """`server` is what all workers of one server have in common; `load` gives figures by name,
        for others to choose by; `store` is one that others have as well, None: that of the
        settings. Where that cannot be used as it is set the server is alone, and `problem` says
        why. `local` is one that the other processes of this server have; it is used where there is
        no other, for what needs no registry."""
        self.problem = store_problem(settings)
        self._redis: RedisStore | None = None
        self.shares = store is not None
        """Whether there is a store in which others may have something."""
        given = local if store is None else store
        self.store: Store = MemoryStore() if given is None else given
        if store is None and settings.store_url is not None and self.problem is None:
            from .redis_store import RedisStore  # it takes half a second, and is an extra

            address = store_address(settings.store_url, settings.store_ca)
            self._redis = RedisStore(address, telemetry, client_name=settings.node or "parley")
            self.store, self.shares = self._redis, True
        self._is_set = settings.store_url is not None
        self.behind = WriteBehind(self.store, telemetry)
        self.key = SharedKey(settings.shared_key, self.store if self.shares else None)
        self.registry = Registry(
            self.store,
            self.behind,
            telemetry,
            key=self.key,
            name=settings.node,
            server=server,
            admin_url=settings.advertise or "",
            load=load,
        )
        telemetry.gauge("store_up", "Whether the shared store answers", lambda: self.state == "ok")

    @property
    def state(self) -> str:
        """ok, unavailable, or none where this server is alone."""
        if not self._is_set:
            return "none"
        return "ok" if self.why_away is None else "unavailable"

    @property
    def why_away(self) -> str | None:
        """Why the store cannot be used; None where it can, or where none is set."""
        return self._redis.why_away if self._redis is not None else self.problem

    def children(self) -> Sequence[Child]:
        """They stop behind the sessions, the writer first: it writes what these have left."""
        writer = Child("store-writer", run=self._write, stop=self.behind.stop, shutdown_s=LAST_S)
        if not self.shares:
            return (writer,)
        return (
            *((Child("store", run=self._redis.run),) if self._redis is not None else ()),
            *((Child("shared-key", run=self.key.run),) if self.key.looks else ()),
            Child("registry", run=self.registry.run),
            writer,
        )

    async def _write(self) -> None:
        try:
            await self.behind.run()
        finally:
            self.behind.at_the_end()


def store_problem(settings: Clustering) -> str | None:
    """Why the store cannot be used as it is set, found without asking it."""
    if settings.store_url is None:
        return None
    if importlib.util.find_spec("coredis") is None:
        return NOT_INSTALLED
    try:
        store_address(settings.store_url, settings.store_ca)
    except BadStore as problem:
        return str(problem)
    return None
