"""One connection: its scope, the session that grows from it, and how it ends when it must."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

import trio

from ..session.life import Session


@dataclass(slots=True)
class Connection:
    """A socket that was accepted, or a client in memory. `run` is a supervised child's body."""

    name: str
    """The child's id."""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    session: Session | None = None
    over: trio.Event = field(default_factory=trio.Event)

    async def run(
        self, serve: Callable[[], Awaitable[object]], *, task_status: trio.TaskStatus[None]
    ) -> None:
        _current.set(self)
        try:
            with self.scope:
                task_status.started()
                await serve()
        finally:
            self.over.set()

    def drain(self) -> None:
        """A session says goodbye; anything else is dropped."""
        if self.session is not None:
            self.session.drain()
        else:
            self.scope.cancel()


def current_connection() -> Connection:
    """The one that the current task serves."""
    return _current.get()


_current: ContextVar[Connection] = ContextVar("parley_connection")
