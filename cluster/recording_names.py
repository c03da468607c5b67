"""Which recording a client's token is for, so that every server can give it its file.

`parley:recording:<digest>`   the file's name, by a digest of the token that its client made up

The file itself is in a folder or an archive that all servers have.
"""

from __future__ import annotations

import hashlib

from .behind import WriteBehind
from .store import Store, StoreUnavailable

RECORDING = "parley:recording:"
LIVES_S = 86_400.0
"""A client fetches its file when the call is over; the server's own memory forgets at its end."""


class RecordingNames:
    """One per server that shares a store."""

    def __init__(self, store: Store, behind: WriteBehind) -> None:
        self._store = store
        self._behind = behind

    def keep(self, token: str, name: str) -> None:
        self._behind.keep(_key(token), name.encode(), ttl_s=LIVES_S)

    async def name_of(self, token: str) -> str | None:
        """None where nobody knows, or the store does not answer."""
        try:
            found = await self._store.get(_key(token))
        except StoreUnavailable:
            return None
        return None if found is None else found.decode("utf-8", "replace")


def _key(token: str) -> str:
    return RECORDING + hashlib.sha256(token.encode()).hexdigest()[:32]
