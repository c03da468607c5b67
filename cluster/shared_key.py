"""The key that servers share, so that each knows what another has signed.

It is that of `PARLEY_SHARED_KEY`; where there is none, whoever comes first makes one and the store
keeps it. Who can read the store can sign then, too; it holds what people say, and is to be kept
like that. Until the store was reached a server has a key of its own, and what was signed by it
stays good here.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

import structlog
import trio
from pydantic import SecretStr

from ..backoff import Attempts
from .store import PAUSES, Store, StoreUnavailable

KEY = "parley:key:shared"
KEY_S = 90 * 86_400.0
LOOK_S = 5.0
"""How often the key is looked at again: a store that was started anew may have lost it."""
RENEW_S = 3600.0
"""How often its time to live begins anew."""
KEY_BYTES = 32


class SharedKey:
    """One per server. `run` has to be a child of its tree where there is a store to look into."""

    def __init__(self, given: SecretStr | None = None, store: Store | None = None) -> None:
        """`store` None: the key is this server's own, unless it is given."""
        self._store = None if given is not None else store
        own = given.get_secret_value().encode() if given is not None else None
        self._keys = [own or secrets.token_bytes(KEY_BYTES)]
        self._log = structlog.get_logger(__name__)
        self.is_shared = given is not None
        self._renewed_s = float("-inf")

    @property
    def looks(self) -> bool:
        """Whether `run` has anything to do."""
        return self._store is not None

    async def run(self) -> None:
        """Get the key that all have, and keep it in the store."""
        attempts = Attempts(PAUSES)
        while self._store is not None:
            try:
                await self._look(self._store)
            except StoreUnavailable:
                await trio.sleep(attempts.next_s())
                continue
            attempts.begin_again()
            await trio.sleep(LOOK_S)

    async def _look(self, store: Store) -> None:
        there = await store.get(KEY)
        if there is None:
            newest = self._keys[0]
            if not await store.put_new(KEY, newest, ttl_s=KEY_S):
                there = await store.get(KEY)
            else:
                there = newest
        if there is None or len(there) != KEY_BYTES:
            self._log.warning("shared_key_unusable", do=f"delete {KEY} in the store")
            return
        now_s = trio.current_time()
        if now_s - self._renewed_s >= RENEW_S:
            await store.put(KEY, there, ttl_s=KEY_S)
            self._renewed_s = now_s
        self._keys = [there, *(key for key in self._keys if key != there)][:2]
        self.is_shared = True

    def sign(self, purpose: str, text: bytes) -> bytes:
        """32 bytes. `purpose` keeps apart what is signed for different things."""
        return _code(self._keys[0], purpose, text)

    def holds(self, purpose: str, text: bytes, signature: bytes) -> bool:
        """Whether a server that shares the key, or this one, signed it."""
        return any(hmac.compare_digest(_code(key, purpose, text), signature) for key in self._keys)


def _code(key: bytes, purpose: str, text: bytes) -> bytes:
    own = hmac.new(key, f"parley {purpose}".encode(), hashlib.sha256).digest()
    return hmac.new(own, text, hashlib.sha256).digest()
