"""Who conducts a conversation beside its client: an agent's code, or a recording of one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ...conversation.events import SessionEvent
from ...protocol.effects import AnyEffect


class Conductor(Protocol):
    """One for each session."""

    def effects(self) -> AbstractAsyncContextManager[AsyncIterator[AnyEffect]]:
        """What it does to the conversation, as it does it. The context is entered once, when the
        session begins, and its end is the end of whatever runs in it. The iteration may end before:
        then the conductor has nothing more to do. It raises nothing: code that crashes is told as a
        ConductorFailed."""
        ...

    def tell(self, event: SessionEvent) -> None:
        """What happens in the session. Called by the session in the moment at which it happens;
        waits for nothing, and raises nothing."""
        ...
