"""The sockets that a server listens on, and who may have them.

Whoever binds them owns them: a server, or the parent of several, which hands them on.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from ..addresses import place_of, without_brackets
from ..config import Settings
from .access.binding import Exposed, check_binding

PORTS = range(65_536)


class PortInUse(Exception):
    """Somebody else listens there."""


class CannotListen(Exception):
    """The address cannot be bound, or must not be; the message says which and why, in one line."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Listeners by what they serve: everything, dialect C, AudioSocket, administration, a balancer
    that asks how busy the server is."""

    main: Sequence[trio.SocketListener]
    engine: Sequence[trio.SocketListener] = ()
    audiosocket: Sequence[trio.SocketListener] = ()
    admin: Sequence[trio.SocketListener] = ()
    agent: Sequence[trio.SocketListener] = ()

    @property
    def port(self) -> int:
        """The one that people connect to."""
        port: int = self.main[0].socket.getsockname()[1]
        return port

    def all_of(self) -> tuple[Sequence[trio.SocketListener], ...]:
        return self.main, self.engine, self.audiosocket, self.admin, self.agent

    def close(self) -> None:
        """At once. Where others were handed them, those have them still."""
        for listeners in self.all_of():
            for listener in listeners:
                listener.socket.close()


async def open_listeners(host: str, port: int) -> list[trio.SocketListener]:
    """Bind. Raises PortInUse, ValueError for what is no port, or OSError for an address that is
    not ours."""
    if type(port) is not int or port not in PORTS:
        raise ValueError(f"the port {port!r} is refused; allowed: 0 (a free one) to {PORTS[-1]}")
    try:
        return list(await trio.open_tcp_listeners(port, host=without_brackets(host)))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(f"port {port} on {without_brackets(host)} is in use") from None
        raise


def check_may_listen(settings: Settings) -> None:
    """Raises CannotListen for a server that would be open to everybody."""
    try:
        check_binding(settings)
    except Exposed as problem:
        raise CannotListen(str(problem)) from None


async def bind(settings: Settings) -> Bound:
    """All that the settings ask for. Raises CannotListen."""
    serving, admitting = settings.serving, settings.admitting
    host = serving.host
    return Bound(
        await _bind(host, serving.port, "--port"),
        await _bind_if(host, serving.engine_port, "PARLEY_ENGINE_PORT"),
        await _bind_if(host, serving.audiosocket_port, "PARLEY_AUDIOSOCKET_PORT"),
        await _bind_if(admitting.admin_host, admitting.admin_port, "PARLEY_ADMIN_PORT"),
        await _bind_if(serving.agent_host, serving.agent_port, "PARLEY_AGENT_PORT"),
    )


async def _bind_if(host: str, port: int, name: str) -> list[trio.SocketListener]:
    return await _bind(host, port, name) if port else []


async def _bind(host: str, port: int, name: str) -> list[trio.SocketListener]:
    try:
        return await open_listeners(host, port)
    except PortInUse as error:
        raise CannotListen(f"{error}; stop what runs there or choose another {name}") from None
    except OSError as error:
        raise CannotListen(f"cannot listen on {place_of(host, port)}: {error}") from None
