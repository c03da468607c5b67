"""What a server tells of itself: typed for embedders, over HTTP for load balancers and people.

GET /health, /healthz         it runs
GET /ready, /readyz           it can talk and lets somebody in, or why not (503)
GET /metrics                  for Prometheus
GET /sessions                 a line per session
GET /api/stream_config        the settings, without secrets
GET /recordings/TOKEN         the file of one's own session
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import trio

from .. import __version__
from ..agents.registry import Agents
from ..cluster.cluster import Cluster
from ..config import Settings
from ..engines.lanes.standing import LaneState
from ..engines.pools.standing import PlaceStanding, PlaceState
from ..engines.room import EngineRoom
from ..recording.recordings import Recordings
from ..telemetry import Table, Telemetry
from .connections import Connections
from .http.front import ANY_PATH, HttpHandler
from .http.head import Head
from .http.places import RETRY_AFTER_S
from .http.responses import Response, error_response, json_response, text_response
from .load.watch import LoadWatch

SERVICE = "parley"
"""The name that `/health` tells."""

STOPPING = "the server is shutting down"

PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


PLACE_LABELS = ("kind", "place")
PLACE_GAUGES: tuple[tuple[str, str, Callable[[PlaceStanding], float]], ...] = (
    (
        "place_up",
        "Whether a server of a pool is well, or has too much to do, and does not rest for failures",
        lambda one: one.state in (PlaceState.WELL, PlaceState.BUSY),
    ),
    ("place_in_hand", "Requests that a server of a pool has now", lambda one: one.in_hand),
    (
        "place_usual_seconds",
        "How long its answers take to begin, newest most; 0 before the first",
        lambda one: one.usual_s,
    ),
    ("place_failures_in_a_row", "Failures for which it rests", lambda one: one.failures),
    ("place_pause_seconds", "How long it is still left alone", lambda one: one.pause_s),
)
PLACE_COUNTS: tuple[tuple[str, str, Callable[[PlaceStanding], float]], ...] = (
    ("place_requests", "Requests to a server of a pool", lambda one: one.asked),
    ("place_answers", "Those that it answered", lambda one: one.answered),
    ("place_failures", "Those that it failed", lambda one: one.failed),
    ("place_late", "Those that it was too slow for", lambda one: one.late),
    ("place_busy", "Those that it refused since it has too much to do", lambda one: one.busy),
)
"""Name, meaning and figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatus:
    """How one session stands. GET /sessions has the same fields."""

    session_id: str
    dialect: str
    state: str
    """idle, capturing, thinking, responding or complete."""
    is_listening: bool
    is_speaking: bool
    vad_state: str
    """speech or silence."""
    buffer_size: int
    """Bytes of the utterance that is open."""
    outbox: int
    """Messages that wait to be sent."""
    turns: int
    uptime_seconds: float
    reply: Mapping[str, Any] | None
    """How much of the newest reply was said and heard; None before the first turn."""
    recording: bool
    """Whether it is being recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    max_connections: int
    idle_timeout_s: float
    """0: a client may be silent for ever."""
    ping_interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """Whether a server runs, for whom, and within which limits."""

    running: bool
    ready: bool
    """Whether the engines can talk."""
    waiting_for: tuple[str, ...]
    """Which engines cannot yet, and why where that is known; empty when ready."""
    accepting: bool
    """Whether another session would be let in."""
    refusing: str | None
    """Why not: stopping, full, loop_lag, cpu, lane_backlog or talkers."""
    clients: int
    limits: Limits
    sessions: tuple[SessionStatus, ...]


_FIELDS = frozenset(field.name for field in fields(SessionStatus))


class Status:
    """One per server. `routes` are for a Front."""

    def __init__(
        self,
        settings: Settings,
        room: EngineRoom,
        connections: Connections,
        recordings: Recordings,
        telemetry: Telemetry,
        agents: Agents,
        load: LoadWatch,
        cluster: Cluster,
    ) -> None:
        self._load = load
        self._cluster = cluster
        self._settings = settings
        self._room = room
        self._agents = agents
        self._connections = connections
        self._recordings = recordings
        self._telemetry = telemetry
        self._gauges()

    @property
    def routes(self) -> dict[tuple[str, str], HttpHandler]:
        return {
            ("GET", "/health"): self._health,
            ("GET", "/healthz"): self._health,
            ("GET", "/ready"): self._ready,
            ("GET", "/readyz"): self._ready,
            ("GET", "/metrics"): self._metrics,
            ("GET", "/sessions"): self._list_sessions,
            ("GET", "/api/stream_config"): self._stream_config,
            ("GET", f"/recordings/{ANY_PATH}"): self._fetch_recording,
        }

    def late(
        self,
        routes: Mapping[tuple[str, str], HttpHandler],
        about_itself: Mapping[tuple[str, str], HttpHandler],
    ) -> dict[tuple[str, str], HttpHandler]:
        """These routes while the server stops: those about itself go on, the others refuse."""
        return {**dict.fromkeys(routes, _refuse_late), **about_itself}

    def of_server(self, *, running: bool) -> ServerStatus:
        serving, missing = self._settings.serving, self._room.not_ready()
        sessions, refusal = self.of_sessions(), self._connections.refusal_now()
        return ServerStatus(
            running=running,
            ready=not missing,
            waiting_for=tuple(missing),
            accepting=refusal is None,
            refusing=refusal.reason if refusal else None,
            clients=len(sessions),
            limits=Limits(
                max_connections=serving.max_connections,
                idle_timeout_s=serving.idle_timeout_s,
                ping_interval_s=serving.ping_interval_s,
            ),
            sessions=sessions,
        )

    def of_sessions(self) -> tuple[SessionStatus, ...]:
        return tuple(
            SessionStatus(
                recording=self._recordings.records(session.id),
                **{name: value for name, value in session.status().items() if name in _FIELDS},
            )
            for session in self._connections.open
        )

    def _gauges(self) -> None:
        gauge, lanes = self._telemetry.gauge, self._room.lanes
        sessions = self._connections.open
        gauge("open_sessions", "Sessions open now", lambda: len(sessions))
        gauge(
            "live_tasks",
            "Tasks alive in the server",
            lambda: trio.lowlevel.current_statistics().tasks_living,
        )
        gauge(
            "lanes_ready",
            "Worker processes that are ready",
            lambda: sum(lane.ready for lane in lanes),
        )
        by_lane = self._telemetry.gauges
        by_lane(
            "lane_up",
            "Whether the worker of a lane is ready",
            "lane",
            lambda: {lane.name: float(lane.ready) for lane in lanes},
        )
        by_lane(
            "lane_deaths",
            "Workers that a lane has lost",
            "lane",
            lambda: {lane.name: lane.deaths for lane in lanes},
        )
        by_lane(
            "lane_failures_in_a_row",
            "Deaths soon after the beginning and failed loads, for which a lane pauses",
            "lane",
            lambda: {lane.name: lane.standing.failures for lane in lanes},
        )
        by_lane(
            "lane_pause_seconds",
            "How long a lane still pauses before its next worker",
            "lane",
            lambda: {lane.name: lane.standing.pause_s for lane in lanes},
        )
        by_lane(
            "lane_waiting",
            "Jobs that wait in a lane",
            "lane",
            lambda: {lane.name: lane.standing.waiting for lane in lanes},
        )
        if self._room.pools:
            self._place_gauges()
        if (admission := self._room.admission) is not None:
            gauge("asr_talking", "Utterances being transcribed now", lambda: admission.talking)
            gauge(
                "asr_places", "How many the recognizers can keep up with", lambda: admission.places
            )
            gauge("asr_rtf", "Work per second of speech, newest utterances", lambda: admission.rtf)
        load, connections = self._load, self._connections
        gauge(
            "loop_lag_seconds",
            "How late the event loop wakes, p90 of five seconds",
            lambda: load.lag_s.p90,
        )
        gauge(
            "cpu_share",
            "How much of the processor is taken, p80 of thirty seconds",
            lambda: load.cpu.p80,
        )
        gauge(
            "lane_wait_seconds",
            "How long work waits for a worker process, p90 of five seconds",
            lambda: load.lane_wait_s.p90,
        )
        gauge(
            "asr_talking_mean",
            "Utterances being transcribed, mean of five seconds",
            lambda: load.talking.mean,
        )
        gauge(
            "accepting",
            "1 while another session would be let in",
            lambda: connections.refusal_now() is None,
        )
        gauge("weight", "What a balancer is told is free of this server, in per cent", self.weight)

    def weight(self) -> int:
        """How much of the server is free for newcomers, in per cent; 0 while its engines cannot
        talk, or nobody is let in."""
        return 0 if self._room.not_ready() else self._connections.weight_now()

    def _place_gauges(self) -> None:
        """Of the servers of pools, by what they are asked for and where they are."""
        tables, standings = self._telemetry.tables, self._room.place_standings

        def read(of: Callable[[PlaceStanding], float]) -> Callable[[], Table]:
            return lambda: {(one.kind, one.place): of(one) for one in standings()}

        for name, what, figure in PLACE_GAUGES:
            tables(name, what, PLACE_LABELS, read(figure))
        for name, what, figure in PLACE_COUNTS:
            tables(name, what, PLACE_LABELS, read(figure), counts=True)

    # HTTP

    def health(self) -> dict[str, Any]:
        return {
            "ok": True,
            "status": "ok",
            "service": SERVICE,
            "version": __version__,
            "sessions": len(self._connections.open),
        }

    async def _health(self, head: Head, stream: trio.abc.Stream) -> Response:
        return json_response(self.health())

    def readiness(self) -> tuple[dict[str, Any], bool]:
        """What `/ready` tells, and whether somebody would be let in and could talk."""
        missing = [STOPPING] if self._connections.stopping else self._room.not_ready()
        refusal = self._connections.refusal_now()
        body = {
            "ok": not missing,
            "ready": not missing,
            "waiting_for": missing,
            "lanes_down": [
                {
                    "lane": lane.lane,
                    "state": lane.state,
                    "why": lane.why,
                    "deaths": lane.deaths,
                    "again_in_s": round(lane.pause_s, 1),
                }
                for lane in self._room.standings()
                if lane.state is not LaneState.READY
            ],
            **self._places_down(),
            "accepting": refusal is None,
            "weight": self.weight(),
            **({"reason": refusal.reason} if refusal else {}),
            "store": self._cluster.state,
            **({"store_why": why} if (why := self._cluster.why_away) else {}),
        }
        return body, not (missing or refusal)

    async def _ready(self, head: Head, stream: trio.abc.Stream) -> Response:
        body, good = self.readiness()
        return json_response(body, status=200 if good else 503)

    def exposition(self) -> str:
        return self._telemetry.exposition().decode()

    def _places_down(self) -> dict[str, Any]:
        """Servers of pools that are not asked now; nothing where there are no pools."""
        if not self._room.pools:
            return {}
        down = [one for one in self._room.place_standings() if one.state is not PlaceState.WELL]
        return {
            "places_down": [
                {
                    "kind": one.kind,
                    "place": one.place,
                    "state": one.state,
                    "why": one.why,
                    "failures": one.failures,
                    "again_in_s": round(one.pause_s, 1),
                }
                for one in down
            ]
        }

    async def _metrics(self, head: Head, stream: trio.abc.Stream) -> Response:
        return text_response(self.exposition(), content_type=PROMETHEUS_TEXT)

    def session_lines(self) -> list[dict[str, Any]]:
        return [asdict(session) for session in self.of_sessions()]

    async def _list_sessions(self, head: Head, stream: trio.abc.Stream) -> Response:
        sessions = self.session_lines()
        return json_response({"ok": True, "count": len(sessions), "sessions": sessions})

    async def _stream_config(self, head: Head, stream: trio.abc.Stream) -> Response:
        config: dict[str, Any] = {
            **self._settings.public(),
            "engines": self._room.chosen,
            "who": self._room.who(),
            "recordings_on_request": self._recordings.on_request,
            "voices": self._room.voices,
            "agents": [
                {"name": name, "tools": tools} for name, tools in self._agents.described().items()
            ],
        }
        return json_response(config)

    async def _fetch_recording(self, head: Head, stream: trio.abc.Stream) -> Response:
        """The file of one's own session, for whoever knows its token."""
        found = await self._recordings.fetch(head.path.rsplit("/", 1)[1])
        if found is None:
            return error_response(404, "no recording was asked for by this token, or it is gone")
        return self.recording_response(found)

    @staticmethod
    def recording_response(recording: bytes) -> Response:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": 'attachment; filename="parley.mcap"',
            "Cache-Control": "no-store",
        }
        return Response(200, headers, recording)


async def _refuse_late(head: Head, stream: trio.abc.Stream) -> Response:
    return error_response(503, STOPPING, {"Retry-After": str(RETRY_AFTER_S)})
