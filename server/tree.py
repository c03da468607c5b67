"""The server: the tree that holds it together, and how it starts and stops.

    server                one_for_one, permanent children
    ├─ lanes              worker processes that hold blocking engines
    ├─ load               measures how busy the server is
    ├─ store …            what several servers share; see cluster
    ├─ recordings         where sessions are recorded: one task per file
    ├─ mcp-<name>         the connection to an MCP server whose tools agents lend
    ├─ tokens             reads the file of tokens again when it has changed
    ├─ load-agent         tells a balancer how much of the server is free
    ├─ workers            where it is one of several: tells the others how it stands, answers them
    ├─ late-callers       answers who comes while the server stops: 503, `/ready` before all
    ├─ connections        sockets and sessions in memory; see `connections`
    └─ listener           accepts, routes by path, refuses when full

They stop in reverse: the listener first, then every session within the drain's deadline, then
what is left to be written of them, the lanes last.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import structlog
import trio
from pydantic import SecretStr

from ..agents.mcp import STOP_S
from ..agents.registry import Agents
from ..cluster.cluster import Cluster
from ..cluster.folder_store import FolderStore
from ..cluster.recording_names import RecordingNames
from ..cluster.registry import host_label
from ..cluster.shared_key import SharedKey
from ..config import Clustering, Settings
from ..conversation.caller import Caller
from ..conversation.events import Watcher
from ..engines.room import EngineRoom
from ..protocol import newspeech
from ..protocol.dialect import Dialect
from ..protocol.dialects import DIALECTS
from ..recording.recordings import Recordings
from ..supervisor import Child, Crashed, SupervisionEvent, Supervisor
from ..telemetry import Telemetry
from ..transport import MemoryTransport
from ..wallclock import unix_ms
from .accepting import accept_for_ever
from .access.access import Access
from .access.endpoint import TicketEndpoint
from .bound import PortInUse, open_listeners
from .connections import Connections
from .everywhere import Everywhere
from .http.front import ANY_PATH
from .http.places import Places
from .http.site import site
from .http.speech import SpeechEndpoints
from .http.tls import BadCertificate, Certificates
from .late_callers import Accept, LateCallers
from .load.admission import SessionAdmission
from .load.agent import LoadAgent
from .load.processor import Processor
from .load.watch import LoadWatch
from .peers import Peers
from .resuming.resumption import Resumption
from .session_desk import SessionDesk
from .session_opener import SessionOpener
from .start_checks import start_problems
from .status import ServerStatus, Status
from .telephone.door import TelephoneDoor
from .telephone.live_calls import LiveCalls
from .tracing import traces_wanted
from .v1.endpoints import openai_routes
from .workers.link import Link, Worker
from .workers.quotas import SharedQuotas
from .workers.together import Together
from .workers.used_once import FOLDER, UsedOnce

__all__ = ["PortInUse", "Server", "open_listeners"]

if TYPE_CHECKING:
    from .traces import Traces

KEPT = "kept"
"""What workers keep of conversations, in their private folder."""
WEB = Path(__file__).parents[1] / "web"
"""The page, and the modules that other pages may import."""

Handler: TypeAlias = Callable[[trio.SocketStream], Awaitable[object]]
"""What serves one connection of a listener, to its end."""


class Server:
    """A Parley server on sockets that are already bound.

    `run` returns after `stop` (gracefully: replies finish) or when it is cancelled (at once).
    """

    def __init__(
        self,
        settings: Settings,
        room: EngineRoom,
        *,
        telemetry: Telemetry | None = None,
        dialects: Sequence[Dialect] = DIALECTS,
        watchers: Sequence[Watcher] = (),
        agents: Agents | None = None,
        traces: Traces | None = None,
        link: Link | None = None,
    ) -> None:
        """`agents` None: those that the settings make, if any; `traces` None: those that the
        settings want. `link`: to the other workers, where this is one of several."""
        self._link = link
        self.telemetry = telemetry or Telemetry()
        self._settings = settings
        self._room = room
        self._log = structlog.get_logger()
        observers = (self._observe,)
        self._agents = agents or Agents((), settings)
        first = _anything if link is None else UsedOnce(link.folder / FOLDER).first
        self.cluster = Cluster(
            _as_node(settings, link),
            self.telemetry,
            server=_server_of(settings, link),
            load=self._figures,
            local=None if link is None else FolderStore(link.folder / KEPT, unix_ms),
        )
        shared = RecordingNames(self.cluster.store, self.cluster.behind)
        self._recordings = Recordings(
            settings,
            room.chosen,
            self.telemetry,
            observers=observers,
            names=shared if self.cluster.shares else None,
        )
        self.access = Access(
            settings,
            self.telemetry,
            cluster=self.cluster,
            key=_key_of_workers(settings, self.cluster, link),
            is_first=first,
        )
        admitting = settings.admitting
        self.certificates = (
            Certificates(
                admitting.tls_cert,
                admitting.tls_key,
                functools.partial(self.telemetry.dropped, "tls_handshake"),
            )
            if admitting.tls_cert is not None and admitting.tls_key is not None
            else None
        )
        self._traces = traces or traces_wanted(
            settings.observing, functools.partial(self.telemetry.dropped, "trace")
        )
        live_calls = LiveCalls()
        self.telephone = TelephoneDoor(
            settings,
            self.telemetry,
            self._agents,
            on_status=live_calls.told,
            key="" if link is None else link.handed.key.hex(),
            is_first=first,
        )
        opener = SessionOpener(
            settings,
            room,
            self._recordings,
            self.telemetry,
            watchers,
            self._agents,
            self._traces,
        )
        processor = Processor(room.worker_pids)
        self._load = LoadWatch(room.waited_for, room.admission, processor)
        resumption = Resumption(
            store=self.cluster.store,
            behind=self.cluster.behind,
            telemetry=self.telemetry,
            keep_s=settings.serving.resume_s,
        )
        admission = SessionAdmission(settings.serving.max_connections, settings.load, self._load)
        self._connections = Connections(
            settings,
            room,
            opener,
            self.telemetry,
            admission,
            observers=observers,
            agents=self._agents,
            door=self.telephone,
            live_calls=live_calls,
            access=self.access,
            certificates=self.certificates,
            registry=self.cluster.registry if self.cluster.shares else None,
            resumption=resumption,
        )
        self._status = Status(
            settings,
            room,
            self._connections,
            self._recordings,
            self.telemetry,
            self._agents,
            self._load,
            self.cluster,
        )
        places = Places()
        speech = SpeechEndpoints(room.engines, settings, room.media_lane, self.telemetry, places)
        openai = openai_routes(settings, room, self.telemetry, places, self._agents)
        sessions = self._connections.open
        desk = SessionDesk(sessions, self._status, read=speech.decode, speak=speech.speech)
        admin = {**self._status.routes, **desk.routes}
        routes = {
            **site(WEB),
            **admin,
            **speech.routes,
            **openai,
            **self.telephone.routes,
            **TicketEndpoint(self.access).routes,
        }
        paths = {path: dialect for dialect in dialects for path in dialect.paths}
        self._load_agent = LoadAgent(
            self._status.weight, functools.partial(self.telemetry.dropped, "load_agent")
        )
        late = self._status.late(routes, admin)
        self._accept: Accept = accept_for_ever
        accept_late: Accept = accept_for_ever
        self._with_workers: Callable[[], Awaitable[object]] | None = None
        if link is not None:
            quotas = SharedQuotas(link, self.access, tells=not self.cluster.shares)
            together = Together(link, self._status, desk, self.telephone, quotas)
            own_front = self._connections.own_front(together.private_routes(admin))
            routes, late, admin = map(together.routes, (routes, late, admin))
            self._with_workers = functools.partial(together.run, own_front)
            self._accept, accept_late = link.accept, link.accept_late
            admission.elsewhere = link.sessions_elsewhere
            link.worker = Worker(
                sessions=lambda: self._connections.taken,
                idle_connections=lambda: self._connections.idle,
                is_open=lambda: self._connections.refusal_now() is None,
                is_ready=lambda: not room.not_ready(),
                drain_resting=sessions.drain_resting,
            )
            sessions.on_opened = link.tell
        self._peers = Peers(settings.admitting.admin_token)
        if self.cluster.shares:
            everywhere = Everywhere(
                self.cluster.registry, self._peers, desk, drain_s=settings.serving.drain_s
            )
            routes, late, admin = map(everywhere.routes, (routes, late, admin))
        self._front = self._connections.front(routes, paths)
        self._late_callers = LateCallers(
            self._connections.front(late, paths),
            functools.partial(self.telemetry.dropped, "late_caller"),
            accept_late,
        )
        self._engine_front = self._connections.front(routes, {ANY_PATH: newspeech.DIALECT})
        self._admin_front = self._connections.front(admin, {}, private=True)
        self._tree: Supervisor | None = None

    async def run(
        self,
        listeners: Sequence[trio.SocketListener],
        *,
        engine_listeners: Sequence[trio.SocketListener] = (),
        audiosocket_listeners: Sequence[trio.SocketListener] = (),
        admin_listeners: Sequence[trio.SocketListener] = (),
        agent_listeners: Sequence[trio.SocketListener] = (),
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until stopped; `engine_listeners` speak dialect C at any path,
        `audiosocket_listeners` take calls from Asterisk's AudioSocket, and `admin_listeners` serve
        what is for administration, and `agent_listeners` tell a balancer how busy the server is.

        Raises GaveUp where a part of the tree cannot be kept alive.
        """
        async with AsyncExitStack() as stack:
            for listener in (
                *(*listeners, *engine_listeners),
                *(*audiosocket_listeners, *admin_listeners),
                *agent_listeners,
            ):
                stack.push_async_callback(listener.aclose)
            stack.push_async_callback(self.telephone.aclose)
            stack.push_async_callback(self._peers.aclose)
            if self._traces is not None:
                stack.push_async_callback(self._traces.aclose)
            lanes = self._room.supervisor(observers=(self._observe,))
            self._tree = Supervisor(
                "server",
                (
                    Child("lanes", run=lanes.run, ready=True, stop=lanes.stop),
                    Child("load", run=self._load.run),
                    *self.cluster.children(),
                    *self.access.children(),
                    *self._recordings.children(),
                    *(
                        Child(name, run=run, shutdown_s=STOP_S)
                        for name, run in self._agents.mcp.tasks().items()
                    ),
                    *self._balancer_agent(agent_listeners),
                    *self._workers(),
                    Child("late-callers", run=functools.partial(self._late_callers.run, listeners)),
                    self._connections.child(),
                    *self._listener("listener", self._front.handle, listeners),
                    *self._listener("engine-listener", self._engine_front.handle, engine_listeners),
                    *self._listener(
                        "audiosocket-listener",
                        self._connections.take_audiosocket,
                        audiosocket_listeners,
                    ),
                    *self._listener("admin-listener", self._admin_front.handle, admin_listeners),
                    *self._token_reader(),
                ),
                observers=(self._observe,),
            )
            if self._connections.stopping:
                return
            for problem in start_problems(self._settings, self._room.own_kinds):
                self._log.warning("cannot_work", what=problem.what, why=problem.why, do=problem.do)
            await self._tree.run(task_status=task_status)

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._connections.stopping

    def stop(self) -> None:
        """Stop gracefully: accept nobody, tell every session, let replies finish, close."""
        self._connections.stopping = True
        if self._tree is not None:
            self._tree.stop()

    def reload(self) -> None:
        """Read certificate and tokens again; what cannot be read goes on as it was, and the log
        says so."""
        self.access.keyring.look()
        if self.certificates is not None:
            try:
                self.certificates.reload()
                self._log.info("certificate_read")
            except BadCertificate as problem:
                self._log.error("certificate_unusable", problem=str(problem))

    def _token_reader(self) -> Sequence[Child]:
        keyring = self.access.keyring
        if not keyring.has_file:
            return ()
        keyring.on_read = self._connections.open.tokens_changed
        return (Child("tokens", run=keyring.keep_looking),)

    def _balancer_agent(self, listeners: Sequence[trio.SocketListener]) -> Sequence[Child]:
        """Before the connections, so that it is there until the last of them is over."""
        if not listeners:
            return ()
        return (Child("load-agent", run=functools.partial(self._load_agent.run, listeners)),)

    def _workers(self) -> Sequence[Child]:
        """Where this is one of several."""
        return () if self._with_workers is None else (Child("workers", run=self._with_workers),)

    def _listener(
        self, name: str, handle: Handler, listeners: Sequence[trio.SocketListener]
    ) -> Sequence[Child]:
        if not listeners:
            return ()
        return (Child(name, run=functools.partial(self._listen, handle, listeners)),)

    async def _listen(self, handle: Handler, listeners: Sequence[trio.SocketListener]) -> None:
        """Every connection is a supervised child."""
        serve = handle if self._link is None else self._link.counted(handle)

        def take(stream: trio.SocketStream) -> None:
            self._connections.start_soon(serve, stream)

        try:
            async with trio.open_nursery() as nursery:
                for listener in listeners:
                    nursery.start_soon(self._accept, listener, take)
        finally:
            if self._connections.stopping:
                if handle == self._front.handle:
                    self._late_callers.begin()
                else:
                    for listener in listeners:
                        listener.socket.close()  # who comes now is told at once

    # For embedders

    async def connect(
        self,
        dialect: Dialect,
        *,
        settings: Settings | None = None,
        caller: Caller | None = None,
        agent: str = "",
    ) -> tuple[MemoryTransport, trio.Event]:
        """A session in memory; see Connections."""
        return await self._connections.connect(
            dialect, settings=settings, caller=caller, agent=agent
        )

    async def close_session(self, session_id: str) -> None:
        """End one session for good; see OpenSessions."""
        await self._connections.open.close(session_id)

    def cancel_reply(self, session_id: str) -> bool:
        """End what one session is saying; see OpenSessions."""
        return self._connections.open.cancel_reply(session_id)

    async def broadcast_audio(
        self, pcm16: bytes, rate_hz: int, *, exclude: Collection[str] = ()
    ) -> int:
        """Audio for every client; see OpenSessions."""
        return await self._connections.open.broadcast(pcm16, rate_hz, exclude=exclude)

    def status(self) -> ServerStatus:
        running = self._tree is not None and not self._connections.stopping
        return self._status.of_server(running=running)

    def load_errors(self) -> list[str]:
        """Which engines cannot be loaded, and why."""
        return self._room.load_errors()

    def _figures(self) -> dict[str, float]:
        """How busy this server is, for others to see."""
        return {
            "loop_lag_s": self._load.lag_s.p90,
            "cpu_share": self._load.cpu.p80,
            "lane_wait_s": self._load.lane_wait_s.p90,
            "talking": self._load.talking.mean,
            "accepting": float(self._connections.refusal_now() is None),
        }

    def _observe(self, event: SupervisionEvent) -> None:
        if isinstance(event, Crashed):
            self.telemetry.restarted(event.child.split("-")[0])
            self._log.warning(
                "child_crashed",
                supervisor=event.supervisor,
                child=event.child,
                error=event.error,
            )


def _key_of_workers(settings: Settings, cluster: Cluster, link: Link | None) -> SharedKey | None:
    """The one that the parent has made; None where others share one already."""
    if link is None or cluster.shares or settings.clustering.shared_key is not None:
        return None
    return SharedKey(SecretStr(link.handed.key.hex()))


def _as_node(settings: Settings, link: Link | None) -> Clustering:
    """What this process is to others: each worker is a node of its own."""
    clustering = settings.clustering
    if link is None or clustering.node is None:
        return clustering
    return replace(clustering, node=f"{clustering.node}-{link.number}")


def _server_of(settings: Settings, link: Link | None) -> str:
    """What all workers of this server call it; empty where it is one process."""
    if link is None:
        return ""
    own = hashlib.sha256(link.handed.key).hexdigest()[:8]
    return f"{settings.clustering.node or host_label()}-{own}"


def _anything(once: str) -> bool:
    """Nobody else serves: what was not used here was not used."""
    return True
