"""Connections: sockets and clients in memory alike, each a supervised child with its session.

    connections           dynamic, temporary children: one crash never touches another
    └─ connection-<n>     an HTTP request, a WebSocket with its session, or a session in memory

Sessions are let in by `load.admission`, told when the server stops, and cut where they are not over
within the drain's deadline. What a session's own engines raise while it is built costs
that session: its client sees a close with 1011.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType

import structlog
import trio

from ..addresses import is_loopback
from ..agents.registry import Agents, UnknownAgent
from ..childspec import Observer
from ..cluster.registry import Registry
from ..config import BadWish, Settings, wished
from ..conversation.caller import Caller
from ..conversation.events import Watcher
from ..engines.room import EngineRoom
from ..protocol import close_codes
from ..protocol.dialect import Dialect
from ..protocol.telephone.audiosocket import DIALECT as AUDIOSOCKET
from ..supervisor import Child, Restart, Supervisor, SupervisorStopped
from ..telemetry import Telemetry
from ..transport import MemoryTransport, PeerGone, Transport, memory_pair
from .access.access import Access
from .access.guest import current_guest
from .connection import Connection, current_connection
from .http.cors import Cors
from .http.front import ANY_PATH, Front, HttpHandler, WebSocketRoute
from .http.head import Head
from .http.tls import Certificates
from .http.upgrade import BadUpgrade
from .http.waiting_room import WaitingRoom
from .http.websocket import WebSocketTransport
from .http.wire import drop, peer_host
from .load.admission import Refusal, SessionAdmission
from .open_sessions import OpenSessions
from .resuming.keeper import keeper
from .resuming.resumption import Held, Resumption
from .session_opener import SessionOpener
from .telephone.arriving import CallRefused, arrived
from .telephone.audiosocket import AudioSocketTransport
from .telephone.door import TelephoneDoor, agent_of
from .telephone.live_calls import LiveCall, LiveCalls
from .telephone.tickets import ROOT
from .upgrade_request import as_chosen, caller_of

CLEANUP_S = 2.0
"""How long a connection that was cancelled may take to let go of its socket."""

REASON_CHARS = 100
"""Of why a connection is closed."""

MEMORY_FRAMES = 64
"""Frames that may wait on a connection in memory, each way: as much as a socket's buffers hold."""


class SessionRefused(Exception):
    """No session is begun: every place is taken, or the server is stopping. The message says
    which."""


class Connections:
    """One per server. `child` is its place in the server's tree."""

    def __init__(
        self,
        settings: Settings,
        room: EngineRoom,
        opener: SessionOpener,
        telemetry: Telemetry,
        admission: SessionAdmission,
        *,
        observers: Sequence[Observer] = (),
        agents: Agents | None = None,
        door: TelephoneDoor | None = None,
        live_calls: LiveCalls | None = None,
        access: Access | None = None,
        certificates: Certificates | None = None,
        registry: Registry | None = None,
        resumption: Resumption | None = None,
    ) -> None:
        """`door` None: no telephone service is let in; `access` None: nobody is asked who they
        are; `registry` None: no other server is told of sessions; `resumption` None: no
        conversation goes on over another connection."""
        self._admission = admission
        admission.taken = self._taken
        self._agents = agents
        self._door = door
        self._access = access
        self._certificates = certificates
        self._resumption = resumption
        self._live_calls = live_calls or LiveCalls()
        self._settings = settings
        self._room = room
        self._opener = opener
        self._telemetry = telemetry
        self._log = structlog.get_logger()
        self._supervisor = Supervisor("connections", observers=observers)
        self.open = OpenSessions(self._supervisor.stop_child, registry)
        self._fronts: list[Front] = []
        self._accepted = 0
        # Names of connections that are no front's, from their admission on.
        self._without_front: set[str] = set()
        self._waiting_room = WaitingRoom(
            on_reset=functools.partial(telemetry.dropped, "connection_without_request")
        )

    def child(self) -> Child:
        return Child(
            "connections",
            run=self._supervisor.run,
            ready=True,
            stop=self._supervisor.stop,
            shutdown_s=self._settings.serving.drain_s + CLEANUP_S,
        )

    # Sockets

    def front(
        self,
        routes: Mapping[tuple[str, str], HttpHandler],
        dialects: Mapping[str, Dialect],
        *,
        private: bool = False,
    ) -> Front:
        """A door for sockets: HTTP by `routes`, and WebSockets by their paths' dialects. `private`:
        only who may look after the server reaches it; on this machine that takes no TLS."""
        here = private and is_loopback(self._settings.admitting.admin_host)
        certificates = None if here else self._certificates
        front = Front(
            routes=routes,
            websocket_routes={
                path: self._route(dialect, agent)
                for place, dialect in dialects.items()
                for path, agent in self._paths(place)
            },
            admit=self._refusal,
            waiting_room=self._waiting_room,
            cors=Cors(self._settings.admitting.pages),
            doorman=self._access,
            private=private,
            certificates=certificates,
            log=self._log,
        )
        self._fronts.append(front)
        return front

    def own_front(self, routes: Mapping[tuple[str, str], HttpHandler]) -> Front:
        """A door for other processes of this server, at a socket that nobody else can open."""
        return Front(routes=routes, websocket_routes={})

    @property
    def idle(self) -> int:
        """Connections that are kept open between two requests."""
        return sum(front.idle for front in self._fronts)

    @property
    def taken(self) -> int:
        """Connections that are sessions, or will be in a moment."""
        return self._taken()

    def start_soon(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        """Serve a connection that was accepted, as a child of its own."""
        self._supervisor.spawn_child(self._child(functools.partial(task, *args))[0])

    def _paths(self, place: str) -> Iterator[tuple[str, str]]:
        """Where a dialect is served, and who answers there: `/ws` the first agent, or the one that
        the query names, `/ws/<name>` the one of that name."""
        yield place, ""
        proved = place.startswith(f"{ROOT}/")  # what is behind the path may prove who asks
        if proved:
            yield f"{place}/{ANY_PATH}", ""
        for name in self._agents.names if self._agents is not None else ():
            if place != ANY_PATH:
                yield f"{place}/{name}", name
            if proved:
                yield f"{place}/{name}/{ANY_PATH}", name

    def _route(self, dialect: Dialect, agent: str) -> WebSocketRoute:
        return WebSocketRoute(
            on_websocket=functools.partial(self._on_websocket, dialect, agent),
            max_message_bytes=dialect.profile.max_message_bytes,
            check=functools.partial(self._check, dialect),
            subprotocols=(dialect.subprotocol,) if dialect.subprotocol else (),
        )

    async def _on_websocket(
        self, dialect: Dialect, agent: str, transport: WebSocketTransport, head: Head
    ) -> None:
        serving = self._settings.serving
        pings = functools.partial(
            transport.keep_alive,
            serving.ping_interval_s,
            serving.ping_timeout_s,
            # Services are full of surprises, and audio flows to them all the time: one that reads
            # nothing is noticed by that.
            answers=not dialect.profile.telephone,
        )
        keepalive = Child("keepalive", run=pings, restart=Restart.TRANSIENT)
        if dialect.arrival is not None:
            agent = agent or agent_of(head)
        agent = agent or head.query.get("agent", "").strip()
        if dialect.arrival is not None:
            await self._take_call(
                transport,
                as_chosen(dialect, head),
                (keepalive,),
                settings=self._wished(head),
                caller=caller_of(head, transport.peer),
                agent=agent,
                record=head.query.get("record"),
            )
            return
        await self._converse(
            transport,
            as_chosen(dialect, head),
            (keepalive,),
            record=head.query.get("record"),
            settings=self._wished(head),
            caller=caller_of(head, transport.peer),
            agent=agent,
            query=head.query,
        )

    def _check(self, dialect: Dialect, head: Head) -> None:
        """Raises BadUpgrade for an address that asks for what cannot be."""
        if dialect.arrival is not None:
            if self._door is None:
                raise BadUpgrade(403, "no telephone service is let in here")
            self._door.check(dialect.profile.name)(head)
        self._wished(head)
        as_chosen(dialect, head)
        self._known_agent(head.query.get("agent", ""))

    def _known_agent(self, name: str) -> None:
        """Raises BadUpgrade for an agent that there is not."""
        try:
            if self._agents is not None:
                self._agents.choose(name.strip())
        except UnknownAgent as problem:
            raise BadUpgrade(404, str(problem)) from None

    def _wished(self, head: Head) -> Settings:
        """The settings of the session that this upgrade asks for. Raises BadUpgrade."""
        try:
            return wished(self._settings, head.query, self._room.voice_setting)
        except BadWish as problem:
            raise BadUpgrade(400, str(problem)) from None

    async def take_audiosocket(self, stream: trio.SocketStream) -> None:
        """Serve one connection of Asterisk's AudioSocket, which is a call."""
        transport = AudioSocketTransport(stream)
        name = current_connection().name
        try:
            if (refusal := self._refusal()) is not None:
                self._log.warning("call_refused", dialect="audiosocket", reason=refusal)
                return
            self._without_front.add(name)
            if self._access is not None:
                self._access.let_in_call(peer_host(stream))
            await self._take_call(transport, AUDIOSOCKET, caller=Caller(peer=transport.peer))
        except PeerGone:
            pass
        except Exception as error:
            self._log.error("connection_failed", peer=transport.peer, exc_info=error)
        finally:
            self._without_front.discard(name)
            await drop(stream)

    # Memory

    async def connect(
        self,
        dialect: Dialect,
        *,
        settings: Settings | None = None,
        caller: Caller | None = None,
        agent: str = "",
    ) -> tuple[MemoryTransport, trio.Event]:
        """A session in memory: its client's end, and what is set when it is over.

        `caller` and `agent`: who calls, and by name who answers; raises UnknownAgent.
        `settings` are the session's own; of them count those that a session reads, and the voice.
        Raises SessionRefused.
        """
        refusal = self._refusal()
        if refusal is not None:
            raise SessionRefused(refusal)
        if self._agents is not None:
            self._agents.choose(agent)
        server_end, client_end = memory_pair(MEMORY_FRAMES)
        serve = functools.partial(
            self._in_memory_session, server_end, dialect, settings, caller, agent
        )
        child, connection = self._child(serve)
        self._without_front.add(connection.name)
        try:
            await self._supervisor.start_child(child)
        except BaseException as error:
            self._without_front.discard(connection.name)
            if isinstance(error, SupervisorStopped):
                raise SessionRefused("the server is not running") from None
            raise
        return client_end, connection.over

    async def _in_memory_session(
        self,
        transport: MemoryTransport,
        dialect: Dialect,
        settings: Settings | None,
        caller: Caller | None,
        agent: str,
    ) -> None:
        try:
            converse = self._take_call if dialect.arrival is not None else self._converse
            await converse(transport, dialect, settings=settings, caller=caller, agent=agent)
        except Exception as error:  # like a socket's: it costs its own connection
            self._log.error("connection_failed", peer=transport.peer, exc_info=error)
            await transport.close(close_codes.INTERNAL_ERROR, "internal error")
        finally:
            transport.abort()
            self._without_front.discard(current_connection().name)

    # Both

    @property
    def stopping(self) -> bool:
        """Whether nobody is let in any more."""
        return self._admission.stopping

    @stopping.setter
    def stopping(self, stopping: bool) -> None:
        self._admission.stopping = stopping

    def refusal_now(self) -> Refusal | None:
        """Why nobody could be let in now; None where somebody could."""
        return self._admission.refusal()

    def weight_now(self) -> int:
        """How much of the server is free, in per cent; 0 while nobody is let in."""
        return self._admission.weight()

    def _refusal(self) -> str | None:
        """Lets somebody in, and gives None; or says why not."""
        refusal = self._admission.refusal()
        if refusal is None:
            self._admission.let_in()
            return None
        self._telemetry.refused(refusal.reason)
        return refusal.told

    def _taken(self) -> int:
        """Connections that are sessions, or will be in a moment."""
        return sum(front.websockets for front in self._fronts) + len(self._without_front)

    def _child(self, serve: Callable[[], Awaitable[object]]) -> tuple[Child, Connection]:
        self._accepted += 1
        connection = Connection(f"connection-{self._accepted}")
        child = Child(
            connection.name,
            run=functools.partial(connection.run, serve),
            ready=True,
            restart=Restart.TEMPORARY,
            stop=connection.drain,
            shutdown_s=self._settings.serving.drain_s,
        )
        return child, connection

    async def _converse(
        self,
        transport: Transport,
        dialect: Dialect,
        companions: Sequence[Child] = (),
        *,
        record: str | None = None,
        settings: Settings | None = None,
        caller: Caller | None = None,
        agent: str = "",
        watchers: Sequence[Watcher] = (),
        query: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Hold one conversation over `transport`. Returns when it is over.

        `record` is the token by which the client wants to fetch the session's recording, `query`
        the parameters of its address: whether it goes on from another connection.
        """
        held: Held | None = None
        keeping: AbstractContextManager[None] = contextlib.nullcontext()
        if self._resumption is not None:
            owner = current_guest().token
            name = owner.name if owner is not None else ""
            held = await self._resumption.begin(query, dialect.profile.name, name)
        if self._resumption is not None and held is not None:
            keeping = self._resumption.held(held)
            companions = (*companions, keeper(self._resumption, held, transport))
        with (
            keeping,
            self._opener.open(
                transport,
                dialect,
                companions=companions,
                held=held,
                record=record,
                settings=settings or self._settings,
                caller=caller,
                agent=agent,
                watchers=watchers,
            ) as session,
            self.open.held(session),
        ):
            try:
                await session.run()
            finally:
                if held is not None:
                    held.ended = session.ended_in_peace or _said_goodbye(transport)

    async def _take_call(
        self,
        transport: Transport,
        dialect: Dialect,
        companions: Sequence[Child] = (),
        *,
        record: str | None = None,
        settings: Settings | None = None,
        caller: Caller | None = None,
        agent: str = "",
    ) -> None:
        """Hold the conversation of a telephone call, once its first messages have said who calls;
        see _converse."""
        try:
            call = await arrived(
                transport,
                dialect,
                caller=caller or Caller(),
                agent=agent,
                agents=self._agents,
                settings=settings or self._settings,
                voice_setting=self._room.voice_setting,
            )
        except CallRefused as refused:
            self._log.warning("call_refused", dialect=dialect.profile.name, reason=str(refused))
            self._telemetry.refused("no_call")
            await transport.close(close_codes.POLICY_VIOLATION, str(refused)[:REASON_CHARS])
            return
        control = self._door.control(call.start.service) if self._door is not None else None
        live = LiveCall(call.start, call.line, control, self._telemetry)
        with self._live_calls.held(live):
            await self._converse(
                call.line,
                call.dialect,
                companions,
                record=record,
                settings=call.settings,
                caller=call.caller,
                agent=call.agent,
                watchers=(live.told,),
            )


def _said_goodbye(transport: Transport) -> bool:
    """Whether the client has closed its connection in peace."""
    return isinstance(transport, WebSocketTransport) and transport.peer_closed == close_codes.NORMAL
