"""The server: sockets in, sessions out.

    server                one_for_one, permanent children
    ├─ lanes              worker processes that hold blocking engines
    ├─ recordings         where sessions are recorded: one task per file
    ├─ connections        dynamic, temporary: one crash never touches another connection
    │  └─ connection-<n>  an HTTP request, or a WebSocket with its session
    └─ listener           accepts, routes by path, refuses when full

They stop in reverse: the listener first, then every session within the drain's deadline, then
what is left to be written of them, the lanes last.
"""

from __future__ import annotations

import errno
import functools
import uuid
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import structlog
import trio

from .. import __version__
from ..config import BadWish, Settings, wished
from ..conversation.events import Watcher
from ..engines.kit import Engines
from ..engines.room import EngineRoom
from ..engines.tts.interface import ManyVoices
from ..engines.turn.interface import TurnEndEngine
from ..protocol import newspeech
from ..protocol.dialect import BadChoice, Dialect
from ..protocol.dialects import DIALECTS
from ..recording.recordings import Recordings
from ..recording.tap import Tap, TappedTransport, tapped
from ..session.life import Session
from ..supervisor import Child, Crashed, Restart, SupervisionEvent, Supervisor
from ..telemetry import Telemetry
from ..transport import Transport
from ..turnstile import Turnstile
from ..wallclock import unix_ms
from .http.front import ANY_PATH, Front, WebSocketRoute
from .http.head import Head
from .http.responses import Response, error_response, json_response, text_response
from .http.site import site
from .http.speech import SpeechEndpoints
from .http.upgrade import BadUpgrade
from .http.websocket import WebSocketTransport

SERVICE = "parley"
"""The name that `/health` tells."""

PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"

WEB = Path(__file__).parents[1] / "web"
"""The page, and the modules that other pages may import."""

CLEANUP_S = 2.0
"""How long a connection that was cancelled may take to let go of its socket."""


def _looks_at(engine: TurnEndEngine | None) -> str:
    """For a recording's header."""
    if engine is None:
        return ""
    return "text" if engine.needs_text else "audio"


def _as_chosen(dialect: Dialect, head: Head) -> Dialect:
    """The dialect with the options of this upgrade's address. Raises BadUpgrade."""
    try:
        return dialect.with_choices(head.query)
    except BadChoice as problem:
        raise BadUpgrade(400, str(problem)) from None


class PortInUse(Exception):
    """Somebody else listens there."""


async def open_listeners(host: str, port: int) -> list[trio.SocketListener]:
    """Bind. Raises PortInUse, or OSError for an address that is not ours."""
    try:
        return list(await trio.open_tcp_listeners(port, host=host))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(f"port {port} on {host} is in use") from None
        raise


@dataclass(slots=True)
class _Connection:
    """One accepted socket: its scope, and the session that grew from it, if one did."""

    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    session: Session | None = None

    async def run(self, serve: Callable[[], Awaitable[object]]) -> None:
        _current_connection.set(self)
        with self.scope:
            await serve()

    def drain(self) -> None:
        """A session says goodbye; anything else is dropped."""
        if self.session is not None:
            self.session.drain()
        else:
            self.scope.cancel()


_current_connection: ContextVar[_Connection] = ContextVar("_current_connection")


class _ConnectionNursery:
    """What `trio.serve_listeners` takes for a nursery: every connection is a supervised child."""

    def __init__(self, spawn: Callable[[Callable[[], Awaitable[object]]], None]) -> None:
        self._spawn = spawn

    def start_soon(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        self._spawn(functools.partial(task, *args))


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
    ) -> None:
        self._settings = settings
        self._room = room
        self.telemetry = telemetry or Telemetry()
        self._log = structlog.get_logger()
        self._sessions: dict[str, Session] = {}
        self._frames: dict[str, int] = {}
        self._accepted = 0
        self._stopping = False
        self._watchers = tuple(watchers)
        self._recordings = Recordings(
            settings, room.chosen, self.telemetry, observers=(self._observe,)
        )
        self._front = Front(
            routes={
                **site(WEB),
                ("GET", "/health"): self._health,
                ("GET", "/healthz"): self._health,
                ("GET", "/ready"): self._ready,
                ("GET", "/readyz"): self._ready,
                ("GET", "/metrics"): self._metrics,
                ("GET", "/sessions"): self._list_sessions,
                ("GET", "/api/stream_config"): self._stream_config,
                ("GET", f"/recordings/{ANY_PATH}"): self._fetch_recording,
                **SpeechEndpoints(room.engines, settings, room.media_lane, self.telemetry).routes,
            },
            websocket_routes={
                path: self._route(dialect) for dialect in dialects for path in dialect.paths
            },
            admit=self._admit,
            log=self._log,
        )
        self._engine_front = Front(
            routes=self._front.routes,
            websocket_routes={ANY_PATH: self._route(newspeech.DIALECT)},
            admit=self._admit,
            log=self._log,
        )
        self._connections = Supervisor("connections", observers=(self._observe,))
        self._tree: Supervisor | None = None
        self._gauges()

    def _route(self, dialect: Dialect) -> WebSocketRoute:
        return WebSocketRoute(
            on_websocket=functools.partial(self._converse, dialect),
            max_message_bytes=dialect.profile.max_message_bytes,
            check=functools.partial(self._check, dialect),
        )

    def _gauges(self) -> None:
        self.telemetry.gauge("open_sessions", "Sessions open now", lambda: len(self._sessions))
        self.telemetry.gauge(
            "live_tasks",
            "Tasks alive in the server",
            lambda: trio.lowlevel.current_statistics().tasks_living,
        )
        self.telemetry.gauge(
            "lanes_ready",
            "Worker processes that are ready",
            lambda: sum(lane.ready for lane in self._room.lanes),
        )
        if (admission := self._room.admission) is not None:
            self.telemetry.gauge(
                "asr_talking", "Utterances being transcribed now", lambda: admission.talking
            )
            self.telemetry.gauge(
                "asr_places", "How many the recognizers can keep up with", lambda: admission.places
            )
            self.telemetry.gauge(
                "asr_rtf", "Work per second of speech, newest utterances", lambda: admission.rtf
            )

    async def run(
        self,
        listeners: Sequence[trio.SocketListener],
        *,
        engine_listeners: Sequence[trio.SocketListener] = (),
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until stopped; `engine_listeners` speak dialect C at any path.

        Raises GaveUp where a part of the tree cannot be kept alive.
        """
        async with AsyncExitStack() as stack:
            for listener in (*listeners, *engine_listeners):
                stack.push_async_callback(listener.aclose)
            drain_s = self._settings.serving.drain_s
            lanes = self._room.supervisor(observers=(self._observe,))
            self._tree = Supervisor(
                "server",
                (
                    Child("lanes", run=lanes.run, ready=True, stop=lanes.stop),
                    *self._recordings.children(),
                    Child(
                        "connections",
                        run=self._connections.run,
                        ready=True,
                        stop=self._connections.stop,
                        shutdown_s=drain_s + CLEANUP_S,
                    ),
                    *self._listener("listener", self._front, listeners),
                    *self._listener("engine-listener", self._engine_front, engine_listeners),
                ),
                observers=(self._observe,),
            )
            if self._stopping:
                return
            await self._tree.run(task_status=task_status)

    def stop(self) -> None:
        """Stop gracefully: accept nobody, tell every session, let replies finish, close."""
        self._stopping = True
        for session in self._sessions.values():
            session.drain()  # also those that came without a socket
        if self._tree is not None:
            self._tree.stop()

    def _listener(
        self, name: str, front: Front, listeners: Sequence[trio.SocketListener]
    ) -> Sequence[Child]:
        if not listeners:
            return ()
        return (Child(name, run=functools.partial(self._listen, front, listeners)),)

    async def _listen(self, front: Front, listeners: Sequence[trio.SocketListener]) -> None:
        nursery = cast("trio.Nursery", _ConnectionNursery(self._spawn))
        await trio.serve_listeners(front.handle, list(listeners), handler_nursery=nursery)

    def _spawn(self, serve: Callable[[], Awaitable[object]]) -> None:
        self._accepted += 1
        connection = _Connection()
        self._connections.spawn_child(
            Child(
                f"connection-{self._accepted}",
                run=functools.partial(connection.run, serve),
                restart=Restart.TEMPORARY,
                stop=connection.drain,
                shutdown_s=self._settings.serving.drain_s,
            )
        )

    # WebSocket

    def _admit(self) -> str | None:
        limit = self._settings.serving.max_connections
        if self._stopping:
            self.telemetry.refused("stopping")
            return "the server is shutting down"
        if self._front.websockets + self._engine_front.websockets >= limit:
            self.telemetry.refused("full")
            return f"all {limit} connections are taken; try again later"
        return None

    async def _converse(self, dialect: Dialect, transport: WebSocketTransport, head: Head) -> None:
        serving = self._settings.serving
        pings = functools.partial(
            transport.keep_alive, serving.ping_interval_s, serving.ping_timeout_s
        )
        await self.converse(
            transport,
            _as_chosen(dialect, head),
            (Child("keepalive", run=pings, restart=Restart.TEMPORARY),),
            record=head.query.get("record"),
            settings=self._wished(head),
        )

    def _check(self, dialect: Dialect, head: Head) -> None:
        """Raises BadUpgrade for an address that asks for what cannot be."""
        self._wished(head)
        _as_chosen(dialect, head)

    def _wished(self, head: Head) -> Settings:
        """The settings of the session that this upgrade asks for. Raises BadUpgrade."""
        try:
            return wished(self._settings, head.query, self._room.voice_setting)
        except BadWish as problem:
            raise BadUpgrade(400, str(problem)) from None

    async def converse(
        self,
        transport: Transport,
        dialect: Dialect,
        companions: Sequence[Child] = (),
        *,
        record: str | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Hold one conversation over `transport`, whatever carries it. Returns when it is over.

        `record` is the token by which the client wants to fetch the session's recording.
        `settings` are the session's own, see `wished`: of them count those that a session reads,
        and the voice; engines were chosen, and lanes began, with the server's.
        """
        settings = settings or self._settings
        engines = self._voiced(settings)
        session_id, opened_ms = uuid.uuid4().hex[:12], unix_ms()
        turnstile, recorder = None, None
        token = record if self._recordings.grants(record) else None
        if token is not None or self._recordings.takes(session_id):
            recorder = self._recordings.start(
                session_id,
                dialect,
                opened_ms=opened_ms,
                frame_samples=self._frame_samples(dialect),
                settings=settings,
                turn_end=_looks_at(engines.turn_end),
                token=token,
            )
        if recorder is not None:
            turnstile = Turnstile()
            tap = Tap(turnstile, recorder)
            transport, engines = TappedTransport(transport, tap), tapped(engines, tap)
        session = Session(
            transport=transport,
            dialect=dialect,
            engines=engines,
            settings=settings,
            telemetry=self.telemetry,
            session_id=session_id,
            opened_ms=opened_ms,
            watchers=self._watchers,
            companions=companions,
            turnstile=turnstile,
        )
        connection = _current_connection.get(None)
        if connection is not None:
            connection.session = session
        self._sessions[session.id] = session
        try:
            await session.run()
        finally:
            del self._sessions[session.id]
            if recorder is not None:
                recorder.close()

    def _voiced(self, settings: Settings) -> Engines:
        """The engines, with the voice that these settings name where it is not the server's."""
        engines, name = self._room.engines, self._room.voice_setting
        if name is None or not isinstance(engines.synthesizer, ManyVoices):
            return engines
        voice: str | None = getattr(settings, name)
        if voice is None or voice == getattr(self._settings, name):
            return engines
        return replace(engines, synthesizer=engines.synthesizer.with_voice(voice))

    def _frame_samples(self, dialect: Dialect) -> int:
        """How the detector cuts audio: a replay has none that it could ask. 0 where it cannot be
        made; the session will say so itself."""
        name = dialect.profile.name
        if name not in self._frames:
            try:
                detector = self._room.engines.detector(self._settings.hearing_for(name))
            except Exception:
                return 0
            self._frames[name] = detector.frame_samples
        return self._frames[name]

    async def broadcast_audio(
        self, pcm16: bytes, rate_hz: int, *, exclude: Collection[str] = ()
    ) -> int:
        """Send audio to every client, but for the sessions whose ids are in `exclude`.

        PCM16 mono; each client gets it at its dialect's rate. It is no reply: it is not paced, and
        an interruption does not cut it. Returns how many clients it was sent to, when it has left
        for the slowest of them (one that reads nothing is disconnected after a while).
        """
        audience = [s for s in self._sessions.values() if s.id not in exclude]
        async with trio.open_nursery() as nursery:
            for session in audience:
                nursery.start_soon(session.play, pcm16, rate_hz)
        return len(audience)

    def status(self) -> dict[str, Any]:
        """Whether it runs, for whom, and within which limits."""
        serving = self._settings.serving
        return {
            "running": self._tree is not None and not self._stopping,
            "ready": not self._room.not_ready(),
            "clients": len(self._sessions),
            "limits": {
                "max_connections": serving.max_connections,
                "idle_timeout_s": serving.idle_timeout_s,
                "ping_interval_s": serving.ping_interval_s,
            },
            "sessions": self._session_lines(),
        }

    def _session_lines(self) -> list[dict[str, Any]]:
        return [
            {**session.status(), "recording": self._recordings.records(session.id)}
            for session in self._sessions.values()
        ]

    # HTTP

    async def _health(self, head: Head, stream: trio.abc.Stream) -> Response:
        return json_response(
            {
                "ok": True,
                "status": "ok",
                "service": SERVICE,
                "version": __version__,
                "sessions": len(self._sessions),
            }
        )

    async def _ready(self, head: Head, stream: trio.abc.Stream) -> Response:
        missing = self._room.not_ready()
        body = {"ok": not missing, "ready": not missing, "waiting_for": missing}
        return json_response(body, status=503 if missing else 200)

    async def _metrics(self, head: Head, stream: trio.abc.Stream) -> Response:
        return text_response(self.telemetry.exposition().decode(), content_type=PROMETHEUS_TEXT)

    async def _list_sessions(self, head: Head, stream: trio.abc.Stream) -> Response:
        sessions = self._session_lines()
        return json_response({"ok": True, "count": len(sessions), "sessions": sessions})

    async def _stream_config(self, head: Head, stream: trio.abc.Stream) -> Response:
        config: dict[str, Any] = {
            **self._settings.public(),
            "engines": self._room.chosen,
            "recordings_on_request": self._recordings.on_request,
            "voices": self._room.voices,
        }
        return json_response(config)

    async def _fetch_recording(self, head: Head, stream: trio.abc.Stream) -> Response:
        """The file of one's own session, for whoever knows its token."""
        found = await self._recordings.fetch(head.path.rsplit("/", 1)[1])
        if found is None:
            return error_response(404, "no recording was asked for by this token, or it is gone")
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": 'attachment; filename="parley.mcap"',
            "Cache-Control": "no-store",
        }
        return Response(200, headers, found)

    def _observe(self, event: SupervisionEvent) -> None:
        if isinstance(event, Crashed):
            self.telemetry.restarted(event.child.split("-")[0])
            self._log.warning(
                "child_crashed",
                supervisor=event.supervisor,
                child=event.child,
                error=repr(event.error),
            )
